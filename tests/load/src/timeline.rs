//! Which operations count, and as what.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Instant,
};

/// An instant that has not come yet.
const NEVER: u64 = u64::MAX;

/// What an operation counts as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Not measured: before, after, or between disturbances.
    None,
    /// Measured, before any disturbance.
    Quiet,
    /// Measured, and a disturbance was under way for a part of it.
    Disturbed,
}

/// When measuring begins and ends, and when the server is disturbed. Shared between the clients, who
/// read it, and whoever conducts them. All times are nanoseconds since the start.
pub struct Timeline {
    start: Instant,
    measured_from: AtomicU64,
    measured_until: AtomicU64,
    first_disturbed: AtomicU64,
    last_disturbed: AtomicU64,
    is_disturbed: AtomicBool,
    is_over: AtomicBool,
}

impl Timeline {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            measured_from: AtomicU64::new(NEVER),
            measured_until: AtomicU64::new(NEVER),
            first_disturbed: AtomicU64::new(NEVER),
            last_disturbed: AtomicU64::new(0),
            is_disturbed: AtomicBool::new(false),
            is_over: AtomicBool::new(false),
        }
    }

    /// From now on the server is disturbed. Operations from here on are no longer quiet.
    pub fn disturb(&self) {
        self.is_disturbed.store(true, Relaxed);
        self.first_disturbed.fetch_min(self.now(), Relaxed);
    }

    /// From now on it no longer is.
    pub fn leave_alone(&self) {
        self.last_disturbed.store(self.now(), Relaxed);
        self.is_disturbed.store(false, Relaxed);
    }

    pub(crate) fn begin_to_measure(&self) {
        self.measured_from.store(self.now(), Relaxed);
    }

    pub(crate) fn end_measuring(&self) {
        self.measured_until.fetch_min(self.now(), Relaxed);
    }

    /// No client begins anything new.
    pub(crate) fn finish(&self) {
        self.end_measuring();
        self.is_over.store(true, Relaxed);
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Relaxed)
    }

    /// What an operation that was due then and has just ended counts as.
    pub(crate) fn phase(&self, due: Instant, ended: Instant) -> Phase {
        let (due, ended) = (self.since_start(due), self.since_start(ended));
        let is_measured =
            due >= self.measured_from.load(Relaxed) && ended <= self.measured_until.load(Relaxed);
        if !is_measured {
            Phase::None
        } else if ended < self.first_disturbed.load(Relaxed) {
            Phase::Quiet
        } else if self.is_disturbed.load(Relaxed) || due < self.last_disturbed.load(Relaxed) {
            Phase::Disturbed
        } else {
            Phase::None
        }
    }

    fn now(&self) -> u64 {
        self.since_start(Instant::now())
    }

    fn since_start(&self, instant: Instant) -> u64 {
        instant.saturating_duration_since(self.start).as_nanos() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operation_counts_as_what_happened_while_it_ran() {
        let timeline = Timeline::new();
        let before = Instant::now();
        assert_eq!(timeline.phase(before, Instant::now()), Phase::None);
        timeline.begin_to_measure();
        assert_eq!(timeline.phase(before, Instant::now()), Phase::None);
        let quiet = Instant::now();
        assert_eq!(timeline.phase(quiet, Instant::now()), Phase::Quiet);
        timeline.disturb();
        assert_eq!(timeline.phase(quiet, Instant::now()), Phase::Disturbed);
        let disturbed = Instant::now();
        timeline.leave_alone();
        assert_eq!(timeline.phase(disturbed, Instant::now()), Phase::Disturbed);
        let after = Instant::now();
        assert_eq!(timeline.phase(after, Instant::now()), Phase::None);
        timeline.finish();
        assert_eq!(timeline.phase(quiet, Instant::now()), Phase::None);
    }
}
