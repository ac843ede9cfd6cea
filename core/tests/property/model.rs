//! The reference: a full copy of the key space for every revision. Slow, small, and without any
//! logic of the core's; only its request and response types are used.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use bytes::Bytes;
use quorate_core::{
    Command, Error, Response,
    command::{MemberAttributes, Renewal},
    kv::{Event, KeyRange, KeyValue, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation,
        SortOrder, SortTarget, TxnRequest,
    },
    response::{
        DeleteRangeResponse, LeaseInfo, OpResponse, PutResponse, RangeResponse, TxnResponse,
    },
};

type Keys = BTreeMap<Bytes, KeyValue>;

/// All that the core should know.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) revision: i64,
    pub(crate) compact_revision: i64,
    pub(crate) time_ms: u64,
    /// The key space after each revision, and what the revision changed.
    past: BTreeMap<i64, (Keys, Vec<Event>)>,
    /// Time to live and renewal.
    pub(crate) leases: BTreeMap<LeaseId, (i64, u64)>,
    pub(crate) members: BTreeMap<u64, MemberAttributes>,
    pub(crate) cluster_version: Option<String>,
}

/// A revision in the making.
struct Draft {
    base: i64,
    keys: Keys,
    events: Vec<Event>,
}

impl Draft {
    fn revision(&self) -> i64 {
        self.base + i64::from(!self.events.is_empty())
    }
}

impl Model {
    pub(crate) fn new() -> Self {
        Self {
            revision: 1,
            compact_revision: -1,
            time_ms: 0,
            past: BTreeMap::from([(1, Default::default())]),
            leases: BTreeMap::new(),
            members: BTreeMap::new(),
            cluster_version: None,
        }
    }

    /// What the core should answer, and the events.
    pub(crate) fn apply(
        &mut self,
        command: &Command,
        term: u64,
    ) -> (Result<Response, Error>, Vec<Event>) {
        let mut draft = self.draft();
        let result = self.execute(&mut draft, command, term);
        if result.is_err() || draft.events.is_empty() {
            return (result, Vec::new());
        }
        self.revision += 1;
        self.past
            .insert(self.revision, (draft.keys, draft.events.clone()));
        (result, draft.events)
    }

