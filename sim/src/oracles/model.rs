//! The key space as a plain map: what one copy, doing one operation at a time, would answer.

use std::collections::BTreeMap;

use crate::history::{
    Blob, Body, Compare, CompareTarget, Delete, Event, Kv, Put, Range, Relation, Request, Txn,
    TxnOp,
};

/// The keys at one revision.
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    keys: BTreeMap<Blob, Kv>,
}

impl State {
    pub(super) fn get(&self, key: &Blob) -> Option<&Kv> {
        self.keys.get(key)
    }

    /// All keys.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Kv> {
        self.keys.values()
    }

    /// The keys attached to `lease`.
    pub(super) fn attached(&self, lease: i64) -> impl Iterator<Item = &Kv> {
        self.keys.values().filter(move |kv| kv.lease == lease)
    }

    /// The state after `events`.
    pub(super) fn apply(&mut self, events: &[Event]) {
        for event in events {
            match event {
                Event::Put { kv, .. } => self.keys.insert(kv.key.clone(), kv.clone()),
                Event::Delete { key, .. } => self.keys.remove(key),
            };
        }
    }

    /// The answer to a read of this state.
    pub(super) fn range(&self, range: &Range) -> Body {
        let mut kvs: Vec<Kv> = self
            .keys
            .values()
            .filter(|kv| range.keys.contains(&kv.key))
            .cloned()
            .collect();
        let count = kvs.len() as i64;
        let more = range.limit > 0 && count > range.limit;
        if more {
            kvs.truncate(usize::try_from(range.limit).unwrap_or(usize::MAX));
        }
        Body::Range { count, more, kvs }
    }

    /// What `request` answers and changes where its changes get `revision`. Only for requests that
    /// read or write keys; of others the answer is no concern of the key space.
    pub(super) fn outcome(&self, request: &Request, revision: i64) -> Option<(Body, Vec<Event>)> {
        if let Request::Range(range) = request {
            return Some((self.range(range), Vec::new()));
        }
        let mut step = Step {
            state: self.clone(),
            revision,
            events: Vec::new(),
        };
        let body = match request {
            Request::Put(put) => step.put(put),
            Request::Delete(delete) => step.delete(delete),
            Request::Txn(txn) => step.txn(txn),
            _ => return None,
        };
        Some((body, step.events))
    }

    fn holds(&self, compare: &Compare) -> bool {
        let kv = self.keys.get(&compare.key);
        let field = |get: fn(&Kv) -> i64| kv.map_or(0, get);
        let (found, operand) = match &compare.target {
            CompareTarget::Version(operand) => (field(|kv| kv.version), operand),
            CompareTarget::Create(operand) => (field(|kv| kv.create_revision), operand),
            CompareTarget::Mod(operand) => (field(|kv| kv.mod_revision), operand),
            CompareTarget::Lease(operand) => (field(|kv| kv.lease), operand),
            CompareTarget::Value(operand) => {
                return kv.is_some_and(|kv| related(&kv.value, compare.relation, operand));
            }
        };
        related(&found, compare.relation, operand)
    }
}

fn related<T: Ord>(found: &T, relation: Relation, operand: &T) -> bool {
    match relation {
        Relation::Equal => found == operand,
        Relation::NotEqual => found != operand,
        Relation::Greater => found > operand,
        Relation::Less => found < operand,
    }
}

/// One request on its way.
struct Step {
    state: State,
    revision: i64,
    events: Vec<Event>,
}

impl Step {
    fn put(&mut self, put: &Put) -> Body {
        let before = self.state.get(&put.key).cloned();
        let kv = Kv {
            key: put.key.clone(),
            value: put.value.clone(),
            mod_revision: self.revision,
            create_revision: before
                .as_ref()
                .map_or(self.revision, |kv| kv.create_revision),
            version: before.as_ref().map_or(1, |kv| kv.version + 1),
            lease: put.lease,
        };
        self.change(Event::Put { kv, prev: None });
        Body::Put {
            prev: before.filter(|_| put.prev_kv),
        }
    }

    fn delete(&mut self, delete: &Delete) -> Body {
        let keys = self.state.keys.values();
        let gone: Vec<Kv> = keys
            .filter(|kv| delete.keys.contains(&kv.key))
            .cloned()
            .collect();
        for kv in &gone {
            let key = kv.key.clone();
            self.change(Event::Delete {
                key,
                mod_revision: self.revision,
                prev: None,
            });
        }
        let deleted = gone.len() as i64;
        Body::Delete {
            deleted,
            prevs: if delete.prev_kv { gone } else { Vec::new() },
        }
    }

    fn txn(&mut self, txn: &Txn) -> Body {
        let succeeded = txn.compares.iter().all(|compare| self.state.holds(compare));
        let branch = if succeeded {
            &txn.success
        } else {
            &txn.failure
        };
        let responses = branch
            .iter()
            .map(|op| match op {
                TxnOp::Put(put) => self.put(put),
                TxnOp::Delete(delete) => self.delete(delete),
                TxnOp::Range(range) => self.state.range(range),
            })
            .collect();
        Body::Txn {
            succeeded,
            responses,
        }
    }

    fn change(&mut self, event: Event) {
        self.state.apply(std::slice::from_ref(&event));
        self.events.push(event);
    }
}
