//! `cargo mutations [PATH]`: see [`quorate_tests::mutations`].

use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let below = std::env::args().nth(1).unwrap_or_default();
    match quorate_tests::mutations::run(&root, &below) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("a mistake was not noticed");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
