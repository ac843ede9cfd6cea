//! The oracles on a trace from a file.

use std::{fs, path::Path};

use super::{Ending, Failure, at_path, say};
use crate::{
    history::{History, Stats},
    oracles,
};

/// Judges the trace in `path`.
pub(super) fn check(path: &Path) -> Result<Ending, Failure> {
    let history = read(path)?;
    let violations = oracles::judge(&history);
    for violation in &violations {
        say(&violation.report(&history));
    }
    if violations.is_empty() {
        say(&format!("ok  {}", Stats::of(&history)));
    }
    Ok(Ending::found_if(!violations.is_empty()))
}

/// The history whose trace is in `path`.
pub(super) fn read(path: &Path) -> Result<History, Failure> {
    let text = fs::read_to_string(path).map_err(at_path(path))?;
    text.parse().map_err(|error| Failure::Trace {
        path: path.to_owned(),
        error,
    })
}
