//! Plans that once failed: each is run again.

use std::{ffi::OsStr, fs, path::Path};

use super::{
    Ending, Failure, Settings, at_path,
    many::{self, Run},
};

/// Runs every plan of `directory`, in the order of their names.
pub(super) fn replay(directory: &Path, settings: &Settings) -> Result<Ending, Failure> {
    let mut runs = Vec::new();
    for entry in fs::read_dir(directory).map_err(at_path(directory))? {
        let path = entry.map_err(at_path(directory))?.path();
        if path.extension() == Some(OsStr::new("toml")) {
            runs.push(path);
        }
    }
    runs.sort();
    many::run(
        runs.iter().map(|path| Run::of_file(path, None)).collect(),
        settings,
    )
}