    fn execute(
        &mut self,
        draft: &mut Draft,
        command: &Command,
        term: u64,
    ) -> Result<Response, Error> {
        match command {
            Command::Put(request) => {
                if request
                    .lease
                    .is_some_and(|id| !self.leases.contains_key(&id))
                {
                    return Err(Error::LeaseNotFound);
                }
                Ok(Response::Put(self.put(draft, request)?))
            }
            Command::DeleteRange(request) => Ok(Response::DeleteRange(delete(draft, request))),
            Command::Txn(request) => {
                let mut response = self.txn(draft, request)?;
                response.revision = draft.revision();
                let puts = draft
                    .events
                    .iter()
                    .filter(|event| matches!(event, Event::Put { .. }));
                let keys: Vec<&Bytes> = puts.map(|event| event.key()).collect();
                let distinct: BTreeSet<&Bytes> = keys.iter().copied().collect();
                assert_eq!(distinct.len(), keys.len(), "one run puts no key twice");
                Ok(Response::Txn(response))
            }
            Command::Compact { revision } if *revision <= self.compact_revision => {
                Err(Error::Compacted)
            }
            Command::Compact { revision } if *revision > self.revision => {
                Err(Error::FutureRevision)
            }
            Command::Compact { revision } => {
                self.compact_revision = *revision;
                Ok(Response::Compact)
            }
            Command::LeaseGrant { id, .. } if self.leases.contains_key(id) => {
                Err(Error::LeaseExists)
            }
            Command::LeaseGrant { id, ttl_s } => {
                let ttl_s = (*ttl_s).max(1);
                self.leases.insert(*id, (ttl_s, self.time_ms));
                Ok(Response::LeaseGrant { id: *id, ttl_s })
            }
            Command::LeaseRevoke { id } => match self.revoke(draft, &[*id]) {
                0 => Err(Error::LeaseNotFound),
                _ => Ok(Response::LeaseRevoke),
            },
            Command::LeaseRenew { renewals } => {
                for Renewal { id, renewed_at_ms } in renewals {
                    if let Some((_, last)) = self.leases.get_mut(id) {
                        *last = (*last).max((*renewed_at_ms).min(self.time_ms));
                    }
                }
                Ok(Response::LeaseRenew)
            }
            Command::LeaseExpire {
                term: proposed,
                ids,
            } => {
                let expired = if *proposed == term {
                    self.revoke(draft, ids)
                } else {
                    0
                };
                Ok(Response::LeaseExpire { expired })
            }
            Command::Alarm { .. } | Command::Auth(_) => unreachable!(),
            Command::MemberAttributes(attributes) => {
                self.members
                    .insert(attributes.member_id, attributes.clone());
                Ok(Response::MemberAttributes)
            }
            Command::ClusterVersion { version } => {
                self.cluster_version = Some(version.clone());
                Ok(Response::ClusterVersion)
            }
        }
    }

    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        if request.revision > self.revision {
            return Err(Error::FutureRevision);
        }
        if request.revision > 0 && request.revision < self.compact_revision {
            return Err(Error::Compacted);
        }
        Ok(self.read(&self.draft(), request))
    }

    pub(crate) fn read_txn(&self, request: &TxnRequest) -> Result<TxnResponse, Error> {
        let mut response = self.txn(&mut self.draft(), request)?;
        response.revision = self.revision;
        Ok(response)
    }

    pub(crate) fn lease(&self, id: LeaseId) -> Option<LeaseInfo> {
        let &(ttl_s, renewed_at_ms) = self.leases.get(&id)?;
        let attached = self.past[&self.revision]
            .0
            .values()
            .filter(|kv| kv.lease == Some(id));
        let keys = attached.map(|kv| kv.key.clone()).collect();
        Some(LeaseInfo {
            id,
            ttl_s,
            renewed_at_ms,
            keys,
        })
    }

    /// Watch catch-up: the events, without the states before that are compacted.
    pub(crate) fn history(&self, from: i64) -> Result<Vec<(i64, Vec<Event>)>, Error> {
        if from < self.compact_revision {
            return Err(Error::Compacted);
        }
        let revisions = self.past.range(from.max(2)..);
        let readable = |main: i64, event: &Event| {
            let mut event = event.clone();
            let (Event::Put { prev, .. } | Event::Delete { prev, .. }) = &mut event;
            prev.take_if(|_| main - 1 < self.compact_revision);
            event
        };
        let events = |(main, (_, events)): (&i64, &(_, Vec<Event>))| {
            (
                *main,
                events.iter().map(|event| readable(*main, event)).collect(),
            )
        };
        Ok(revisions.map(events).collect())
    }

    fn draft(&self) -> Draft {
        let keys = self.past[&self.revision].0.clone();
        Draft {
            base: self.revision,
            keys,
            events: Vec::new(),
        }
    }

    fn put(&self, draft: &mut Draft, request: &PutRequest) -> Result<PutResponse, Error> {
        let before = draft.keys.get(&request.key).cloned();
        if before.is_none() && (request.ignore_value || request.ignore_lease) {
            return Err(Error::KeyNotFound);
        }
        if request
            .lease
            .is_some_and(|id| !self.leases.contains_key(&id))
        {
            return Err(Error::LeaseNotFound);
        }
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
            prev = self.past[&draft.base].0.get(&kv.key).cloned();
        }
        draft.keys.insert(kv.key.clone(), kv.clone());
        draft.events.push(Event::Put { kv, prev });
        let prev_kv = before.filter(|_| request.prev_kv);
        Ok(PutResponse {
            revision: draft.revision(),
            prev_kv,
        })
    }

    fn txn(&self, draft: &mut Draft, request: &TxnRequest) -> Result<TxnResponse, Error> {
        let before = &self.past[&draft.base].0;
        let succeeded = request
            .compares
            .iter()
            .all(|compare| holds(compare, before));
        let branch = if succeeded {
            &request.success
        } else {
            &request.failure
        };
        let mut responses = Vec::new();
        for op in branch {
            responses.push(match op {
                Op::Range(request) => {
                    match request.revision {
                        0 => {}
                        revision if revision > draft.base => return Err(Error::FutureRevision),
                        revision if revision < self.compact_revision => {
                            return Err(Error::Compacted);
                        }
                        _ => {}
                    }
                    OpResponse::Range(self.read(draft, request))
                }
                Op::Put(request) => OpResponse::Put(self.put(draft, request)?),
                Op::DeleteRange(request) => OpResponse::DeleteRange(delete(draft, request)),
                Op::Txn(nested) => OpResponse::Txn(self.txn(draft, nested)?),
            });
        }
        Ok(TxnResponse {
            revision: 0,
            succeeded,
            responses,
        })
    }

    fn read(&self, draft: &Draft, request: &RangeRequest) -> RangeResponse {
        let keys = match request.revision {
            ..=0 => &draft.keys,
            revision => &self.past[&revision].0,
        };
        let mut kvs = within(keys, &request.range);
        let count = kvs.len() as i64;
        let revision = draft.revision();
        if request.count_only {
            return RangeResponse {
                revision,
                kvs: Vec::new(),
                more: false,
                count,
            };
        }
        let limit = if request.limit > 0 {
            request.limit as usize
        } else {
            usize::MAX - 1
        };
        let filter = request.filter;
        let bounded =
            |revision: i64, min: i64, max: i64| revision >= min && (max == 0 || revision <= max);
        kvs.retain(|kv| bounded(kv.mod_revision, filter.min_mod, filter.max_mod));
        kvs.retain(|kv| bounded(kv.create_revision, filter.min_create, filter.max_create));
        if let Some(sort) = request.sort {
            if sort.order == SortOrder::Unspecified && !filter.is_set() {
                kvs.truncate(limit + 1);
            }
            kvs.sort_by(|a, b| {
                let order = match sort.target {
                    SortTarget::Key => a.key.cmp(&b.key),
                    SortTarget::Version => a.version.cmp(&b.version),
                    SortTarget::Create => a.create_revision.cmp(&b.create_revision),
                    SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
                    SortTarget::Value => a.value.cmp(&b.value),
                };
                if sort.order == SortOrder::Descend {
                    order.reverse()
                } else {
                    order
                }
            });
        }
        let more = kvs.len() > limit;
        kvs.truncate(limit);
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value = Bytes::new());
        }
        RangeResponse {
            revision,
            kvs,
            more,
            count,
        }
    }

    fn revoke(&mut self, draft: &mut Draft, ids: &[LeaseId]) -> usize {
        let ended = ids
            .iter()
            .filter(|id| self.leases.remove(id).is_some())
            .count();
        let gone = |kv: &&KeyValue| kv.lease.is_some_and(|id| !self.leases.contains_key(&id));
        let keys: Vec<Bytes> = draft
            .keys
            .values()
            .filter(gone)
            .map(|kv| kv.key.clone())
            .collect();
        for key in keys {
            delete(
                draft,
                &DeleteRangeRequest {
                    range: KeyRange::Key(key),
                    prev_kv: false,
                },
            );
        }
        ended
    }
}

