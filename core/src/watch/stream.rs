//! One stream: the watch ids in use on it, and what waits to be sent, in order.

use std::collections::{BTreeMap, VecDeque};

use super::{
    batch::{Picked, Published},
    response::WatchResponse,
    watcher::{Recipient, WatcherId},
};
use crate::{kv::Event, limits::WatchLimits};

/// Queued items for which an empty queue keeps memory. Thousands of streams may have been busy once.
const IDLE_QUEUE_MAX: usize = 16;

/// See the module. One queue for everything makes the order of responses plain: an event follows
/// its watcher's created response, and progress follows the events that it speaks of.
#[derive(Debug, Default)]
pub(super) struct Stream {
    /// Watchers by the client's id, those cancelled by compaction included.
    pub(super) ids: BTreeMap<i64, WatcherId>,
    /// The next id to assign; only grows.
    next_id: i64,
    queue: VecDeque<Queued>,
    /// Parts of a split response that follow on the one sent last.
    pub(super) parts: VecDeque<WatchResponse>,
    /// Watchers that may start to catch up: behind, with nothing queued. Those cancelled
    /// meanwhile are skipped.
    pub(super) waiting: VecDeque<WatcherId>,
    /// The last poll started a catch-up: a response is next, if there is one.
    pub(super) responses_first: bool,
    /// Memory that queued events hold on to; shared ones count once for each watcher.
    bytes: usize,
    /// Queued answers to requests.
    answers: usize,
}

/// Something to send.
#[derive(Debug)]
pub(super) enum Queued {
    /// The answer to a request, or a cancellation.
    Answer(WatchResponse),
    /// A watcher's own progress.
    Progress { to: Recipient, revision: i64 },
    /// Events of one revision, as they were published.
    Live {
        to: Recipient,
        published: Published,
        picked: Picked,
    },
    /// Events of the past, at store revision `revision`.
    Replay {
        to: Recipient,
        revision: i64,
        events: Vec<Event>,
        bytes: usize,
    },
}

impl Queued {
    /// Memory that its events hold on to. Answers are bounded by number instead.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Answer(_) | Self::Progress { .. } => 0,
            Self::Live { published, .. } => published.bytes,
            Self::Replay { bytes, .. } => *bytes,
        }
    }

    /// The watcher whose events these are.
    pub(super) fn events_of(&self) -> Option<WatcherId> {
        match self {
            Self::Answer(_) | Self::Progress { .. } => None,
            Self::Live { to, .. } | Self::Replay { to, .. } => Some(to.id),
        }
    }
}

impl Stream {
    /// Number of responses that wait to be sent.
    pub(super) fn load(&self) -> usize {
        self.queue.len() + self.parts.len()
    }

    /// The id for a new watcher: `requested`, or for 0 the next one that is not in use. `None` if
    /// `requested` is in use.
    pub(super) fn assign_id(&mut self, requested: i64) -> Option<i64> {
        if requested != 0 {
            return (!self.ids.contains_key(&requested)).then_some(requested);
        }
        while self.ids.contains_key(&self.next_id) {
            self.next_id += 1;
        }
        self.next_id += 1;
        Some(self.next_id - 1)
    }

    pub(super) fn push(&mut self, queued: Queued) {
        self.bytes += queued.bytes();
        self.answers += usize::from(matches!(queued, Queued::Answer(_)));
        self.queue.push_back(queued);
    }

    pub(super) fn pop(&mut self) -> Option<Queued> {
        let queued = self.queue.pop_front()?;
        self.bytes -= queued.bytes();
        self.answers -= usize::from(matches!(queued, Queued::Answer(_)));
        if self.queue.is_empty() {
            self.queue.shrink_to(IDLE_QUEUE_MAX);
        }
        Some(queued)
    }

    /// Whether `bytes` of events more may wait. The first ones may always.
    pub(super) fn has_room(&self, bytes: usize, limits: &WatchLimits) -> bool {
        self.bytes == 0 || self.bytes + bytes <= limits.stream_bytes_max
    }

    /// Whether it is a catch-up's turn: responses and catch-ups take turns, so that neither busy
    /// watchers nor those that are far behind hold up the others.
    pub(super) fn is_catch_up_next(&self, limits: &WatchLimits) -> bool {
        let turn = self.queue.is_empty() || !self.responses_first;
        turn && !self.waiting.is_empty() && self.has_room(0, limits)
    }

    /// Whether the client should be made to read before it may ask for more.
    pub(super) fn is_congested(&self, limits: &WatchLimits) -> bool {
        self.answers >= limits.stream_answers_max.max(1)
    }

    /// Everything queued, oldest first.
    pub(super) fn queued(&self) -> impl Iterator<Item = &Queued> {
        self.queue.iter()
    }

    /// Bytes and answers add up.
    pub(super) fn invariant_totals(&self) -> Result<(), &'static str> {
        if self.bytes != self.queue.iter().map(Queued::bytes).sum::<usize>() {
            return Err("bytes of a stream are wrong");
        }
        let answers = self
            .queue
            .iter()
            .filter(|queued| matches!(queued, Queued::Answer(_)));
        if self.answers != answers.count() {
            return Err("answers of a stream are wrong");
        }
        Ok(())
    }
}
