//! Transactions (contract api.md §5.6): operation after operation, on a draft that is thrown away
//! if one fails.

use std::{cmp::Ordering, collections::BTreeSet};

use bytes::Bytes;
use quorate_core::{
    Error,
    kv::{Event, KeyValue},
    request::{Compare, CompareTarget, Op, RangeRequest, Relation, TxnRequest},
    response::{OpResponse, RangeResponse, TxnResponse},
};

use super::{
    Keys, Model,
    keys::{Draft, within},
};

impl Model {
    /// Evaluates a transaction that only reads.
    ///
    /// # Errors
    ///
    /// [`Error::FutureRevision`] and [`Error::Compacted`], as its ranges give them.
    pub fn read_txn(&self, request: &TxnRequest) -> Result<TxnResponse, Error> {
        self.run_txn(&mut self.draft(), request)
    }

    /// Runs an outermost transaction.
    pub(super) fn run_txn(
        &self,
        draft: &mut Draft,
        request: &TxnRequest,
    ) -> Result<TxnResponse, Error> {
        let mut response = self.txn(draft, request)?;
        // Told only where no put has failed, be it before or behind the range.
        if let Some(error) = draft.unreadable {
            return Err(error);
        }
        response.revision = draft.revision();
        let is_put = |event: &&Event| matches!(event, Event::Put { .. });
        let keys: Vec<&Bytes> = draft.events.iter().filter(is_put).map(Event::key).collect();
        let distinct: BTreeSet<&Bytes> = keys.iter().copied().collect();
        assert_eq!(distinct.len(), keys.len(), "one run puts no key twice");
        Ok(response)
    }

    /// The revision of a nested answer stays 0.
    fn txn(&self, draft: &mut Draft, request: &TxnRequest) -> Result<TxnResponse, Error> {
        let before = &self.moment(draft.base).keys;
        let mut compares = request.compares.iter();
        let succeeded = compares.all(|compare| holds(compare, before));
        let branch = match succeeded {
            true => &request.success,
            false => &request.failure,
        };
        let mut responses = Vec::new();
        for op in branch {
            responses.push(match op {
                Op::Range(request) => match self.check_txn_range(draft, request) {
                    Ok(()) => OpResponse::Range(self.read(draft, request)),
                    Err(error) => {
                        draft.unreadable.get_or_insert(error);
                        OpResponse::Range(RangeResponse::default())
                    }
                },
                Op::Put(request) => OpResponse::Put(self.put(draft, request)?),
                Op::DeleteRange(request) => OpResponse::DeleteRange(draft.delete(request)),
                Op::Txn(nested) => OpResponse::Txn(self.txn(draft, nested)?),
            });
        }
        Ok(TxnResponse {
            revision: 0,
            succeeded,
            responses,
        })
    }

    /// The transaction's own revision is still to come, and a negative one is taken at its word.
    fn check_txn_range(&self, draft: &Draft, request: &RangeRequest) -> Result<(), Error> {
        if request.revision > draft.base {
            return Err(Error::FutureRevision);
        }
        if request.revision != 0 && request.revision < self.compact_revision {
            return Err(Error::Compacted);
        }
        Ok(())
    }
}

/// Whether a compare holds for every key that there is, or else for a missing one.
fn holds(compare: &Compare, keys: &Keys) -> bool {
    let found = within(keys, &compare.range);
    match found.is_empty() {
        true => holds_for(compare, None),
        false => found.iter().all(|kv| holds_for(compare, Some(kv))),
    }
}

fn holds_for(compare: &Compare, kv: Option<&KeyValue>) -> bool {
    let (version, create, modified, lease) = match kv {
        Some(kv) => {
            let lease = kv.lease.map_or(0, |id| id.get());
            (kv.version, kv.create_revision, kv.mod_revision, lease)
        }
        None => (0, 0, 0, 0),
    };
    let order = match &compare.target {
        CompareTarget::Version(operand) => version.cmp(operand),
        CompareTarget::CreateRevision(operand) => create.cmp(operand),
        CompareTarget::ModRevision(operand) => modified.cmp(operand),
        CompareTarget::Lease(operand) => lease.cmp(operand),
        CompareTarget::Value(operand) => match kv {
            Some(kv) => kv.value.cmp(operand),
            None => return false,
        },
    };
    match compare.relation {
        Relation::Equal => order == Ordering::Equal,
        Relation::Greater => order == Ordering::Greater,
        Relation::Less => order == Ordering::Less,
        Relation::NotEqual => order != Ordering::Equal,
    }
}
