//! What must not occur: in the core, and of openraft outside its module.

use super::finding;
use crate::tidy::{Finding, Tree};

/// A name that must not occur, and what there is instead.
pub(super) struct Ban {
    pub name: &'static str,
    pub instead: &'static str,
}

/// The core does no I/O, spawns nothing, reads no clock, draws no random number and iterates over no
/// unordered map.
const IMPURE: &[Ban] = &[
    Ban {
        name: "Instant",
        instead: "time comes in with each entry",
    },
    Ban {
        name: "SystemTime",
        instead: "time comes in with each entry",
    },
    Ban {
        name: "HashMap",
        instead: "its order varies; take BTreeMap or imbl::OrdMap",
    },
    Ban {
        name: "HashSet",
        instead: "its order varies; take BTreeSet or imbl::OrdSet",
    },
    Ban {
        name: "std::fs",
        instead: "the core does no I/O",
    },
    Ban {
        name: "std::net",
        instead: "the core does no I/O",
    },
    Ban {
        name: "std::io",
        instead: "the core does no I/O",
    },
    Ban {
        name: "std::env",
        instead: "the core does no I/O",
    },
    Ban {
        name: "std::process",
        instead: "the core does no I/O",
    },
    Ban {
        name: "std::thread",
        instead: "the core spawns nothing",
    },
    Ban {
        name: "async",
        instead: "the core awaits nothing",
    },
    Ban {
        name: "tokio",
        instead: "the core awaits nothing",
    },
    Ban {
        name: "rand",
        instead: "the core draws no random number",
    },
    Ban {
        name: "getrandom",
        instead: "the core draws no random number",
    },
    Ban {
        name: "tonic",
        instead: "wire types end at the server",
    },
    Ban {
        name: "prost",
        instead: "wire types end at the server",
    },
    Ban {
        name: "println!",
        instead: "the core does no I/O",
    },
    Ban {
        name: "print!",
        instead: "the core does no I/O",
    },
    Ban {
        name: "eprintln!",
        instead: "the core does no I/O",
    },
    Ban {
        name: "eprint!",
        instead: "the core does no I/O",
    },
];

/// What the core may depend on: data structures, checksums, and the text of errors.
const CORE_DEPENDENCIES: &[&str] = &[
    "bytes",
    "crc32c",
    "equivalent",
    "imbl",
    "thiserror",
    "triomphe",
];

const OPENRAFT: &[&str] = &[
    "openraft",
    "openraft_macros",
    "openraft_rt",
    "openraft_rt_tokio",
];
const RAFT_MODULE: &str = "server/src/raft/";

pub(super) fn core_is_pure(tree: &Tree) -> Vec<Finding> {
    banned(tree, IMPURE, |path| path.starts_with("core/src/"))
}

pub(super) fn core_depends_on_little(tree: &Tree) -> Vec<Finding> {
    let manifest = "core/Cargo.toml";
    let mut section = "";
    let mut findings = Vec::new();
    for (index, line) in tree.text(manifest).unwrap_or_default().lines().enumerate() {
        if line.starts_with('[') {
            section = line.trim();
            continue;
        }
        let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
        let is_dependency = section == "[dependencies]" && !name.is_empty() && name != "#";
        if is_dependency && !CORE_DEPENDENCIES.contains(&name) {
            let message = format!("{name}: the core depends only on {CORE_DEPENDENCIES:?}");
            findings.push(finding(manifest, index + 1, message));
        }
    }
    findings
}

pub(super) fn openraft_stays_in_its_module(tree: &Tree) -> Vec<Finding> {
    let bans = OPENRAFT.iter().map(|name| Ban {
        name,
        instead: "belongs in server/src/raft/ only",
    });
    banned(tree, &bans.collect::<Vec<_>>(), |path| {
        !path.starts_with(RAFT_MODULE)
    })
}

/// Where the banned names occur outside tests, in the files that `applies` picks.
pub(super) fn banned(tree: &Tree, bans: &[Ban], applies: impl Fn(&str) -> bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, source) in tree.sources().filter(|(path, _)| applies(path)) {
        let text = tree.text(path).unwrap_or_default();
        let is_mentioned = |ban: &&Ban| ban.name.split("::").all(|part| text.contains(part));
        for ban in bans.iter().filter(is_mentioned) {
            for spelled in source
                .product_paths
                .iter()
                .filter(|spelled| spelled.has(ban.name))
            {
                let message = format!("{}: {}", ban.name, ban.instead);
                findings.push(finding(path, spelled.line, message));
            }
        }
    }
    findings
}
