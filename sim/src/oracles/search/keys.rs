//! The key space of the search, and what requests do to it.

use std::collections::BTreeMap;

use super::changes::EMPTY;
use crate::history::{
    Blob, Body, Compare, CompareTarget, Kv, Range, Relation, Request, Txn, TxnOp,
};

/// A key's fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell<'a> {
    pub(super) value: &'a Blob,
    pub(super) changed: i64,
    pub(super) created: i64,
    pub(super) version: i64,
    pub(super) lease: i64,
}

/// A key, and what it is after a change; `None` where it is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change<'a> {
    pub(super) key: &'a Blob,
    pub(super) after: Option<Cell<'a>>,
}

/// All keys at one revision.
#[derive(Clone)]
pub(super) struct Space<'a> {
    cells: BTreeMap<&'a Blob, Cell<'a>>,
    revision: i64,
}

impl Default for Space<'_> {
    fn default() -> Self {
        Self {
            cells: BTreeMap::new(),
            revision: EMPTY,
        }
    }
}

impl<'a> Space<'a> {
    pub(super) fn revision(&self) -> i64 {
        self.revision
    }

    /// Whether `range` finds just what `answer` says.
    pub(super) fn is_found(&self, range: &Range, answer: &Body) -> bool {
        let Body::Range { count, more, kvs } = answer else {
            return false;
        };
        let limit = usize::try_from(range.limit).unwrap_or(0);
        let mut told = kvs.iter();
        let mut there = 0;
        for (key, cell) in &self.cells {
            if !range.keys.contains(key) {
                continue;
            }
            there += 1;
            let is_left_out = limit > 0 && there > limit;
            if !is_left_out && !told.next().is_some_and(|kv| is_told(key, cell, kv)) {
                return false;
            }
        }
        told.next().is_none() && *count == there as i64 && *more == (limit > 0 && there > limit)
    }

    /// The space behind `request`, and its changes; `None` where `answer` is not what it would
    /// have been told. A request that changes nothing leaves the revision.
    pub(super) fn after(
        &self,
        request: &'a Request,
        answer: Option<&Body>,
    ) -> Option<(Self, Vec<Change<'a>>)> {
        let mut doing = Doing {
            space: self.clone(),
            changes: Vec::new(),
        };
        let fits = match request {
            Request::Range(range) => answer.is_none_or(|answer| self.is_found(range, answer)),
            Request::Txn(txn) => doing.txn(txn, answer)?,
            Request::Put(put) => doing.op_put(put, answer),
            Request::Delete(delete) => doing.op_delete(delete, answer),
            _ => return None,
        };
        if !doing.changes.is_empty() {
            doing.space.revision += 1;
        }
        fits.then_some((doing.space, doing.changes))
    }

    /// The space behind `changes`, if they are what the end of some leases does: their keys go, all
    /// of them, and nothing else; only those leases count that may have ended.
    pub(super) fn after_lease_end(
        &self,
        changes: &[Change<'a>],
        may_end: impl Fn(i64) -> bool,
    ) -> Option<Self> {
        let mut ended = Vec::new();
        for change in changes {
            let cell = self.cells.get(change.key)?;
            if change.after.is_some() || cell.lease == 0 || !may_end(cell.lease) {
                return None;
            }
            ended.push(cell.lease);
        }
        let mut next = self.clone();
        next.revision += 1;
        for change in changes {
            next.cells.remove(change.key);
        }
        let is_left = |cell: &Cell<'_>| ended.contains(&cell.lease);
        (!next.cells.values().any(is_left)).then_some(next)
    }

    fn holds(&self, compare: &Compare) -> bool {
        let cell = self.cells.get(&compare.key);
        let order = match &compare.target {
            CompareTarget::Value(operand) => match cell {
                // A key that is not there has no value to compare.
                None => return false,
                Some(cell) => cell.value.cmp(operand),
            },
            CompareTarget::Version(operand) => cell.map_or(0, |cell| cell.version).cmp(operand),
            CompareTarget::Create(operand) => cell.map_or(0, |cell| cell.created).cmp(operand),
            CompareTarget::Mod(operand) => cell.map_or(0, |cell| cell.changed).cmp(operand),
            CompareTarget::Lease(operand) => cell.map_or(0, |cell| cell.lease).cmp(operand),
        };
        match compare.relation {
            Relation::Equal => order.is_eq(),
            Relation::NotEqual => order.is_ne(),
            Relation::Less => order.is_lt(),
            Relation::Greater => order.is_gt(),
        }
    }
}

/// A request that is being carried out.
struct Doing<'a> {
    space: Space<'a>,
    changes: Vec<Change<'a>>,
}

