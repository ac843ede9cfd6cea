//! Breaches that are accepted, each with its reason.

use super::Exception;

pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        rule: "madsim stays in the seams",
        path: "core/src/planted.rs",
        what: "madsim",
        reason: "planted bugs must not exist in any build that serves clients",
    },
    Exception {
        rule: "madsim stays in the seams",
        path: "core/src/probe.rs",
        what: "madsim",
        reason: "points cost nothing in any build that serves clients",
    },
    Exception {
        rule: "core is pure",
        path: "core/src/hashed.rs",
        what: "HashMap",
        reason: "is looked up only, never iterated over, and hashes the same on every run",
    },
    Exception {
        rule: "simulated code is repeatable",
        path: "server/src/auth/jwt.rs",
        what: "std::fs",
        reason: "keys are the operator's files, outside the data directory, read once at start",
    },
];
