//! Transactions (contract api.md §5.6): which branches are taken, whether they can run, and their
//! running, in this order. Nothing is written before all of the taken path has been checked.

use crate::{
    error::Error,
    kv::{KeyRange, LeaseId},
    lease::table::LeaseTable,
    planted::{Bug, is_planted},
    probe,
    request::{Compare, CompareTarget, Op, PutRequest, RangeRequest, Relation, TxnRequest},
    response::{OpResponse, TxnResponse},
    store::{Store, record::Record, write::Write},
};

/// A transaction with its compares decided: the branch it takes. All compares of the tree are
/// decided by the state before the outermost transaction, so a nested one does not see what the
/// outer one writes (corner case 57).
pub(crate) struct Taken<'a> {
    succeeded: bool,
    steps: Vec<Step<'a>>,
}

/// An operation of the taken branch.
enum Step<'a> {
    Op(&'a Op),
    Txn(Taken<'a>),
}

impl<'a> Taken<'a> {
    /// Decides all compares.
    pub(crate) fn decide(request: &'a TxnRequest, store: &Store) -> Self {
        let succeeded = request.compares.iter().all(|compare| holds(compare, store));
        let branch = if succeeded {
            &request.success
        } else {
            &request.failure
        };
        let steps = branch.iter().map(|op| match op {
            Op::Txn(nested) => Step::Txn(Self::decide(nested, store)),
            op => Step::Op(op),
        });
        Self {
            succeeded,
            steps: steps.collect(),
        }
    }

    /// Whether the taken path can run on the state before the transaction.
    ///
    /// # Errors
    ///
    /// The first that a put gives, in execution order; if none does, the first that a range gives.
    pub(crate) fn check(&self, store: &Store, leases: &LeaseTable) -> Result<(), Error> {
        self.check_puts(store, leases, &mut Vec::new())?;
        self.check_ranges(store)
    }

    fn check_puts<'b>(
        &'b self,
        store: &Store,
        leases: &LeaseTable,
        deleted: &mut Vec<&'b KeyRange>,
    ) -> Result<(), Error> {
        for step in &self.steps {
            match step {
                Step::Op(Op::Put(request)) => check_put(request, store, leases, deleted)?,
                Step::Op(Op::DeleteRange(request)) => deleted.push(&request.range),
                Step::Txn(nested) => nested.check_puts(store, leases, deleted)?,
                Step::Op(_) => {}
            }
        }
        Ok(())
    }

    fn check_ranges(&self, store: &Store) -> Result<(), Error> {
        for step in &self.steps {
            match step {
                Step::Op(Op::Range(request)) => check_range(request, store)?,
                Step::Txn(nested) => nested.check_ranges(store)?,
                Step::Op(_) => {}
            }
        }
        Ok(())
    }

    /// Runs the taken path. It was checked.
    pub(crate) fn run(&self, write: &mut Write<'_>) -> TxnResponse {
        let mut response = self.run_nested(write);
        response.revision = write.revision();
        response
    }

    /// The header of a nested answer is empty, as in etcd (corner case 63).
    fn run_nested(&self, write: &mut Write<'_>) -> TxnResponse {
        probe!(TxnFails if !self.succeeded);
        let responses = self.steps.iter().map(|step| match step {
            Step::Op(Op::Range(request)) => OpResponse::Range(write.range(request)),
            Step::Op(Op::Put(request)) => OpResponse::Put(write.put(request)),
            Step::Op(Op::DeleteRange(request)) => {
                OpResponse::DeleteRange(write.delete_range(request))
            }
            Step::Txn(nested) => OpResponse::Txn(nested.run_nested(write)),
            Step::Op(Op::Txn(_)) => unreachable!("nested transactions were decided"),
        });
        let responses = responses.collect();
        TxnResponse {
            revision: 0,
            succeeded: self.succeeded,
            responses,
        }
    }
}

