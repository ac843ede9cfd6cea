//! What the simulator relies on: it replaces the product's surroundings in a few modules, and all
//! other code does the same thing every time it is given the same.

use super::{
    absences::{Ban, banned},
    finding,
};
use crate::tidy::{Finding, Tree};

/// The modules that are compiled differently for the simulator, and the simulator itself.
const SEAMS: &[&str] = &[
    "server/src/clock.rs",
    "server/src/clock/",
    "server/src/runtime.rs",
    "server/src/runtime/",
    "server/src/wire/",
    "server/src/disk/",
    "server/src/raft/runtime.rs",
    "sim/",
];

/// Not repeatable even where the simulator is behind it, so not in the simulator either.
const NEVER: &[Ban] = &[
    Ban {
        name: "sync::watch",
        instead: "it wakes in an order of its own; take raft's watch",
    },
    Ban {
        name: "tokio::fs",
        instead: "it runs on threads; take disk::Disk",
    },
];

/// What reaches past a seam.
const OUTSIDE_THE_SEAMS: &[Ban] = &[
    Ban {
        name: "spawn_blocking",
        instead: "threads cannot be simulated; take runtime or disk",
    },
    Ban {
        name: "thread::spawn",
        instead: "threads cannot be simulated; take runtime::dedicated",
    },
    Ban {
        name: "thread::Builder",
        instead: "threads cannot be simulated; take runtime::dedicated",
    },
    Ban {
        name: "thread::sleep",
        instead: "it stops a simulation; take clock::sleep",
    },
    Ban {
        name: "tokio::spawn",
        instead: "take runtime::spawn",
    },
    Ban {
        name: "tokio::time",
        instead: "take clock",
    },
    Ban {
        name: "tokio::net",
        instead: "take wire",
    },
    Ban {
        name: "std::fs",
        instead: "take disk::Disk",
    },
];

const NOW: &[Ban] = &[
    Ban {
        name: "Instant::now",
        instead: "take clock::now",
    },
    Ban {
        name: "SystemTime::now",
        instead: "take clock::wall_ms",
    },
];

pub(super) fn madsim_stays_in_the_seams(tree: &Tree) -> Vec<Finding> {
    let ban = Ban {
        name: "madsim",
        instead: "only the seams differ in simulation",
    };
    banned(tree, &[ban], |path| !is_seam(path))
}

pub(super) fn simulated_code_is_repeatable(tree: &Tree) -> Vec<Finding> {
    let is_server = |path: &str| path.starts_with("server/src/") && path != "server/src/main.rs";
    let is_clock = |path: &str| path.starts_with("server/src/clock");
    let mut findings = banned(tree, NEVER, |path| {
        is_server(path) || path.starts_with("sim/src/")
    });
    findings.extend(banned(tree, OUTSIDE_THE_SEAMS, |path| {
        is_server(path) && !is_seam(path)
    }));
    findings.extend(banned(tree, NOW, |path| is_server(path) && !is_clock(path)));
    findings
}

/// An unbiased `select!` begins with a branch drawn at random.
pub(super) fn select_is_biased(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.sources() {
        for window in source.tokens.windows(5) {
            let [name, bang, _open, first, second] = window else {
                continue;
            };
            let is_select = name.text == "select" && bang.text == "!";
            let is_biased = first.text == "biased" && second.text == ";";
            if is_select && !is_biased && !source.is_test(name.line) {
                findings.push(finding(path, name.line, "select!: begin it with `biased;`"));
            }
        }
    }
    findings
}

fn is_seam(path: &str) -> bool {
    SEAMS.iter().any(|seam| path.starts_with(seam))
}
