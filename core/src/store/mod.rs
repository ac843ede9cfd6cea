//! The multi-version key space: a copy-on-write map from key to history, and a log of which keys
//! each main revision changed.
//!
//! Cloning a [`Store`] is O(1); the clone never changes. What a compaction has made unreachable is
//! removed later in bounded steps ([`compact`]), so every reader that could tell the difference
//! goes by the *logical* content: [`history::KeyHistory::logical_start`].

mod compact;
pub(crate) mod history;
pub(crate) mod log;
mod range;
pub(crate) mod write;

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use imbl::OrdMap;

use self::{
    history::{KeyHistory, Put, Revision, Version},
    log::{Changed, EventLog, FIRST_CHANGE},
};
use crate::{
    error::Error,
    kv::{Event, KeyRange, KeyValue},
};

/// The compact revision of a store that was never compacted (corner case 72).
pub(crate) const NEVER_COMPACTED: i64 = -1;

/// What a stored version takes beside its key and its value, bytes: an estimate for
/// [`Store::size_bytes`], measured over many small keys.
const VERSION_OVERHEAD_BYTES: usize = 256;

/// The key space at one main revision, with its history since the compact revision.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    keys: OrdMap<Bytes, KeyHistory>,
    log: EventLog,
    revision: i64,
    compact_revision: i64,
    size_bytes: u64,
    /// How many keys of the log's oldest element physical compaction has been through; `None`
    /// where it has nothing left to do.
    sweep: Option<usize>,
}

/// One change of one key, as [`Store::change`] made it.
struct Change {
    key: Bytes,
    /// The key until now.
    before: Option<KeyValue>,
    /// The key as the revision before left it.
    prev: Option<KeyValue>,
    version: Version,
}

impl Store {
    /// An empty store, at main revision 1.
    pub(crate) fn new() -> Self {
        Self::restore(FIRST_CHANGE - 1, NEVER_COMPACTED)
    }

    /// An empty store at the given revisions, to be filled by [`Self::restore_version`].
    pub(crate) fn restore(revision: i64, compact_revision: i64) -> Self {
        Self {
            keys: OrdMap::new(),
            log: EventLog::new(FIRST_CHANGE.max(compact_revision)),
            revision,
            compact_revision,
            size_bytes: 0,
            sweep: None,
        }
    }

    /// The store's main revision.
    pub(crate) fn revision(&self) -> i64 {
        self.revision
    }

    /// The oldest readable revision, [`NEVER_COMPACTED`] if all are.
    pub(crate) fn compact_revision(&self) -> i64 {
        self.compact_revision
    }

    /// Estimated bytes of all stored versions. Goes down as compaction removes them physically,
    /// so members may differ.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Whether a key exists now.
    pub(crate) fn contains(&self, key: &[u8]) -> bool {
        self.keys
            .get(key)
            .is_some_and(|history| history.newest().put.is_some())
    }

