//! One main revision in the making: all changes that one command makes.

use std::sync::Arc;

use super::{
    Change, Store,
    record::{Generation, Record, Revision},
};
use crate::{
    kv::{Event, KeyValue, LeaseId},
    lease::table::LeaseTable,
    planted::{Bug, is_planted},
    probe,
    request::{DeleteRangeRequest, PutRequest, RangeRequest},
    response::{DeleteRangeResponse, PutResponse, RangeResponse},
};

/// Changes the store and the leases' keys together. Everything was checked before: from here on
/// nothing fails. [`Self::finish`] must be called, also where nothing has changed.
pub(crate) struct Write<'a> {
    store: &'a mut Store,
    leases: &'a mut LeaseTable,
    /// The main revision that the changes get; the store's only if there are any.
    main: i64,
    events: Vec<Event>,
}

impl<'a> Write<'a> {
    pub(crate) fn begin(store: &'a mut Store, leases: &'a mut LeaseTable) -> Self {
        let main = store.revision + 1;
        Self {
            store,
            leases,
            main,
            events: Vec::new(),
        }
    }

    /// The revision visible inside: the new one as soon as there is a change.
    pub(crate) fn revision(&self) -> i64 {
        if self.events.is_empty() {
            self.store.revision
        } else {
            self.main
        }
    }

    /// Makes the changes the store's newest revision and gives them as events.
    pub(crate) fn finish(mut self) -> Arc<[Event]> {
        if self.events.is_empty() && !is_planted(Bug::EmptyWriteTakesRevision) {
            return Arc::default();
        }
        if is_planted(Bug::EventTwice) && self.events.len() > 1 {
            self.events.insert(0, self.events[0].clone());
        }
        self.store.revision = self.main;
        self.events.into()
    }

    /// Reads; sees the changes made so far, unless at an older revision. The revision was checked.
    pub(crate) fn range(&self, request: &RangeRequest) -> RangeResponse {
        self.store.read(request, self.revision())
    }

    /// Puts one key. With `ignore_value` and `ignore_lease` the key exists, and the lease exists.
    pub(crate) fn put(&mut self, request: &PutRequest) -> PutResponse {
        let change = self.change(&request.key, |before, at| {
            let mut generation = Generation {
                create_revision: at.main,
                version: 1,
            };
            if let Some(last) = before.and_then(Record::generation) {
                generation.create_revision = last.create_revision;
                generation.version = last.version + 1;
            }
            let lease = match before.filter(|_| request.ignore_lease) {
                Some(before) => before.lease(),
                None if is_planted(Bug::PutKeepsLease) => {
                    request.lease.or(before.and_then(Record::lease))
                }
                None => request.lease,
            };
            let value = match before.filter(|_| request.ignore_value) {
                Some(before) => before.value(),
                None => &request.value,
            };
            Record::put(at, generation, lease, &request.key, value)
        });
        let before = match is_planted(Bug::PrevKvIsNew) {
            true => Some(change.record),
            false => change.before,
        };
        let prev_kv = before.filter(|_| request.prev_kv);
        PutResponse {
            revision: self.main,
            prev_kv: prev_kv.as_ref().and_then(Record::key_value),
        }
    }

    /// Deletes the keys of an interval, in key order.
    pub(crate) fn delete_range(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let mut live: Vec<Record> = self.store.live(&request.range).cloned().collect();
        if is_planted(Bug::DeleteLeavesLast) && live.len() > 1 {
            live.pop();
        }
        for record in &live {
            self.delete(record.key());
        }
        let prev_kvs: Vec<KeyValue> = if request.prev_kv {
            live.iter().filter_map(Record::key_value).collect()
        } else {
            Vec::new()
        };
        DeleteRangeResponse {
            revision: self.revision(),
            deleted: live.len() as i64,
            prev_kvs,
        }
    }

    /// Ends leases: takes them out of the table and deletes their keys, all keys ascending. Gives
    /// the ids that there were.
    pub(crate) fn revoke(&mut self, ids: &[LeaseId]) -> Vec<LeaseId> {
        // As in the keeper's poll: many look-ups at a time cost little more than one.
        let there = ids.iter().filter(|id| self.leases.contains(**id)).count();
        let mut ended = Vec::with_capacity(there);
        let mut keys = Vec::new();
        for &id in ids {
            if let Some(lease) = self.leases.remove(id) {
                ended.push(id);
                keys.extend(lease.keys);
            }
        }
        keys.sort_unstable();
        probe!(LeaseTakesKeys if keys.len() > 1);
        if is_planted(Bug::LeaseLeavesKey) {
            keys.pop();
        }
        for key in keys {
            self.delete(&key);
        }
        ended
    }

    /// Deletes a key that exists.
    fn delete(&mut self, key: &[u8]) {
        let change = self.change(key, |_, at| Record::tombstone(at, key));
        assert!(change.before.is_some(), "only keys that exist are deleted");
    }

    /// Makes one change of one key, in the store, in its leases and for the watchers.
    fn change(
        &mut self,
        key: &[u8],
        change: impl FnOnce(Option<&Record>, Revision) -> Record,
    ) -> Change {
        let sub = u32::try_from(self.events.len()).expect("a command makes < 2^32 changes");
        let at = Revision {
            main: self.main,
            sub,
        };
        let change = self.store.change(key, |before| change(before, at));
        let lease_before = change.before.as_ref().and_then(Record::lease);
        let lease = change.record.lease();
        probe!(KeyChangesLease if lease.is_some() && lease_before.is_some() && lease != lease_before);
        self.leases.move_key(key, lease_before, lease);
        let follows = self.store.log.push(change.record.clone());
        assert!(follows, "changes are logged in their order");
        let prev = || change.prev.as_ref().and_then(Record::key_value);
        self.events.push(Event::of(&change.record, prev));
        change
    }
}

impl Event {
    /// What watchers get for a version of a key. A put that created the key has no state before
    /// it, also where the same revision deleted it first.
    pub(super) fn of(record: &Record, prev: impl FnOnce() -> Option<KeyValue>) -> Self {
        match record.key_value() {
            Some(kv) if kv.version == 1 => Self::Put { kv, prev: None },
            Some(kv) => Self::Put { kv, prev: prev() },
            None => Self::Delete {
                key: record.shared_key(),
                mod_revision: record.at().main,
                prev: prev(),
            },
        }
    }
}