impl<'a> Doing<'a> {
    fn op_put(&mut self, put: &'a crate::history::Put, answer: Option<&Body>) -> bool {
        let before = self.space.cells.get(&put.key).copied();
        let now = self.space.revision + 1;
        self.set(Change {
            key: &put.key,
            after: Some(Cell {
                value: &put.value,
                changed: now,
                created: before.map_or(now, |cell| cell.created),
                version: 1 + before.map_or(0, |cell| cell.version),
                lease: put.lease,
            }),
        });
        let asked = before.filter(|_| put.prev_kv);
        match (answer, asked) {
            (None, _) | (Some(Body::Put { prev: None }), None) => true,
            (Some(Body::Put { prev: Some(kv) }), Some(cell)) => is_told(&put.key, &cell, kv),
            _ => false,
        }
    }

    fn op_delete(&mut self, delete: &'a crate::history::Delete, answer: Option<&Body>) -> bool {
        let found: Vec<(&'a Blob, Cell<'a>)> = self
            .space
            .cells
            .iter()
            .filter(|(key, _)| delete.keys.contains(key))
            .map(|(key, cell)| (*key, *cell))
            .collect();
        for (key, _) in &found {
            self.set(Change { key, after: None });
        }
        let Some(answer) = answer else { return true };
        let Body::Delete { deleted, prevs } = answer else {
            return false;
        };
        let told = if delete.prev_kv { &found[..] } else { &[] };
        *deleted == found.len() as i64
            && told.len() == prevs.len()
            && told
                .iter()
                .zip(prevs)
                .all(|((key, cell), kv)| is_told(key, cell, kv))
    }

    /// `None` where the answer has another shape.
    fn txn(&mut self, txn: &'a Txn, answer: Option<&Body>) -> Option<bool> {
        let holds = txn.compares.iter().all(|compare| self.space.holds(compare));
        let branch = if holds { &txn.success } else { &txn.failure };
        let answers = match answer {
            None => None,
            Some(Body::Txn {
                succeeded,
                responses,
            }) if *succeeded == holds && responses.len() == branch.len() => Some(responses),
            Some(_) => return None,
        };
        for (at, op) in branch.iter().enumerate() {
            let answer = answers.map(|answers| &answers[at]);
            let fits = match op {
                TxnOp::Put(put) => self.op_put(put, answer),
                TxnOp::Delete(delete) => self.op_delete(delete, answer),
                TxnOp::Range(range) => {
                    answer.is_none_or(|answer| self.space.is_found(range, answer))
                }
            };
            if !fits {
                return Some(false);
            }
        }
        Some(true)
    }

    fn set(&mut self, change: Change<'a>) {
        match change.after {
            Some(cell) => self.space.cells.insert(change.key, cell),
            None => self.space.cells.remove(change.key),
        };
        self.changes.push(change);
    }
}

fn is_told(key: &Blob, cell: &Cell<'_>, kv: &Kv) -> bool {
    let told = Cell {
        value: &kv.value,
        changed: kv.mod_revision,
        created: kv.create_revision,
        version: kv.version,
        lease: kv.lease,
    };
    *key == kv.key && *cell == told
}
