//! Every oracle against the histories under `sim/histories`: a checker that has never rejected
//! anything does not count.

mod agreement;
mod copy;
mod generated;

use std::{fs, path::PathBuf};

use super::{ORACLES, Oracle, judge};
use crate::history::History;

/// The histories of `oracle` whose file names begin with `kind`, with their names.
fn histories(oracle: &str, kind: &str) -> Vec<(String, String)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("histories")
        .join(oracle);
    let mut files: Vec<_> = fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with(kind)
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{oracle} has no {kind} history");
    files
        .into_iter()
        .map(|path| {
            (
                format!("{}", path.display()),
                fs::read_to_string(&path).unwrap(),
            )
        })
        .collect()
}

/// The cross-check rejects oracles, not histories: it has tests of its own.
fn rejects_histories(oracle: &Oracle) -> bool {
    oracle.name != "cross_check"
}

fn parse(name: &str, text: &str) -> History {
    text.parse()
        .unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn each_oracle_rejects_its_broken_histories_for_the_stated_reason() {
    for oracle in ORACLES.iter().filter(|oracle| rejects_histories(oracle)) {
        for (name, text) in histories(oracle.name, "broken-") {
            let reason = text
                .lines()
                .find_map(|line| line.strip_prefix("# expect: "))
                .unwrap_or_else(|| panic!("{name} does not say what to expect"));
            let history = parse(&name, &text);
            let violation = oracle.judge(&history).expect_err(&name);
            assert!(
                violation.explanation.contains(reason),
                "{name}
expected: {reason}
got: {}",
                violation.report(&history)
            );
        }
    }
}

#[test]
fn all_oracles_accept_the_good_histories() {
    for oracle in &ORACLES {
        for (name, text) in histories(oracle.name, "good-") {
            let history = parse(&name, &text);
            let reports: Vec<_> = judge(&history).iter().map(|v| v.report(&history)).collect();
            assert!(reports.is_empty(), "{name}\n{}", reports.join("\n"));
        }
    }
}

#[test]
fn every_directory_of_histories_belongs_to_an_oracle() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("histories");
    for entry in fs::read_dir(directory).unwrap() {
        let name = entry.unwrap().file_name();
        assert!(ORACLES.iter().any(|oracle| name == oracle.name), "{name:?}");
    }
}
