//! The multi-version key space: a copy-on-write map from key to history, and a log of all changes.
//! Both hold the same records.
//!
//! Cloning a [`Store`] is O(1); the clone never changes. What a compaction has made unreachable is
//! removed later in bounded steps ([`compact`]), so every reader that could tell the difference
//! goes by the *logical* content: [`history::History::logical_start`].

mod compact;
mod hash;
mod history;
mod key;
mod log;
mod range;
pub(crate) mod record;
mod validate;
pub(crate) mod write;

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use imbl::OrdMap;

use self::{
    history::{History, Versions, entry},
    key::{Key, Probe},
    log::EventLog,
    record::Record,
};
use crate::{
    error::Error,
    kv::{Event, KeyRange},
    probe,
};

pub(crate) use self::log::FIRST_CHANGE;

/// The compact revision of a store that was never compacted (corner case 72).
pub(crate) const NEVER_COMPACTED: i64 = -1;

/// What a stored version takes beside its key and its value, bytes: an estimate for
/// [`Store::size_bytes`], measured over many small keys.
const VERSION_OVERHEAD_BYTES: usize = 128;

/// The key space at one main revision, with its history since the compact revision.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    keys: OrdMap<Key, Versions>,
    log: EventLog,
    revision: i64,
    compact_revision: i64,
    size_bytes: u64,
    /// The log's element that physical compaction looks at next; `None` where it has nothing left
    /// to do.
    sweep: Option<usize>,
}

/// One change of one key, as [`Store::change`] made it.
struct Change {
    record: Record,
    /// The key until now, if it existed.
    before: Option<Record>,
    /// The key as the revision before left it, if it existed.
    prev: Option<Record>,
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

    /// The planted bug [`Bug::RevisionOfLastKey`](crate::planted::Bug).
    pub(crate) fn forget_deletes(&mut self) {
        let everything = KeyRange::From(Bytes::new());
        let newest = self.live(&everything).map(|record| record.at().main).max();
        self.revision = newest.unwrap_or(FIRST_CHANGE - 1);
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
        self.history(key)
            .is_some_and(|history| !history.newest().is_tombstone())
    }

    fn history(&self, key: &[u8]) -> Option<History<'_>> {
        self.keys.get_key_value(&Probe::new(key)).map(History::new)
    }

    /// The keys of an interval as they are now, in key order.
    pub(crate) fn live(&self, range: &KeyRange) -> impl Iterator<Item = &Record> + use<'_> {
        self.histories(range)
            .map(|history| history.newest())
            .filter(|record| !record.is_tombstone())
    }

    /// See [`crate::View::is_wide`].
    pub(crate) fn is_wide(&self, range: &KeyRange, keys_max: usize) -> bool {
        self.histories(range).nth(keys_max).is_some()
    }

    /// The histories of the keys of an interval, in key order.
    fn histories(
        &self,
        range: &KeyRange,
    ) -> impl DoubleEndedIterator<Item = History<'_>> + use<'_> {
        let at = |key| Bound::Included(Probe::new(key));
        // A key alone is found by one descent; an interval takes one for each end.
        let (alone, bounds) = match range {
            KeyRange::Key(key) => (self.history(key), None),
            KeyRange::From(start) => (None, Some((at(start), Bound::Unbounded))),
            KeyRange::Range { start, end } if start < end => {
                (None, Some((at(start), Bound::Excluded(Probe::new(end)))))
            }
            // An interval that ends before it starts has no keys.
            KeyRange::Range { .. } => (None, None),
        };
        let several = bounds.map(|bounds| self.keys.range(bounds).map(History::new));
        alone.into_iter().chain(several.into_iter().flatten())
    }

    /// The logical content, in key order: the versions of each key, from the key that the bound
    /// names on.
    pub(crate) fn contents(
        &self,
        from: Bound<&[u8]>,
    ) -> impl Iterator<Item = (&[u8], impl Iterator<Item = &Record>)> {
        let from = from.map(Probe::new);
        let histories = self.keys.range((from, Bound::Unbounded)).map(History::new);
        histories.filter_map(|history| {
            let start = history.logical_start(self.compact_revision);
            let versions = (start..history.len()).map(move |position| history.get(position));
            (start < history.len()).then_some((history.key.bytes(), versions))
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
        let mut changes = self.log.from(first).peekable();
        Ok(std::iter::from_fn(move || {
            let main = changes.peek()?.at().main;
            let mut events = Vec::new();
            while let Some(record) = changes.next_if(|record| record.at().main == main) {
                events.push(self.event(record));
            }
            Some((main, events.into()))
        }))
    }

    /// One logged change as watchers see it.
    fn event(&self, record: &Record) -> Event {
        let main = record.at().main;
        Event::of(record, || {
            let readable = main > self.compact_revision;
            let history = self.history(record.key()).filter(|_| readable)?;
            history.at(main - 1)?.key_value()
        })
    }

    /// Makes one change of one key: `change` gets the key as it is, if it exists, and says what
    /// it becomes. One way down the tree for a key that is stored, two for a new one.
    fn change(&mut self, key: &[u8], change: impl FnOnce(Option<&Record>) -> Record) -> Change {
        let change = match self.keys.get_key_value_mut(&Probe::new(key)) {
            None => {
                let record = change(None);
                self.insert(vec![record.clone()]);
                Change {
                    record,
                    before: None,
                    prev: None,
                }
            }
            Some((key, versions)) => {
                let history = History::new((key, versions));
                let exists = |record: &&Record| !record.is_tombstone();
                let before = Some(history.newest()).filter(exists).cloned();
                probe!(KeyPutAgain if before.is_none());
                let record = change(before.as_ref());
                // Differs from `before` where this same revision has changed the key already.
                let prev = history.at(record.at().main - 1).filter(exists).cloned();
                versions.push(key, record.clone());
                Change {
                    record,
                    before,
                    prev,
                }
            }
        };
        self.size_bytes += version_bytes(&change.record);
        change
    }

    /// Stores all versions of a key that is not there, at least one, oldest first.
    fn insert(&mut self, versions: Vec<Record>) {
        let (key, versions) = entry(versions);
        self.keys.insert(key, versions);
    }

    /// Adds a key out of a checkpoint, with all of its versions, oldest first.
    pub(crate) fn restore_key(&mut self, versions: Vec<Record>) {
        self.size_bytes += versions.iter().map(version_bytes).sum::<u64>();
        self.insert(versions);
    }

    /// Rebuilds the event log of a restored store from all of its changes at and above the compact
    /// revision, in the order of revisions. `false` if they do not lead, without a gap, up to the
    /// store's revision: then the checkpoint is not one that a store has written.
    #[must_use]
    pub(crate) fn restore_log(&mut self, mut changes: impl Iterator<Item = Record>) -> bool {
        let complete = changes.all(|change| self.log.push(change));
        complete && self.log.end() == (self.revision + 1).max(FIRST_CHANGE)
    }
}

/// What one stored version counts in [`Store::size_bytes`].
fn version_bytes(record: &Record) -> u64 {
    (record.as_ref().len() + VERSION_OVERHEAD_BYTES) as u64
}