    /// The keys of an interval as they are now, in key order.
    pub(crate) fn live(&self, range: &KeyRange) -> impl Iterator<Item = KeyValue> + use<'_> {
        self.histories(range)
            .filter_map(|(key, history)| history.newest().key_value(key))
    }

    /// The histories of the keys of an interval, in key order.
    fn histories(
        &self,
        range: &KeyRange,
    ) -> impl DoubleEndedIterator<Item = (&Bytes, &KeyHistory)> + use<'_> {
        let bounds: (Bound<&[u8]>, Bound<&[u8]>) = match range {
            KeyRange::Key(key) => (Bound::Included(key), Bound::Included(key)),
            KeyRange::From(start) => (Bound::Included(start), Bound::Unbounded),
            KeyRange::Range { start, end } if start < end => {
                (Bound::Included(start), Bound::Excluded(end))
            }
            // An interval that ends before it starts has no keys; say so in bounds that are valid.
            KeyRange::Range { start, .. } => (Bound::Included(start), Bound::Excluded(start)),
        };
        self.keys.range::<_, [u8]>(bounds)
    }

    /// The logical content, in key order: each key with its versions, from the key that the bound
    /// names on.
    pub(crate) fn contents(
        &self,
        from: Bound<&Bytes>,
    ) -> impl Iterator<Item = (&Bytes, impl Iterator<Item = &Version>)> {
        let from = from.map(|key| key.as_ref());
        self.keys
            .range::<_, [u8]>((from, Bound::Unbounded))
            .filter_map(|(key, history)| {
                let start = history.logical_start(self.compact_revision);
                let versions = (start..history.len()).map(|position| history.get(position));
                (start < history.len()).then_some((key, versions))
            })
    }

    /// All changes from main revision `from` on, oldest first, one item for each main revision.
    ///
    /// Events at the compact revision are still there, tombstones included (corner case 70). The
    /// state before a change is left out where it was compacted.
    ///
    /// # Errors
    ///
    /// [`Error::Compacted`] if `from` is below the compact revision.
    pub(crate) fn events(
        &self,
        from: i64,
    ) -> Result<impl Iterator<Item = (i64, Arc<[Event]>)> + use<'_>, Error> {
        if from < self.compact_revision {
            return Err(Error::Compacted);
        }
        let first = from.max(self.log.first()).max(self.compact_revision);
        Ok((first..self.log.end()).map(|main| {
            let changed = self.log.get(main).expect("the log has no gaps");
            let events = (0..).zip(changed.keys()).map(|(sub, key)| {
                let history = self.keys.get(key).expect("logged keys have a history");
                self.event(key, history, Revision { main, sub })
            });
            (main, events.collect())
        }))
    }

    /// One logged change as watchers see it.
    fn event(&self, key: &Bytes, history: &KeyHistory, at: Revision) -> Event {
        let version = history
            .find(at)
            .expect("changes from the compact revision on are kept");
        let before = || {
            let readable = at.main > self.compact_revision;
            readable
                .then(|| history.at(at.main - 1)?.key_value(key))
                .flatten()
        };
        Event::of(key, version, before)
    }

    /// Makes one change of one key: `change` gets the key as it is and says what it becomes. One
    /// way down the tree for a key that is stored, two for a new one.
    fn change(
        &mut self,
        key: &Bytes,
        at: Revision,
        change: impl FnOnce(Option<&KeyValue>) -> Option<Put>,
    ) -> Change {
        let Some((key, history)) = self.keys.get_key_value_mut(key) else {
            let version = Version {
                at,
                put: change(None),
            };
            self.size_bytes += version_bytes(key, &version);
            self.keys
                .insert(key.clone(), KeyHistory::new(version.clone()));
            return Change {
                key: key.clone(),
                before: None,
                prev: None,
                version,
            };
        };
        let before = history.newest().key_value(key);
        // Differs from `before` where this same revision has changed the key already.
        let prev = history
            .at(at.main - 1)
            .and_then(|version| version.key_value(key));
        let version = Version {
            at,
            put: change(before.as_ref()),
        };
        self.size_bytes += version_bytes(key, &version);
        history.push(version.clone());
        // The stored key: its buffer is shared from now on, so that the request's can be freed.
        Change {
            key: key.clone(),
            before,
            prev,
            version,
        }
    }

    /// Adds a version out of a checkpoint; a key's versions come oldest first.
    pub(crate) fn restore_version(&mut self, key: &Bytes, version: Version) {
        self.change(key, version.at, |_| version.put);
    }

    /// Rebuilds the event log of a restored store from all of its changes at and above the compact
    /// revision, in the order of revisions. `false` if they do not lead, without a gap, up to the
    /// store's revision: then the checkpoint is not one that a store has written.
    #[must_use]
    pub(crate) fn restore_log(&mut self, changes: &[(Revision, Bytes)]) -> bool {
        for same_main in changes.chunk_by(|(a, _), (b, _)| a.main == b.main) {
            let in_order = same_main.iter().zip(0..).all(|((at, _), sub)| {
                *at == Revision {
                    main: self.log.end(),
                    sub,
                }
            });
            if !in_order {
                return false;
            }
            let keys: Vec<Bytes> = same_main.iter().map(|(_, key)| key.clone()).collect();
            self.log.push(Changed::from(keys));
        }
        self.log.end() == (self.revision + 1).max(FIRST_CHANGE)
    }

    /// Checks every structure of the store against every other; see [`crate::View::validate`].
    pub(crate) fn validate(&self) {
        assert!(self.revision >= 1 && self.compact_revision <= self.revision);
        assert_eq!(self.log.end(), self.revision + 1);
        assert!(self.log.first() <= self.compact_revision.max(FIRST_CHANGE));
        let mut size_bytes = 0;
        for (key, history) in &self.keys {
            assert!(!key.is_empty());
            history.validate();
            assert!(history.newest().at.main <= self.revision);
            for version in (0..history.len()).map(|position| history.get(position)) {
                size_bytes += version_bytes(key, version);
                if version.at.main >= self.log.first() {
                    let changed = self.log.get(version.at.main).expect("the log has no gaps");
                    assert_eq!(changed.keys()[version.at.sub as usize], key);
                }
            }
            if self.sweep.is_none() {
                assert_eq!(
                    history.logical_start(self.compact_revision),
                    0,
                    "swept: {key:?}"
                );
            }
        }
        assert_eq!(self.size_bytes, size_bytes);
        let events = self.events(self.compact_revision);
        for (main, events) in events.expect("the compact revision is readable") {
            assert!(!events.is_empty());
            assert!(events.iter().all(|event| event.mod_revision() == main));
        }
    }
}

/// What one stored version counts in [`Store::size_bytes`].
fn version_bytes(key: &Bytes, version: &Version) -> u64 {
    (key.len() + version.value_bytes() + VERSION_OVERHEAD_BYTES) as u64
}
