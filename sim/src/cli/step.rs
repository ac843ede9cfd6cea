//! A walk through a trace, by lines from standard input.

use std::{
    io::{self, BufRead, IsTerminal as _, Write},
    path::Path,
};

use super::{Ending, Failure, at_path, check, say};
use crate::walk::{Reply, Walk};

/// Walks through the trace in `path` until the input ends or says so.
pub(super) fn step(path: &Path) -> Result<Ending, Failure> {
    let history = check::read(path)?;
    let mut walk = Walk::new(&history);
    let is_watched = io::stdin().is_terminal();
    let mut lines = io::stdin().lock().lines();
    answer(&mut walk, "open");
    loop {
        if is_watched {
            let _ = write!(io::stdout(), "> ").and_then(|()| io::stdout().flush());
        }
        let Some(line) = lines.next() else {
            return Ok(Ending::Well);
        };
        if !answer(&mut walk, &line.map_err(at_path("standard input"))?) {
            return Ok(Ending::Well);
        }
    }
}

/// Whether the walk goes on.
fn answer(walk: &mut Walk<'_>, line: &str) -> bool {
    match walk.carry_out(line) {
        Reply::Over => return false,
        Reply::Text(text) if text.is_empty() => {}
        Reply::Text(text) => say(&text),
    }
    true
}
