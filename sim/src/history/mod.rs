//! What clients and members saw during a run, in the order of time.
//!
//! A history is the only thing that an oracle sees, so nothing in it names the simulator: the
//! same records can be taken from a real cluster, with one monotonic clock for all of them. Its
//! text form (one line per record, see [`text`]) is the *trace*: two runs of one plan must give
//! the same bytes.

mod auth;
mod blob;
mod concerns;
mod op;
mod operations;
mod queue;
mod record;
mod stats;
mod told;
mod validate;

pub mod text;

pub use auth::{Access, AuthChange};
pub use blob::Blob;
pub use op::{
    Body, Compare, CompareTarget, Delete, Event, Keys, Kv, Put, Range, Relation, Request, Response,
    Txn, TxnOp,
};
pub use operations::Operation;
pub use queue::{Observation, Place, QueueAnswer, QueueCall, Queueing, below};
pub use record::{LeaseChange, Outcome, Record, WatchEnd, WatchOpen, What, reason};
pub use stats::Stats;
pub use told::{Fill, RaftView, Severity, Told};
pub use validate::Malformed;

/// The records of a run, ordered by time. Oracles cite records by their position in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History {
    records: Vec<Record>,
}

impl History {
    /// An empty history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds what was seen at `at_ns`, nanoseconds since the start of the run. Time never goes
    /// back: an earlier time counts as that of the record before.
    pub fn push(&mut self, at_ns: u64, what: What) {
        let at_ns = at_ns.max(self.end_ns());
        self.records.push(Record { at_ns, what });
    }

    /// All records.
    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Time of the last record, nanoseconds; 0 where there is none.
    pub fn end_ns(&self) -> u64 {
        self.records.last().map_or(0, |record| record.at_ns)
    }

    /// When the faults had stopped, and how long a correct cluster may take from then on, both in
    /// nanoseconds. `None` where the run never got there.
    pub fn quiet(&self) -> Option<Quiet> {
        self.records.iter().find_map(|record| match record.what {
            What::Quiet { bound_ms, .. } => Some(Quiet {
                since_ns: record.at_ns,
                bound_ns: bound_ms * 1_000_000,
            }),
            _ => None,
        })
    }

    /// The members that the run began with, in order; empty where the history does not say.
    pub fn members(&self) -> &[u64] {
        self.records
            .iter()
            .find_map(|record| match &record.what {
                What::Cluster { members } => Some(members.as_slice()),
                _ => None,
            })
            .unwrap_or_default()
    }

    /// The members that must recover when the faults have stopped.
    pub fn core(&self) -> Vec<u64> {
        let lost = self.records.iter().find_map(|record| match &record.what {
            What::Quiet { lost, .. } => Some(lost.as_slice()),
            _ => None,
        });
        let lost = lost.unwrap_or_default();
        let members = self.members().iter();
        members
            .copied()
            .filter(|member| !lost.contains(member))
            .collect()
    }

    /// What a panic said that has ended the run.
    pub fn panic(&self) -> Option<&str> {
        self.records.iter().find_map(|record| match &record.what {
            What::Panic { text } => Some(text.as_str()),
            _ => None,
        })
    }

    /// Hash of the trace's bytes (64-bit FNV-1a): equal for two runs that did the same.
    pub fn trace_hash(&self) -> u64 {
        crate::fnv::fnv1a(self.to_string().as_bytes())
    }
}

/// The window at the end of a run in which nothing breaks any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quiet {
    /// Its beginning, nanoseconds.
    pub since_ns: u64,
    /// How long a correct cluster may take to do what it owes, nanoseconds.
    pub bound_ns: u64,
}
