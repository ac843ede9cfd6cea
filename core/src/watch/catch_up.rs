//! How watchers that are behind get their events: read from a view, outside the hub.

use std::sync::Arc;

use super::{batch::Replay, create::Spec, index::Index, watcher::WatcherId};
use crate::{
    Error,
    kv::Event,
    limits::WatchLimits,
    planted::{Bug, is_planted},
    probe,
};

/// Revisions with all their events, in order.
pub type Revisions<'a> = Box<dyn Iterator<Item = (i64, Arc<[Event]>)> + 'a>;

/// The past, as one unchanging view of the store tells it.
pub trait History {
    /// All events from main revision `from` on, those revisions that have any.
    ///
    /// # Errors
    /// [`Error::Compacted`] if `from` is below the compacted revision.
    fn history(&self, from: i64) -> Result<Revisions<'_>, Error>;

    /// The store's revision.
    fn revision(&self) -> i64;

    /// The compacted revision, -1 if there is none.
    fn compact_revision(&self) -> i64;
}

/// A catch-up to run: some watchers of one stream that are about equally far behind, served by one
/// pass over history. Every one must come back through [`super::Hub::caught_up`], unless its stream
/// is closed.
#[derive(Debug)]
#[must_use = "its watchers stand still until it has come back"]
pub struct CatchUp {
    pub(super) watchers: Vec<Lagging>,
    pub(super) limits: WatchLimits,
}

/// A watcher in a catch-up.
#[derive(Debug)]
pub(super) struct Lagging {
    pub(super) watcher: WatcherId,
    pub(super) spec: Arc<Spec>,
    /// First revision that it lacks.
    pub(super) next: i64,
}

/// What a catch-up has found; for [`super::Hub::caught_up`].
#[derive(Debug)]
pub struct CaughtUp {
    /// The store's revision in the view.
    pub(super) revision: i64,
    pub(super) found: Vec<(WatcherId, Found)>,
}

/// What a catch-up has found for one watcher.
#[derive(Debug)]
pub(super) enum Found {
    /// Events to send, if any; `next` is the first revision that it still lacks.
    Events { replay: Replay, next: i64 },
    /// What it lacks was compacted away.
    Compacted { compact_revision: i64 },
}

impl CatchUp {
    /// Reads a bounded part of `view`'s history. The view must not be older than the moment at
    /// which the hub gave this out, or nothing is gained.
    pub fn run(self, view: &impl History) -> CaughtUp {
        let Self { watchers, limits } = self;
        let compact_revision = view.compact_revision();
        let (lost, served): (Vec<_>, Vec<_>) = watchers
            .into_iter()
            .partition(|lagging| lagging.next < compact_revision);
        probe!(WatcherCompacted if !lost.is_empty());
        probe!(WatcherCatchesUp if !served.is_empty());
        let lost = lost.into_iter().map(|lagging| lagging.watcher);
        let mut found: Vec<_> = lost
            .map(|watcher| (watcher, Found::Compacted { compact_revision }))
            .collect();
        found.extend(Scan::new(served, &limits).run(view));
        CaughtUp {
            revision: view.revision(),
            found,
        }
    }
}

/// One pass over history for several watchers.
struct Scan<'a> {
    limits: &'a WatchLimits,
    /// The watchers, by their place in `readers`.
    index: Index,
    readers: Vec<Reader>,
    /// Readers that can take more.
    open: usize,
    events_read: usize,
    bytes_taken: usize,
}

struct Reader {
    lagging: Lagging,
    replay: Replay,
    /// The revision that found no room any more.
    full_at: Option<i64>,
}

impl<'a> Scan<'a> {
    fn new(watchers: Vec<Lagging>, limits: &'a WatchLimits) -> Self {
        let mut index = Index::new(1);
        for (place, lagging) in (0u64..).zip(&watchers) {
            index.insert(&lagging.spec.range, WatcherId(place));
        }
        let open = watchers.len();
        let reader = |lagging| Reader {
            lagging,
            replay: Replay::default(),
            full_at: None,
        };
        let readers = watchers.into_iter().map(reader).collect();
        Self {
            limits,
            index,
            readers,
            open,
            events_read: 0,
            bytes_taken: 0,
        }
    }

    fn run(mut self, view: &impl History) -> Vec<(WatcherId, Found)> {
        let from = self.readers.iter().map(|reader| reader.lagging.next).min();
        let next = from.map_or(0, |from| self.read(view, from));
        let found = self.readers.into_iter().map(|reader| {
            let skipped = i64::from(is_planted(Bug::CatchUpSkips));
            let full_at = reader.full_at.map(|full_at| full_at + skipped);
            let next = full_at.unwrap_or(next).max(reader.lagging.next);
            (
                reader.lagging.watcher,
                Found::Events {
                    replay: reader.replay,
                    next,
                },
            )
        });
        found.collect()
    }

    /// Reads from `from` on until the end or a limit; returns the first revision not read.
    fn read(&mut self, view: &impl History, from: i64) -> i64 {
        if from > view.revision() {
            return from;
        }
        let history = view
            .history(from)
            .expect("revisions that are not compacted can be read");
        for (revision, events) in history {
            if self.is_done() {
                return revision;
            }
            self.take(revision, &events);
        }
        view.revision() + 1
    }

    fn is_done(&self) -> bool {
        self.open == 0
            || (self.events_read > 0 && self.events_read >= self.limits.catch_up_events_max)
            || (self.bytes_taken > 0 && self.bytes_taken >= self.limits.stream_bytes_max)
    }

    fn take(&mut self, revision: i64, events: &[Event]) {
        self.events_read += events.len();
        for (watcher, picked) in self.index.matches(events) {
            let place = usize::try_from(watcher.0).expect("a place in a vector");
            let reader = &mut self.readers[place];
            if reader.full_at.is_some() || revision < reader.lagging.next {
                continue;
            }
            let spec = &reader.lagging.spec;
            let Some(wanted) = picked.wanted(events, spec) else {
                continue;
            };
            let wanted = wanted.copy(events, spec);
            let bytes_before = reader.replay.bytes;
            if reader.replay.add(wanted, self.limits) {
                self.bytes_taken += reader.replay.bytes - bytes_before;
            } else {
                probe!(CatchUpInParts);
                reader.full_at = Some(revision);
                self.open -= 1;
            }
        }
    }
}
