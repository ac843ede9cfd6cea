//! One main revision in the making: all changes that one command makes.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Store,
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
        // Later uses share the buffer of the stored key, so that the request's can be freed.
        let stored = self.store.keys.get_key_value(&request.key);
        let (key, before) = match stored {
            Some((key, history)) => (key.clone(), history.newest().key_value(key)),
            None => (request.key.clone(), None),
        };
        let kept = before.as_ref();
        let put = Put {
            create_revision: kept.map_or(self.main, |kv| kv.create_revision),
            version: kept.map_or(1, |kv| kv.version + 1),
            lease: if request.ignore_lease {
                kept.and_then(|kv| kv.lease)
            } else {
                request.lease
            },
            value: match kept {
                Some(kv) if request.ignore_value => kv.value.clone(),
                _ => request.value.clone(),
            },
        };
        self.leases
            .move_key(&key, kept.and_then(|kv| kv.lease), put.lease);
        let prev = kept.and_then(|kv| self.before_this_revision(kv));
        let version = self.push(&key, Some(put));
        let kv = version.key_value(&key).expect("a put is no tombstone");
        self.events.push(Event::Put { kv, prev });
        PutResponse {
            revision: self.main,
            prev_kv: before.filter(|_| request.prev_kv),
        }
    }

    /// Deletes the keys of an interval, in key order.
    pub(crate) fn delete_range(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let live: Vec<KeyValue> = self.store.live(&request.range).collect();
        for kv in &live {
            self.delete(kv);
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
            let kv = self
                .store
                .get(&key)
                .expect("keys attached to a lease exist");
            self.delete(&kv);
        }
        ended
    }

    /// Deletes a key that exists.
    fn delete(&mut self, kv: &KeyValue) {
        let prev = self.before_this_revision(kv);
        self.leases.move_key(&kv.key, kv.lease, None);
        self.push(&kv.key, None);
        self.events.push(Event::Delete {
            key: kv.key.clone(),
            mod_revision: self.main,
            prev,
        });
    }

    /// Records one change of one key.
    fn push(&mut self, key: &Bytes, put: Option<Put>) -> Version {
        let sub = u32::try_from(self.changed.len()).expect("a command makes < 2^32 changes");
        let version = Version {
            at: Revision {
                main: self.main,
                sub,
            },
            put,
        };
        self.store.push_version(key, version.clone());
        self.changed.push(key.clone());
        version
    }

    /// What watchers get as the state before: the key at the revision before this one. A put that
    /// created its key has none, also where it re-creates a key that this same command deleted.
    fn before_this_revision(&self, kv: &KeyValue) -> Option<KeyValue> {
        if kv.mod_revision < self.main {
            return Some(kv.clone());
        }
        self.store.get_at(&kv.key, self.main - 1)
    }
}
