//! One watcher: where it stands in history and how much waits for it.

use std::sync::Arc;

use super::{StreamId, create::Spec};
use crate::{
    limits::WatchLimits,
    planted::{Bug, is_planted},
};

/// Names a watcher within the hub, for ever: unlike the client's watch id it is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WatcherId(pub(super) u64);

/// See the module.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) stream: StreamId,
    pub(super) watch_id: i64,
    pub(super) spec: Arc<Spec>,
    /// As requested: 0 for "from now on".
    start_revision: i64,
    state: State,
    /// Memory that its queued events hold on to.
    pub(super) queued_bytes: usize,
    /// Its queued responses with events.
    pub(super) queued_responses: usize,
    /// Events were handed over since the last tick of the progress timer.
    pub(super) active: bool,
    /// A progress response of its own is queued.
    pub(super) progress_queued: bool,
}

/// ```text
///              fall_behind                start_catch_up
///      Live ----------------> Behind ----------------------> CatchingUp
///       ^                     | ^  |                          |   |
///       |        join         | |  |    finish_catch_up       |   |
///       +---------------------+ +--|--------------------------+   |
///                                  |    cancel_compacted          |
///                                  +---------> Compacted <--------+
/// ```
/// A watcher begins as `Behind`, and joins at once if there is no history that it wants.
#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Gets each revision from `floor` on when it is published. Is in the index.
    Live { floor: i64 },
    /// Nothing from `next` on is queued. Waits for its queue to drain and a catch-up to begin.
    Behind { next: i64 },
    /// A catch-up from `next` on is under way outside the hub.
    CatchingUp { next: i64 },
    /// Cancelled by compaction. Keeps its id until the client cancels it (corner case 80).
    Compacted,
}

impl Watcher {
    pub(super) fn new(stream: StreamId, watch_id: i64, spec: Spec, start: Start) -> Self {
        Self {
            stream,
            watch_id,
            spec: Arc::new(spec),
            start_revision: start.requested,
            state: State::Behind { next: start.next },
            queued_bytes: 0,
            queued_responses: 0,
            active: false,
            progress_queued: false,
        }
    }

    /// The watcher as what is queued for it needs to know it; `id` is its own.
    pub(super) fn recipient(&self, id: WatcherId) -> Recipient {
        Recipient {
            id,
            watch_id: self.watch_id,
            spec: Arc::clone(&self.spec),
        }
    }

    pub(super) fn is_live(&self) -> bool {
        matches!(self.state, State::Live { .. })
    }

    /// Whether it is live and wants `revision`.
    pub(super) fn takes(&self, revision: i64) -> bool {
        matches!(self.state, State::Live { floor } if floor <= revision)
    }

    /// Whether it has been given, or has queued, all that it wants up to `published`, and has
    /// reached its start.
    pub(super) fn has_reached(&self, published: i64) -> bool {
        let State::Live { floor } = self.state else {
            return false;
        };
        let has_begun = self.start_revision <= published && floor <= published + 1;
        has_begun || is_planted(Bug::ProgressBeforeStart)
    }

    /// Whether compaction has cancelled it.
    pub(super) fn is_compacted(&self) -> bool {
        self.state == State::Compacted
    }

    /// The first revision that it lacks, if it waits for a catch-up.
    pub(super) fn behind(&self) -> Option<i64> {
        match self.state {
            State::Behind { next } => Some(next),
            _ => None,
        }
    }

    /// Whether `bytes` of events more may wait for it. The first response may always.
    pub(super) fn has_room(&self, bytes: usize, limits: &WatchLimits) -> bool {
        self.queued_responses == 0
            || (self.queued_responses < limits.buffer_responses_max
                && self.queued_bytes + bytes <= limits.buffer_bytes_max)
    }

    /// It lacks nothing published any more.
    pub(super) fn join(&mut self) {
        if let State::Behind { next } = self.state {
            let floor = match is_planted(Bug::FutureWatchGetsOldEvents) {
                true => 0,
                false => next,
            };
            self.state = State::Live { floor };
        }
    }

    /// It cannot be given `revision`, nor what follows, when it is published.
    pub(super) fn fall_behind(&mut self, revision: i64) {
        if let State::Live { floor } = self.state {
            self.state = State::Behind {
                next: revision.max(floor),
            };
        }
    }

    /// What it lacked before `next` is queued now.
    pub(super) fn advance(&mut self, next: i64) {
        if let State::Behind { next: current } = &mut self.state {
            *current = next.max(*current);
        }
    }

    /// A catch-up begins; returns where.
    pub(super) fn start_catch_up(&mut self) -> Option<i64> {
        let next = self.behind()?;
        self.state = State::CatchingUp { next };
        Some(next)
    }

    /// A catch-up is back and has come to `next`; says whether one was under way.
    pub(super) fn finish_catch_up(&mut self, next: i64) -> bool {
        let State::CatchingUp { next: from } = self.state else {
            return false;
        };
        self.state = State::Behind {
            next: next.max(from),
        };
        true
    }

    /// What it lacks is gone.
    pub(super) fn cancel_compacted(&mut self) {
        self.state = State::Compacted;
    }
}

/// To whom something queued goes. Outlives the watcher: what is queued when the client cancels it
/// still precedes the canceled response, or a response about progress queued behind it would lie.
#[derive(Clone, Debug)]
pub(super) struct Recipient {
    pub(super) id: WatcherId,
    pub(super) watch_id: i64,
    pub(super) spec: Arc<Spec>,
}

/// Where a watcher begins.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start {
    /// The requested revision, 0 for "from now on".
    pub(super) requested: i64,
    /// The first revision to deliver.
    pub(super) next: i64,
}

impl Start {
    pub(super) fn new(requested: i64, current_revision: i64) -> Self {
        let next = if requested == 0 {
            current_revision + 1
        } else {
            requested
        };
        let back = i64::from(is_planted(Bug::WatchTravelsBack) && requested > 1);
        let next = next - back;
        Self { requested, next }
    }
}