fn delete(draft: &mut Draft, request: &DeleteRangeRequest) -> DeleteRangeResponse {
    let gone = within(&draft.keys, &request.range);
    for kv in &gone {
        draft.keys.remove(&kv.key);
        // What watchers get is the state one revision ago: for a key that this revision has put
        // already, what its event says of that.
        let this_revision = |event: &&Event| event.key() == &kv.key;
        let prev = match draft.events.iter().find(this_revision) {
            Some(Event::Put { prev, .. } | Event::Delete { prev, .. }) => prev.clone(),
            None => Some(kv.clone()),
        };
        let mod_revision = draft.base + 1;
        draft.events.push(Event::Delete {
            key: kv.key.clone(),
            mod_revision,
            prev,
        });
    }
    DeleteRangeResponse {
        revision: draft.revision(),
        deleted: gone.len() as i64,
        prev_kvs: if request.prev_kv { gone } else { Vec::new() },
    }
}

fn within(keys: &Keys, range: &KeyRange) -> Vec<KeyValue> {
    let inside = |key: &Bytes| match range {
        KeyRange::Key(only) => key == only,
        KeyRange::Range { start, end } => start <= key && key < end,
        KeyRange::From(start) => start <= key,
    };
    keys.values()
        .filter(|kv| inside(&kv.key))
        .cloned()
        .collect()
}

fn holds(compare: &Compare, keys: &Keys) -> bool {
    let number = |field: i64, operand: i64| field.cmp(&operand);
    let found = within(keys, &compare.range);
    let orderings: Vec<Ordering> = match (&compare.target, found.is_empty()) {
        (CompareTarget::Value(_), true) => return false,
        (CompareTarget::Value(value), false) => {
            found.iter().map(|kv| kv.value.cmp(value)).collect()
        }
        (
            CompareTarget::Version(operand)
            | CompareTarget::CreateRevision(operand)
            | CompareTarget::ModRevision(operand)
            | CompareTarget::Lease(operand),
            true,
        ) => vec![number(0, *operand)],
        (CompareTarget::Version(operand), false) => found
            .iter()
            .map(|kv| number(kv.version, *operand))
            .collect(),
        (CompareTarget::CreateRevision(operand), false) => found
            .iter()
            .map(|kv| number(kv.create_revision, *operand))
            .collect(),
        (CompareTarget::ModRevision(operand), false) => found
            .iter()
            .map(|kv| number(kv.mod_revision, *operand))
            .collect(),
        (CompareTarget::Lease(operand), false) => found
            .iter()
            .map(|kv| number(kv.lease.map_or(0, |id| id.get()), *operand))
            .collect(),
    };
    orderings.iter().all(|ordering| match compare.relation {
        Relation::Equal => *ordering == Ordering::Equal,
        Relation::Greater => *ordering == Ordering::Greater,
        Relation::Less => *ordering == Ordering::Less,
        Relation::NotEqual => *ordering != Ordering::Equal,
    })
}
