//! Events on their way to watchers: shared ones as they were published, and copies for a replay.

use std::sync::Arc;

use super::create::Spec;
use crate::{
    kv::{Event, KeyValue},
    limits::WatchLimits,
};

/// Bytes that an event occupies beside its keys and values.
const EVENT_BYTES: usize = size_of::<Event>();

/// Memory that `events` hold on to, roughly.
pub(super) fn events_bytes<'a>(events: impl IntoIterator<Item = &'a Event>) -> usize {
    let kv_bytes = |kv: &KeyValue| kv.key.len() + kv.value.len();
    let event_bytes = |event: &Event| match event {
        Event::Put { kv, prev } => kv_bytes(kv) + prev.as_ref().map_or(0, kv_bytes),
        Event::Delete { key, prev, .. } => key.len() + prev.as_ref().map_or(0, kv_bytes),
    };
    events
        .into_iter()
        .map(|event| EVENT_BYTES + event_bytes(event))
        .sum()
}

/// All events of one main revision. The watchers that it concerns share them.
#[derive(Clone, Debug)]
pub(super) struct Published {
    pub(super) revision: i64,
    pub(super) events: Arc<[Event]>,
    /// See [`events_bytes`].
    pub(super) bytes: usize,
}

impl Published {
    pub(super) fn new(revision: i64, events: Arc<[Event]>) -> Self {
        let bytes = events_bytes(&*events);
        Self {
            revision,
            events,
            bytes,
        }
    }
}

/// Which events of a published revision go to a watcher.
#[derive(Debug)]
pub(super) enum Picked {
    /// All of them: the usual case, which needs no memory.
    All,
    /// Those at these positions, ascending.
    Positions(Box<[usize]>),
}

impl Picked {
    /// The events of `published` at `positions` that pass `spec`'s filters; `None` if none does.
    pub(super) fn of(
        published: &Published,
        spec: &Spec,
        positions: impl Iterator<Item = usize> + Clone,
    ) -> Option<Self> {
        let admitted = positions.filter(|position| spec.admits(&published.events[*position]));
        match admitted.clone().count() {
            0 => None,
            all if all == published.events.len() => Some(Self::All),
            _ => Some(Self::Positions(admitted.collect())),
        }
    }

    /// The events as `spec` shows them.
    pub(super) fn copy(&self, events: &[Event], spec: &Spec) -> Vec<Event> {
        match self {
            Self::All => events.iter().map(|event| spec.copy(event)).collect(),
            Self::Positions(positions) => positions
                .iter()
                .map(|position| spec.copy(&events[*position]))
                .collect(),
        }
    }
}

/// Past events of one watcher that go out in one response.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) events: Vec<Event>,
    pub(super) bytes: usize,
    revisions: usize,
}

impl Replay {
    /// Adds the events of one more revision, or says no if that would be too much for one
    /// response. The first revision is never too much, and no revision is split.
    pub(super) fn add(&mut self, events: Vec<Event>, limits: &WatchLimits) -> bool {
        let bytes = events_bytes(&events);
        if self.revisions > 0
            && (self.revisions >= limits.replay_revisions_max
                || self.bytes + bytes > limits.replay_bytes_max)
        {
            return false;
        }
        self.events.extend(events);
        self.bytes += bytes;
        self.revisions += 1;
        true
    }
}
