//! Which watchers does a change of a key concern?

use std::ops::Range;

use super::{
    batch::Picked,
    intervals::{End, Intervals},
    watcher::WatcherId,
    watchers::Watchers,
};
use crate::{
    hashed::{Hashed, hash_key},
    kv::{Event, KeyRange},
};

/// Watchers by the keys they watch: exact keys in a map, intervals in a treap.
///
/// The map knows a key by its hash: so a key that nobody watches is ruled out without a comparison
/// of keys, and no key is held twice. Hardly ever, a watcher is therefore named for a key that it
/// does not watch: whoever asks the index must look at what the watcher itself asked for.
#[derive(Debug)]
pub(super) struct Index {
    keys: Hashed<Watchers>,
    intervals: Intervals,
}

impl Index {
    /// An empty index; for how many watchers, see [`Hashed::new`].
    pub(super) fn new(parts: usize) -> Self {
        Self {
            keys: Hashed::new(parts),
            intervals: Intervals::default(),
        }
    }

    /// Adds `watcher` for `range`.
    pub(super) fn insert(&mut self, range: &KeyRange, watcher: WatcherId) {
        match range {
            KeyRange::Key(key) => self.insert_key(hash_key(key), watcher),
            KeyRange::Range { start, end } => {
                self.intervals
                    .insert(start, &End::Before(end.clone()), watcher);
            }
            KeyRange::From(start) => self.intervals.insert(start, &End::Open, watcher),
        }
    }

    fn insert_key(&mut self, hash: u64, watcher: WatcherId) {
        match self.keys.get_mut(hash) {
            Some(watchers) => watchers.insert(watcher),
            None => drop(self.keys.insert(hash, Watchers::One(watcher))),
        }
    }

    /// Removes `watcher`, which was added for `range`.
    pub(super) fn remove(&mut self, range: &KeyRange, watcher: WatcherId) {
        match range {
            KeyRange::Key(key) => self.remove_key(hash_key(key), watcher),
            KeyRange::Range { start, end } => {
                self.intervals
                    .remove(start, &End::Before(end.clone()), watcher);
            }
            KeyRange::From(start) => self.intervals.remove(start, &End::Open, watcher),
        }
    }

    fn remove_key(&mut self, hash: u64, watcher: WatcherId) {
        let watchers = self.keys.get_mut(hash);
        if watchers.is_some_and(|watchers| watchers.remove(watcher)) {
            self.keys.remove(hash);
        }
    }

    /// Each watcher with the events whose keys it watches, by watcher; and hardly ever with others.
    pub(super) fn matches(&self, events: &[Event]) -> Vec<(WatcherId, Picked)> {
        if let [event] = events {
            return self.matches_of(&[event.key()], Picked::Run);
        }
        let keys: Vec<&[u8]> = events.iter().map(|event| event.key().as_ref()).collect();
        if keys.is_sorted() {
            return self.matches_of(&keys, Picked::Run);
        }
        let mut positions: Vec<usize> = (0..events.len()).collect();
        positions.sort_by_key(|position| keys[*position]);
        let keys: Vec<&[u8]> = positions.iter().map(|position| keys[*position]).collect();
        self.matches_of(&keys, |places| {
            let mut picked: Box<[usize]> = positions[places].into();
            picked.sort_unstable();
            Picked::Positions(picked)
        })
    }

    /// [`Self::matches`] of events in the order of their keys, of which `pick` makes what is given.
    fn matches_of(
        &self,
        keys: &[&[u8]],
        pick: impl Fn(Range<usize>) -> Picked,
    ) -> Vec<(WatcherId, Picked)> {
        let mut matches = Vec::new();
        self.for_each(keys, &mut |watcher, places| {
            matches.push((watcher, pick(places)))
        });
        matches.sort_unstable_by_key(|(watcher, _)| *watcher);
        matches
    }

    /// Calls `found` for each watcher of some of `keys`, which ascend, with their places, and
    /// hardly ever with others; in no particular but always the same order.
    pub(super) fn for_each(&self, keys: &[&[u8]], found: &mut impl FnMut(WatcherId, Range<usize>)) {
        let mut end = 0;
        for same in keys.chunk_by(|key, next| key == next) {
            let places = end..end + same.len();
            end = places.end;
            if let Some(watchers) = self.keys.get(hash_key(same[0])) {
                watchers.for_each(|watcher| found(watcher, places.clone()));
            }
        }
        self.intervals.for_each(keys, found);
    }

    /// See [`Intervals::invariant_treap`].
    pub(super) fn invariant_treap(&self) -> Result<(), &'static str> {
        self.intervals.invariant_treap()
    }
}
