//! Plans that once failed: each is run again.

use std::path::Path;

use super::{
    Ending, Failure, Settings, keep,
    many::{self, Run},
};

/// Runs every plan of `directory`, in the order of their names.
pub(super) fn replay(directory: &Path, settings: &Settings) -> Result<Ending, Failure> {
    let plans = keep::plans(directory)?;
    let runs: Vec<Run> = plans.iter().map(|path| Run::of_file(path, None)).collect();
    let (ending, _) = many::run(&runs, settings)?;
    Ok(ending)
}
