//! The two judges of linearizability agree: on the histories of all oracles, on long random ones
//! with and without a lie, and on random ones whose operations are said to have taken less time
//! than they did, so that some have an order and some have none.

use std::{fs, path::PathBuf};

use super::{
    copy::{Copy, ORDINARY, Shape},
    generated::{LIES, tell},
};
use crate::{
    history::{History, What},
    oracles::{
        cross_check,
        search::{Found, search},
    },
    plan::Stream,
};

/// Small, many at a time, and much is lost: as hard as it gets.
const CONFUSED: Shape = Shape {
    clients: 7,
    keys: 3,
    ops: 120,
    lost_percent: 45,
};

/// Whether there is an order, after checking that the judges agree and have come to an end.
fn is_explained(name: &str, history: &History) -> bool {
    if let Err(finding) = cross_check::agree(history) {
        let violation = crate::oracles::Violation {
            oracle: "cross_check",
            explanation: finding.explanation,
            records: finding.records,
        };
        panic!("{name}: {}", violation.report(history));
    }
    let found = search(history);
    assert_ne!(found, Found::GaveUp, "{name}");
    found == Found::Order
}

#[test]
fn on_the_histories_of_all_oracles() {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("histories");
    let mut rejected = 0;
    for oracle in fs::read_dir(directory).unwrap() {
        for file in fs::read_dir(oracle.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let history: History = fs::read_to_string(&path).unwrap().parse().unwrap();
            rejected += usize::from(!is_explained(&path.display().to_string(), &history));
        }
    }
    assert!(rejected >= 14, "only {rejected} are rejected");
}

#[test]
fn on_random_histories_with_and_without_a_lie() {
    for seed in 0..6 {
        for shape in [ORDINARY, CONFUSED] {
            let history = Copy::run(seed, shape);
            assert!(is_explained(&format!("seed {seed}"), &history));
            for (name, lie) in LIES {
                // Not all of these can be told where little is answered.
                if let Some(lied) = tell(&history, seed, lie) {
                    is_explained(&format!("{name}, seed {seed}"), &lied);
                }
            }
        }
    }
}

#[test]
fn on_random_histories_with_shorter_operations() {
    let (mut explained, mut rejected) = (0, 0);
    for seed in 0..300 {
        let history = hurried(&Copy::run(seed, CONFUSED), seed);
        if is_explained(&format!("seed {seed}"), &history) {
            explained += 1;
        } else {
            rejected += 1;
        }
    }
    assert!(explained > 30 && rejected > 30, "{explained}, {rejected}");
}

/// `history` with some requests later than they were.
fn hurried(history: &History, seed: u64) -> History {
    let mut stream = Stream::new(seed, "hurried");
    let percent = stream.pick(&[1, 2, 5]);
    let mut records = history.records().to_vec();
    for operation in history.operations() {
        let Some((end_ns, end_record, _)) = operation.end else {
            continue;
        };
        if stream.chance(percent) {
            records[operation.invoke_record].at_ns = stream.between(operation.invoke_ns, end_ns);
            records[end_record].at_ns = end_ns;
        }
    }
    // Stable: an answer stays behind its request, what was seen behind what it shows.
    records.sort_by_key(|record| (record.at_ns, !matches!(record.what, What::Invoke { .. })));
    let mut changed = History::new();
    for record in records {
        changed.push(record.at_ns, record.what);
    }
    changed
}
