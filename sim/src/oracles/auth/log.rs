//! Where in the log operations have their place, and which keys leases had there.

use std::collections::BTreeMap;

use crate::history::{Blob, Event, History, LeaseChange, Operation, Request, What};

/// See the module.
#[derive(Default)]
pub(super) struct Log {
    /// The entry that made each revision.
    index_of: BTreeMap<i64, u64>,
    /// The entry that ended each lease, with the keys that went.
    ends: BTreeMap<i64, (u64, Vec<Blob>)>,
    /// For puts to a lease, by revision: the other keys that the lease had.
    attached: BTreeMap<i64, Vec<Blob>>,
}

impl Log {
    pub(super) fn of(history: &History, operations: &[Operation<'_>]) -> Self {
        let mut wanted: BTreeMap<i64, i64> = BTreeMap::new();
        for operation in operations {
            if let (Request::Put(put), Some((_, response))) =
                (operation.request, operation.acknowledged())
                && put.lease != 0
            {
                wanted.insert(response.revision, put.lease);
            }
        }
        let mut entries: BTreeMap<u64, (i64, &[Event], &[LeaseChange])> = BTreeMap::new();
        for entry in history.records() {
            if let What::Committed {
                index,
                revision,
                events,
                leases,
                ..
            } = &entry.what
            {
                entries.entry(*index).or_insert((*revision, events, leases));
            }
        }
        let mut log = Self::default();
        let mut lease_of: BTreeMap<&Blob, i64> = BTreeMap::new();
        for (index, (revision, events, leases)) in entries {
            if let Some(lease) = wanted.get(&revision).filter(|_| !events.is_empty()) {
                let has = lease_of.iter().filter(|(_, of)| *of == lease);
                let has = has.map(|(key, _)| Blob::clone(key)).collect();
                log.attached.insert(revision, has);
            }
            log.note(index, revision, events, leases);
            for event in events {
                match event {
                    Event::Put { kv, .. } if kv.lease != 0 => {
                        lease_of.insert(&kv.key, kv.lease);
                    }
                    event => _ = lease_of.remove(event.key()),
                }
            }
        }
        log
    }

    fn note(&mut self, index: u64, revision: i64, events: &[Event], leases: &[LeaseChange]) {
        if !events.is_empty() {
            self.index_of.insert(revision, index);
        }
        for change in leases {
            if let LeaseChange::Ended { lease } = change {
                let keys = events.iter().map(|event| event.key().clone()).collect();
                self.ends.insert(*lease, (index, keys));
            }
        }
    }

    /// The entry that an acknowledged write was, if it has changed something.
    pub(super) fn entry_of(&self, operation: &Operation<'_>) -> Option<u64> {
        let (_, response) = operation.acknowledged().filter(|_| operation.wrote())?;
        self.index_of.get(&response.revision).copied()
    }

    /// The entry that ended a lease, with the keys that went.
    pub(super) fn end_of(&self, lease: i64) -> Option<(u64, &[Blob])> {
        self.ends
            .get(&lease)
            .map(|(index, keys)| (*index, &keys[..]))
    }

    /// The keys that the lease of a put had before that put, which made `revision`.
    pub(super) fn attached(&self, revision: i64) -> &[Blob] {
        self.attached.get(&revision).map_or(&[], Vec::as_slice)
    }
}
