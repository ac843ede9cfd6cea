//! One main revision in the making: all changes that one command makes.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Change, Store,
    history::{Put, Revision, Version},
    log::Changed,
};
use crate::{
    kv::{Event, KeyValue, LeaseId},
    lease::table::LeaseTable,
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
    changed: Vec<Bytes>,
    events: Vec<Event>,
}

impl<'a> Write<'a> {
    pub(crate) fn begin(store: &'a mut Store, leases: &'a mut LeaseTable) -> Self {
        let main = store.revision + 1;
        Self {
            store,
            leases,
            main,
            changed: Vec::new(),
            events: Vec::new(),
        }
    }

    /// The revision visible inside: the new one as soon as there is a change.
    pub(crate) fn revision(&self) -> i64 {
        if self.changed.is_empty() {
            self.store.revision
        } else {
            self.main
        }
    }

    /// Makes the changes the store's newest revision and gives them as events.
    pub(crate) fn finish(self) -> Arc<[Event]> {
        if self.changed.is_empty() {
            return Arc::default();
        }
        self.store.revision = self.main;
        self.store.log.push(Changed::from(self.changed));
        self.events.into()
    }

    /// Reads; sees the changes made so far, unless at an older revision. The revision was checked.
    pub(crate) fn range(&self, request: &RangeRequest) -> RangeResponse {
        self.store.read(request, self.revision())
    }

    /// Puts one key. With `ignore_value` and `ignore_lease` the key exists, and the lease exists.
    pub(crate) fn put(&mut self, request: &PutRequest) -> PutResponse {
        let main = self.main;
        let change = self.change(&request.key, |before| {
            let mut put = Put {
                create_revision: main,
                version: 1,
                lease: request.lease,
                value: request.value.clone(),
            };
            if let Some(before) = before {
                put.create_revision = before.create_revision;
                put.version = before.version + 1;
                if request.ignore_lease {
                    put.lease = before.lease;
                }
                if request.ignore_value {
                    put.value = before.value.clone();
                }
            }
            Some(put)
        });
        let prev_kv = change.before.filter(|_| request.prev_kv);
        PutResponse {
            revision: main,
            prev_kv,
        }
    }

    /// Deletes the keys of an interval, in key order.
    pub(crate) fn delete_range(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let live: Vec<KeyValue> = self.store.live(&request.range).collect();
        for kv in &live {
            self.change(&kv.key, |_| None);
        }
        DeleteRangeResponse {
            revision: self.revision(),
            deleted: live.len() as i64,
            prev_kvs: if request.prev_kv { live } else { Vec::new() },
        }
    }

    /// Ends leases: takes them out of the table and deletes their keys, all keys ascending. Gives
    /// the ids that there were.
    pub(crate) fn revoke(&mut self, ids: &[LeaseId]) -> Vec<LeaseId> {
        let mut ended = Vec::new();
        let mut keys = Vec::new();
        for &id in ids {
            if let Some(lease) = self.leases.remove(id) {
                ended.push(id);
                keys.extend(lease.keys);
            }
        }
        keys.sort_unstable();
        for key in keys {
            let gone = self.change(&key, |_| None);
            assert!(gone.before.is_some(), "keys attached to a lease exist");
        }
        ended
    }

    /// Makes one change of one key, in the store, in its leases and for the watchers. A key that
    /// is deleted exists.
    fn change(
        &mut self,
        key: &Bytes,
        change: impl FnOnce(Option<&KeyValue>) -> Option<Put>,
    ) -> Change {
        let sub = u32::try_from(self.changed.len()).expect("a command makes < 2^32 changes");
        let at = Revision {
            main: self.main,
            sub,
        };
        let change = self.store.change(key, at, change);
        let lease_before = change.before.as_ref().and_then(|kv| kv.lease);
        let lease = change.version.put.as_ref().and_then(|put| put.lease);
        self.leases.move_key(&change.key, lease_before, lease);
        self.changed.push(change.key.clone());
        let event = Event::of(&change.key, &change.version, || change.prev.clone());
        self.events.push(event);
        change
    }
}

impl Event {
    /// What watchers get for a version of a key. A put that created the key has no state before
    /// it, also where the same revision deleted it first.
    pub(super) fn of(
        key: &Bytes,
        version: &Version,
        prev: impl FnOnce() -> Option<KeyValue>,
    ) -> Self {
        match version.key_value(key) {
            Some(kv) if kv.version == 1 => Self::Put { kv, prev: None },
            Some(kv) => Self::Put { kv, prev: prev() },
            None => Self::Delete {
                key: key.clone(),
                mod_revision: version.at.main,
                prev: prev(),
            },
        }
    }
}