/// Evaluates a transaction that only reads, with nested ones excluded, without touching anything.
///
/// # Errors
///
/// [`Error::FutureRevision`] and [`Error::Compacted`], as its ranges give them.
pub(crate) fn read(request: &TxnRequest, store: &Store) -> Result<TxnResponse, Error> {
    assert!(
        request.is_read_only(),
        "only read-only transactions are evaluated outside of the log"
    );
    let succeeded = request.compares.iter().all(|compare| holds(compare, store));
    let branch = if succeeded {
        &request.success
    } else {
        &request.failure
    };
    let ranges = || {
        branch
            .iter()
            .filter_map(|op| if let Op::Range(r) = op { Some(r) } else { None })
    };
    for range in ranges() {
        check_range(range, store)?;
    }
    let responses = ranges().map(|range| Ok(OpResponse::Range(store.range(range)?)));
    let responses = responses.collect::<Result<_, Error>>()?;
    Ok(TxnResponse {
        revision: store.revision(),
        succeeded,
        responses,
    })
}

/// A range's revision must be readable before the transaction; the transaction's own is still in
/// the future (corner case 59). Unlike outside, a negative one is taken at its word (corner case
/// 62).
fn check_range(request: &RangeRequest, store: &Store) -> Result<(), Error> {
    match request.revision {
        0 => Ok(()),
        revision if revision > store.revision() => Err(Error::FutureRevision),
        revision if revision < store.compact_revision() => Err(Error::Compacted),
        _ => Ok(()),
    }
}

/// A put's lease must exist, and its key if it keeps something of it: before the transaction, and
/// still after the deletes ahead of it. (Those can only be open-ended ones, which the check for
/// overlaps lets through; etcd stops the whole process there.)
fn check_put(
    request: &PutRequest,
    store: &Store,
    leases: &LeaseTable,
    deleted: &[&KeyRange],
) -> Result<(), Error> {
    if request.ignore_value || request.ignore_lease {
        let gone = deleted.iter().any(|range| range.contains(&request.key));
        if gone || !store.contains(&request.key) {
            return Err(Error::KeyNotFound);
        }
    }
    check_lease(request, leases)
}

/// A put's lease must exist.
pub(crate) fn check_lease(request: &PutRequest, leases: &LeaseTable) -> Result<(), Error> {
    match request.lease {
        Some(id) if !leases.contains(id) => Err(Error::LeaseNotFound),
        _ => Ok(()),
    }
}

/// Whether a compare holds for every key of its interval; an empty one counts as one missing key.
fn holds(compare: &Compare, store: &Store) -> bool {
    let mut live = store.live(&compare.range).peekable();
    if live.peek().is_none() {
        return holds_for(compare, None);
    }
    live.all(|record| holds_for(compare, Some(record)))
}

/// Whether a compare holds for one key, `None` being a missing one.
fn holds_for(compare: &Compare, record: Option<&Record>) -> bool {
    let number = |field: fn(&Record) -> i64| record.map_or(0, field);
    let ordering = match &compare.target {
        CompareTarget::Version(operand) => number(Record::version).cmp(operand),
        CompareTarget::CreateRevision(operand) => number(Record::create_revision).cmp(operand),
        CompareTarget::ModRevision(operand) if is_planted(Bug::CompareWrongField) => {
            number(Record::create_revision).cmp(operand)
        }
        CompareTarget::ModRevision(operand) => number(|record| record.at().main).cmp(operand),
        CompareTarget::Lease(operand) => {
            number(|record| record.lease().map_or(0, LeaseId::get)).cmp(operand)
        }
        // A missing key has no value, which differs from an empty one (corner case 52).
        CompareTarget::Value(operand) => match record {
            Some(record) => record.value().cmp(operand),
            None => return false,
        },
    };
    match compare.relation {
        Relation::Equal => ordering.is_eq(),
        Relation::Greater => ordering.is_gt(),
        Relation::Less => ordering.is_lt() || is_planted(Bug::LessOrEqual) && ordering.is_eq(),
        Relation::NotEqual => ordering.is_ne(),
    }
}
