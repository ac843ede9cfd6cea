//! The watchers of one key or interval.

use std::collections::BTreeSet;

use super::watcher::WatcherId;

/// A set of watchers. It is mostly one, which needs no memory of its own.
#[derive(Debug)]
pub(super) enum Watchers {
    One(WatcherId),
    #[expect(
        clippy::box_collection,
        reason = "each exact key that is watched has one of these"
    )]
    Many(Box<BTreeSet<WatcherId>>),
}

impl Watchers {
    /// Adds a watcher.
    pub(super) fn insert(&mut self, watcher: WatcherId) {
        match self {
            Self::One(one) if *one == watcher => {}
            Self::One(one) => *self = Self::Many(Box::new(BTreeSet::from([*one, watcher]))),
            Self::Many(watchers) => drop(watchers.insert(watcher)),
        }
    }

    /// Removes a watcher. Says whether none is left; then this is of no more use.
    #[must_use]
    pub(super) fn remove(&mut self, watcher: WatcherId) -> bool {
        match self {
            Self::One(one) => *one == watcher,
            Self::Many(watchers) => {
                watchers.remove(&watcher);
                watchers.is_empty()
            }
        }
    }

    /// The watchers, ascending.
    pub(super) fn for_each(&self, mut found: impl FnMut(WatcherId)) {
        match self {
            Self::One(one) => found(*one),
            Self::Many(watchers) => watchers.iter().copied().for_each(found),
        }
    }

    /// Whether there is none: never so between two calls of the hub.
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Many(watchers) if watchers.is_empty())
    }
}
