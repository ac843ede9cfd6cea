//! The figures of a run, for the one line that is printed for each seed.

use std::fmt;

use super::{History, Outcome, What};

/// How much happened in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Operations that clients began.
    pub ops: u64,
    /// Of these, carried out.
    pub ok: u64,
    /// Of these, refused.
    pub failed: u64,
    /// Events delivered to watches.
    pub watch_events: u64,
    /// Faults begun and ended.
    pub faults: u64,
    /// Of these, disks that began to fail, to stall, to be full or to rot.
    pub disk_faults: u64,
    /// Times that a member became leader.
    pub elections: u64,
    /// Greatest log position that a member applied.
    pub applied: u64,
    /// Time simulated, nanoseconds.
    pub elapsed_ns: u64,
}

impl Stats {
    /// Counts `history`.
    pub fn of(history: &History) -> Self {
        let mut stats = Self {
            elapsed_ns: history.end_ns(),
            ..Self::default()
        };
        for record in history.records() {
            match &record.what {
                What::Invoke { .. } => stats.ops += 1,
                What::Return {
                    outcome: Outcome::Ok(_),
                    ..
                } => stats.ok += 1,
                What::Return {
                    outcome: Outcome::Failed(_),
                    ..
                } => stats.failed += 1,
                What::WatchEvents { events, .. } => stats.watch_events += events.len() as u64,
                What::Fault { text } => {
                    stats.faults += 1;
                    let breaks = text.starts_with("disk of ") && text.contains(" breaks: ");
                    stats.disk_faults += u64::from(breaks);
                }
                What::Leader { .. } => stats.elections += 1,
                What::Applied { index, .. } => stats.applied = stats.applied.max(*index),
                _ => {}
            }
        }
        stats
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = self.ops - self.ok - self.failed;
        let seconds = self.elapsed_ns as f64 / 1e9;
        write!(
            f,
            "{} ops ({} ok, {} refused, {unknown} unknown), {} watch events, {} faults \
             ({} of disks), {} elections, {} applied, {seconds:.1} s simulated",
            self.ops,
            self.ok,
            self.failed,
            self.watch_events,
            self.faults,
            self.disk_faults,
            self.elections,
            self.applied,
        )
    }
}
