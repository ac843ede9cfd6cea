//! Which watchers does a change of a key concern?

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::{
    intervals::{End, Intervals},
    watcher::WatcherId,
};
use crate::kv::{Event, KeyRange};

/// Watchers by the keys they watch: exact keys in a map, intervals in a treap.
#[derive(Debug, Default)]
pub(super) struct Index {
    keys: BTreeMap<Bytes, BTreeSet<WatcherId>>,
    intervals: Intervals,
}

impl Index {
    /// Adds `watcher` for `range`.
    pub(super) fn insert(&mut self, range: &KeyRange, watcher: WatcherId) {
        match range {
            KeyRange::Key(key) => {
                self.keys.entry(key.clone()).or_default().insert(watcher);
            }
            KeyRange::Range { start, end } => {
                self.intervals
                    .insert(start, &End::Before(end.clone()), watcher);
            }
            KeyRange::From(start) => self.intervals.insert(start, &End::Open, watcher),
        }
    }

    /// Removes `watcher`, which was added for `range`.
    pub(super) fn remove(&mut self, range: &KeyRange, watcher: WatcherId) {
        match range {
            KeyRange::Key(key) => self.remove_key(key, watcher),
            KeyRange::Range { start, end } => {
                self.intervals
                    .remove(start, &End::Before(end.clone()), watcher);
            }
            KeyRange::From(start) => self.intervals.remove(start, &End::Open, watcher),
        }
    }

    fn remove_key(&mut self, key: &Bytes, watcher: WatcherId) {
        let Some(watchers) = self.keys.get_mut(key) else {
            return;
        };
        watchers.remove(&watcher);
        if watchers.is_empty() {
            self.keys.remove(key);
        }
    }

    /// Each watcher with the position of each event whose key it watches, by watcher, then by
    /// position.
    pub(super) fn matches(&self, events: &[Event]) -> Vec<(WatcherId, usize)> {
        let mut matches = Vec::new();
        for (position, event) in events.iter().enumerate() {
            self.for_each(event.key(), &mut |watcher| {
                matches.push((watcher, position))
            });
        }
        matches.sort_unstable();
        matches
    }

    /// Calls `found` for each watcher of `key`, in no particular but always the same order.
    pub(super) fn for_each(&self, key: &[u8], found: &mut impl FnMut(WatcherId)) {
        if let Some(watchers) = self.keys.get(key) {
            watchers.iter().copied().for_each(&mut *found);
        }
        self.intervals.for_each(key, found);
    }

    /// See [`Intervals::invariant_treap`].
    pub(super) fn invariant_treap(&self) -> Result<(), &'static str> {
        self.intervals.invariant_treap()
    }
}
