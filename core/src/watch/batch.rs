//! Events on their way to watchers: shared ones as they were published, and copies for a replay.

use std::{ops::Range, sync::Arc};

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

/// Some of the events of one revision.
#[derive(Debug)]
pub(super) enum Picked {
    /// Those at consecutive positions: the usual case, which needs no memory of its own.
    Run(Range<usize>),
    /// Those at these positions, ascending.
    Positions(Box<[usize]>),
}

impl Picked {
    /// Those of them that `spec` asks for; `None` if there is none.
    pub(super) fn wanted(self, events: &[Event], spec: &Spec) -> Option<Self> {
        let wanted = || {
            let positions = self.positions();
            positions.filter(|position| spec.selects(&events[*position]))
        };
        match wanted().count() {
            0 => None,
            some if some < self.positions().count() => Some(Self::Positions(wanted().collect())),
            _ => Some(self),
        }
    }

    /// The events as `spec` shows them.
    pub(super) fn copy(&self, events: &[Event], spec: &Spec) -> Vec<Event> {
        let copies = self
            .positions()
            .map(|position| spec.copy(&events[position]));
        copies.collect()
    }

    fn positions(&self) -> impl Iterator<Item = usize> {
        let (run, positions) = match self {
            Self::Run(run) => (run.clone(), [].as_slice()),
            Self::Positions(positions) => (0..0, &**positions),
        };
        run.chain(positions.iter().copied())
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
