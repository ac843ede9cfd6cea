//! Keys: reads, puts, deletes, history.

use bytes::Bytes;
use quorate_core::{
    Error,
    kv::{Event, KeyRange, KeyValue},
    request::{DeleteRangeRequest, PutRequest, RangeRequest, Sort, SortOrder, SortTarget},
    response::{DeleteRangeResponse, PutResponse, RangeResponse},
};

use super::{Keys, Model};

/// A revision in the making.
pub(super) struct Draft {
    /// The revision that it comes after.
    pub(super) base: i64,
    pub(super) keys: Keys,
    pub(super) events: Vec<Event>,
    /// Why a transaction's first range cannot be read.
    pub(super) unreadable: Option<Error>,
}

impl Model {
    /// A range read.
    ///
    /// # Errors
    ///
    /// [`Error::FutureRevision`], [`Error::Compacted`].
    pub fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        if request.revision > self.revision() {
            return Err(Error::FutureRevision);
        }
        if request.revision > 0 && request.revision < self.compact_revision {
            return Err(Error::Compacted);
        }
        Ok(self.read(&self.draft(), request))
    }

    /// The events from a revision on, as watchers that catch up see them: the states before that
    /// are compacted are left out.
    ///
    /// # Errors
    ///
    /// [`Error::Compacted`].
    pub fn history(&self, from: i64) -> Result<Vec<(i64, Vec<Event>)>, Error> {
        if from < self.compact_revision {
            return Err(Error::Compacted);
        }
        let revisions = from.max(2)..=self.revision();
        let readable = |event: &Event| match event.mod_revision() - 1 < self.compact_revision {
            true => without_prev(event),
            false => event.clone(),
        };
        let events = |main| self.events(main).iter().map(readable).collect();
        Ok(revisions.map(|main| (main, events(main))).collect())
    }

    /// What a revision has changed, compacted or not; nothing for one that is not there (yet).
    pub fn events(&self, revision: i64) -> &[Event] {
        match (1..=self.revision()).contains(&revision) {
            true => &self.moment(revision).events,
            false => &[],
        }
    }

    /// The present, to be changed.
    pub(super) fn draft(&self) -> Draft {
        let base = self.revision();
        Draft {
            base,
            keys: self.moment(base).keys.clone(),
            events: Vec::new(),
            unreadable: None,
        }
    }

    pub(super) fn put(
        &self,
        draft: &mut Draft,
        request: &PutRequest,
    ) -> Result<PutResponse, Error> {
        let before = draft.keys.get(&request.key).cloned();
        if before.is_none() && (request.ignore_value || request.ignore_lease) {
            return Err(Error::KeyNotFound);
        }
        self.check_lease(request)?;
        let mut kv = KeyValue {
            key: request.key.clone(),
            create_revision: draft.base + 1,
            mod_revision: draft.base + 1,
            version: 1,
            value: request.value.clone(),
            lease: request.lease,
        };
        let mut prev = None;
        if let Some(before) = &before {
            kv.create_revision = before.create_revision;
            kv.version = before.version + 1;
            if request.ignore_value {
                kv.value = before.value.clone();
            }
            if request.ignore_lease {
                kv.lease = before.lease;
            }
            prev = self.moment(draft.base).keys.get(&kv.key).cloned();
        }
        draft.keys.insert(kv.key.clone(), kv.clone());
        draft.events.push(Event::Put { kv, prev });
        Ok(PutResponse {
            revision: draft.revision(),
            prev_kv: before.filter(|_| request.prev_kv),
        })
    }

    /// Reads the draft, or the past if the request names a revision.
    pub(super) fn read(&self, draft: &Draft, request: &RangeRequest) -> RangeResponse {
        let keys = match request.revision {
            ..=0 => &draft.keys,
            revision => &self.moment(revision).keys,
        };
        let found = within(keys, &request.range);
        let mut response = RangeResponse {
            revision: draft.revision(),
            kvs: Vec::new(),
            more: false,
            count: found.len() as i64,
        };
        if !request.count_only {
            (response.kvs, response.more) = select(found, request);
        }
        response
    }
}

impl Draft {
    pub(super) fn revision(&self) -> i64 {
        match self.events.is_empty() {
            true => self.base,
            false => self.base + 1,
        }
    }

    pub(super) fn delete(&mut self, request: &DeleteRangeRequest) -> DeleteRangeResponse {
        let gone = within(&self.keys, &request.range);
        for kv in &gone {
            self.keys.remove(&kv.key);
            // What watchers get is the state one revision ago: for a key that this revision has put
            // already, what its event says of that.
            let this_revision = |event: &&Event| event.key() == &kv.key;
            let prev = match self.events.iter().find(this_revision) {
                Some(Event::Put { prev, .. } | Event::Delete { prev, .. }) => prev.clone(),
                None => Some(kv.clone()),
            };
            self.events.push(Event::Delete {
                key: kv.key.clone(),
                mod_revision: self.base + 1,
                prev,
            });
        }
        DeleteRangeResponse {
            revision: self.revision(),
            deleted: gone.len() as i64,
            prev_kvs: if request.prev_kv { gone } else { Vec::new() },
        }
    }
}

/// The keys of an interval, in key order.
pub(super) fn within(keys: &Keys, range: &KeyRange) -> Vec<KeyValue> {
    let kvs = keys.values();
    kvs.filter(|kv| is_inside(&kv.key, range))
        .cloned()
        .collect()
}

pub(crate) fn is_inside(key: &Bytes, range: &KeyRange) -> bool {
    match range {
        KeyRange::Key(only) => key == only,
        KeyRange::Range { start, end } => start <= key && key < end,
        KeyRange::From(start) => start <= key,
    }
}

/// The event as it is told where the state before is not to be had, or not wanted.
pub(crate) fn without_prev(event: &Event) -> Event {
    match event.clone() {
        Event::Put { kv, .. } => Event::Put { kv, prev: None },
        Event::Delete {
            key, mod_revision, ..
        } => Event::Delete {
            key,
            mod_revision,
            prev: None,
        },
    }
}

/// Filters, sorts, cuts; whether the limit left some out.
fn select(mut kvs: Vec<KeyValue>, request: &RangeRequest) -> (Vec<KeyValue>, bool) {
    let limit = match request.limit {
        ..=0 => usize::MAX - 1,
        limit => limit as usize,
    };
    let filter = request.filter;
    let bounded =
        |revision: i64, min: i64, max: i64| revision >= min && (max == 0 || revision <= max);
    kvs.retain(|kv| bounded(kv.mod_revision, filter.min_mod, filter.max_mod));
    kvs.retain(|kv| bounded(kv.create_revision, filter.min_create, filter.max_create));
    if let Some(sort) = request.sort {
        // Corner case 15.
        if sort.order == SortOrder::Unspecified && filter == Default::default() {
            kvs.truncate(limit + 1);
        }
        sort_by(&mut kvs, sort);
    }
    let more = kvs.len() > limit;
    kvs.truncate(limit);
    if request.keys_only {
        kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
    }
    (kvs, more)
}

fn sort_by(kvs: &mut [KeyValue], sort: Sort) {
    kvs.sort_by(|a, b| {
        let order = match sort.target {
            SortTarget::Key => a.key.cmp(&b.key),
            SortTarget::Version => a.version.cmp(&b.version),
            SortTarget::Create => a.create_revision.cmp(&b.create_revision),
            SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
            SortTarget::Value => a.value.cmp(&b.value),
        };
        match sort.order {
            SortOrder::Descend => order.reverse(),
            SortOrder::Unspecified | SortOrder::Ascend => order,
        }
    });
}
