//! Scenarios as text with recorded answers. Each file of this directory is a run of one state
//! machine: paragraphs of a command, a line `----`, and what came out. Numbers in brackets are
//! those of the contract's corner cases.
//!
//! After a change that is meant to show, `UPDATE_SCENARIOS=1 cargo test -p quorate-core` records
//! anew; read the difference before you commit it.

// All of this is a test.
#![allow(clippy::unwrap_used)]

mod run;
mod script;

use std::{env, fs, path::Path};

#[test]
fn scenarios_come_out_as_recorded() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut paths: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    assert!(!paths.is_empty());

    let mut differences = Vec::new();
    for path in paths {
        let recorded = fs::read_to_string(&path).unwrap();
        let replayed = run::replay(&recorded);
        if replayed == recorded {
            continue;
        }
        if env::var_os("UPDATE_SCENARIOS").is_some() {
            fs::write(&path, replayed).unwrap();
        } else {
            differences.push(first_difference(&path, &recorded, &replayed));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn a_wrong_record_is_noticed() {
    let recorded = "put a 1\n----\nrevision=3\n";
    assert_ne!(run::replay(recorded), recorded);
}

fn first_difference(path: &Path, recorded: &str, replayed: &str) -> String {
    let lines = recorded.lines().zip(replayed.lines());
    let line = lines
        .take_while(|(recorded, replayed)| recorded == replayed)
        .count();
    format!(
        "{}:{}\n  recorded: {}\n  now:      {}",
        path.display(),
        line + 1,
        recorded.lines().nth(line).unwrap_or("(end)"),
        replayed.lines().nth(line).unwrap_or("(end)"),
    )
}
