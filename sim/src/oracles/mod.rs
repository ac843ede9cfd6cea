//! What a history must satisfy. Each oracle is one file and a pure function from a history to a
//! verdict; none knows whether the history came from the simulator or from a real cluster.
//!
//! Every oracle has broken histories that it must reject, and good ones that all must accept, as
//! text under `sim/histories/<oracle>/`.

mod auth;
mod clocks;
mod compaction;
mod convergence;
mod cross_check;
mod durability;
mod floors;
mod leadership;
mod lease;
mod ledger;
mod linearizability;
mod locks;
mod logs;
mod matching;
mod model;
mod model_equivalence;
mod observers;
mod panic;
mod queues;
mod raft;
mod remaining;
mod replica_equality;
mod search;
mod stall;
mod watch;

use std::fmt;

use crate::history::History;

/// An oracle: its name, what it stands for, and the check itself.
pub struct Oracle {
    /// Its name, the same as its file's.
    pub name: &'static str,
    /// The sentence that a history must not contradict.
    pub promise: &'static str,
    check: fn(&History) -> Result<(), Finding>,
}

/// All oracles.
pub const ORACLES: [Oracle; 17] = [
    Oracle {
        name: "panic",
        promise: "A run comes to its end.",
        check: panic::check,
    },
    Oracle {
        name: "model_equivalence",
        promise: "Every entry does what the reference model says.",
        check: model_equivalence::check,
    },
    Oracle {
        name: "replica_equality",
        promise: "At one log position all members have the same state.",
        check: replica_equality::check,
    },
    Oracle {
        name: "leadership",
        promise: "A term has at most one leader.",
        check: leadership::check,
    },
    Oracle {
        name: "raft",
        promise: "Votes and logs keep raft's invariants.",
        check: raft::check,
    },
    Oracle {
        name: "durability",
        promise: "What was acknowledged or seen is never lost.",
        check: durability::check,
    },
    Oracle {
        name: "linearizability",
        promise: "Every answer is what one copy, doing one operation at a time between its \
                  request and its answer, would have given.",
        check: linearizability::check,
    },
    Oracle {
        name: "cross_check",
        promise: "A search for an order of the operations comes to the same verdict as the order \
                  that their answers state.",
        check: cross_check::agree,
    },
    Oracle {
        name: "compaction",
        promise: "What is compacted is refused, and nothing else is.",
        check: compaction::check,
    },
    Oracle {
        name: "watch",
        promise: "A watch delivers every event of its keys once, in order, whole revisions, \
                  nothing that is not yet committed.",
        check: watch::check,
    },
    Oracle {
        name: "lease",
        promise: "A lease lives at least its time to live by the fastest clock, ends soon after \
                  it by the slowest, and takes its keys with it in one revision.",
        check: lease::check,
    },
    Oracle {
        name: "locks",
        promise: "A lock is held, and an election won, by whoever's key came first; who leads is told \
                  as it is.",
        check: locks::check,
    },
    Oracle {
        name: "observers",
        promise: "Who observes an election hears of its leaders, and of all that they proclaim.",
        check: observers::check,
    },
    Oracle {
        name: "auth",
        promise: "What is answered was allowed to whoever asked, and what is refused was not.",
        check: auth::check,
    },
    Oracle {
        name: "logs",
        promise: "Members log warnings and errors only for the faults that explain them.",
        check: logs::check,
    },
    Oracle {
        name: "queues",
        promise: "No queue is longer than its limit, and in the end all are empty.",
        check: queues::check,
    },
    Oracle {
        name: "convergence",
        promise: "When nothing breaks any more, all members agree and serve within a bounded time.",
        check: convergence::check,
    },
];

impl Oracle {
    /// The oracle's verdict on `history`.
    pub fn judge(&self, history: &History) -> Result<(), Violation> {
        (self.check)(history).map_err(|finding| Violation {
            oracle: self.name,
            explanation: finding.explanation,
            records: finding.records,
        })
    }
}

/// The verdicts of all oracles that reject `history`; none is well.
pub fn judge(history: &History) -> Vec<Violation> {
    ORACLES
        .iter()
        .filter_map(|oracle| oracle.judge(history).err())
        .collect()
}

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The oracle that found it.
    pub oracle: &'static str,
    /// What is wrong, in words.
    pub explanation: String,
    /// The records that show it, by their position in the history.
    pub records: Vec<usize>,
}

impl Violation {
    /// The violation together with the records that show it, one to a line.
    pub fn report(&self, history: &History) -> String {
        let mut text = self.to_string();
        let mut records = self.records.clone();
        records.sort_unstable();
        records.dedup();
        for record in records {
            text.push_str(&format!("\n    {}", history.records()[record]));
        }
        text
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.oracle, self.explanation)
    }
}

/// A violation before it has its oracle's name.
#[derive(Clone, Debug)]
struct Finding {
    explanation: String,
    records: Vec<usize>,
}

impl Finding {
    fn new(explanation: impl Into<String>, records: impl IntoIterator<Item = usize>) -> Self {
        Self {
            explanation: explanation.into(),
            records: records.into_iter().collect(),
        }
    }

    /// For `return Err(…)` and `?`.
    fn err<T>(
        explanation: impl Into<String>,
        records: impl IntoIterator<Item = usize>,
    ) -> Result<T, Self> {
        Err(Self::new(explanation, records))
    }
}

/// Nanoseconds as seconds, for explanations.
fn seconds(ns: u64) -> String {
    format!("{:.3} s", ns as f64 / 1e9)
}

#[cfg(test)]
mod tests;
