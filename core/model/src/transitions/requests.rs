//! Requests of the key space.

use std::fmt;

use bytes::Bytes;
use proptest::{prelude::*, sample::select};
use quorate_core::{
    Valid,
    kv::{KeyRange, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation,
        RevisionFilter, Sort, SortOrder, SortTarget, TxnRequest,
    },
};

/// Operations that a transaction may have here.
pub(super) const OPS_MAX: usize = 16;

const KEYS: &[&[u8]] = &[b"a", b"b", b"b\0", b"c", b"d", b"\xff"];

/// Keeps of a strategy what passes its check.
pub(super) fn valid<T: fmt::Debug, E: fmt::Debug>(
    strategy: impl Strategy<Value = T>,
    check: impl Fn(T) -> Result<Valid<T>, E>,
) -> impl Strategy<Value = Valid<T>> {
    strategy.prop_filter_map("is not valid", move |request| check(request).ok())
}

fn key() -> impl Strategy<Value = Bytes> {
    prop_oneof![1 => Just(KEYS[0]), 4 => select(KEYS)].prop_map(Bytes::from_static)
}

fn value() -> impl Strategy<Value = Bytes> {
    select(&["", "x", "y", "yy"]).prop_map(Bytes::from)
}

pub(super) fn lease() -> impl Strategy<Value = LeaseId> {
    select(&[-1, 1, 2, i64::MIN]).prop_map(|id| LeaseId::new(id).expect("not 0"))
}

/// A revision to read at, while the store is at about `revision`.
pub(super) fn revision(revision: i64) -> impl Strategy<Value = i64> {
    prop_oneof![
        3 => Just(0),
        1 => -2..revision + 2,
        2 => revision - 6..revision + 1,
    ]
}

pub(super) fn key_range() -> impl Strategy<Value = KeyRange> {
    let start = || prop_oneof![6 => key(), 1 => Just(Bytes::from_static(b"\0"))];
    prop_oneof![
        3 => key().prop_map(KeyRange::Key),
        4 => (start(), key()).prop_map(|(start, end)| KeyRange::Range { start, end }),
        2 => start().prop_map(KeyRange::From),
    ]
}

/// Keys to watch. Those that name no first key mean the first there can be.
pub(super) fn watch_range() -> impl Strategy<Value = KeyRange> {
    let nothing = Bytes::new;
    prop_oneof![
        12 => key_range(),
        1 => Just(KeyRange::Key(nothing())),
        1 => key().prop_map(move |end| KeyRange::Range { start: nothing(), end }),
        1 => Just(KeyRange::From(nothing())),
    ]
}

/// A put that is valid.
pub(super) fn put() -> impl Strategy<Value = PutRequest> {
    let rarely = || prop::bool::weighted(0.07);
    let flags = (any::<bool>(), rarely(), rarely());
    let lease = prop::option::weighted(0.25, lease());
    (key(), value(), lease, flags).prop_map(
        |(key, value, lease, (prev_kv, ignore_value, ignore_lease))| PutRequest {
            key,
            value: if ignore_value { Bytes::new() } else { value },
            lease: lease.filter(|_| !ignore_lease),
            prev_kv,
            ignore_value,
            ignore_lease,
        },
    )
}

/// A delete.
pub(super) fn delete_range() -> impl Strategy<Value = DeleteRangeRequest> {
    (key_range(), any::<bool>()).prop_map(|(range, prev_kv)| DeleteRangeRequest { range, prev_kv })
}

fn sort() -> impl Strategy<Value = Sort> {
    let target = select(&[
        SortTarget::Key,
        SortTarget::Version,
        SortTarget::Create,
        SortTarget::Mod,
        SortTarget::Value,
    ]);
    let order = select(&[
        SortOrder::Unspecified,
        SortOrder::Ascend,
        SortOrder::Descend,
    ]);
    (target, order).prop_map(|(target, order)| Sort { target, order })
}

fn filter(revision: i64) -> impl Strategy<Value = RevisionFilter> {
    let bound = || prop_oneof![3 => Just(0), 1 => 1..revision + 2];
    (bound(), bound(), bound(), bound()).prop_map(|(min_mod, max_mod, min_create, max_create)| {
        RevisionFilter {
            min_mod,
            max_mod,
            min_create,
            max_create,
        }
    })
}

/// A read with all its options, while the store is at about `now`.
pub(super) fn range(now: i64) -> impl Strategy<Value = RangeRequest> {
    let limit = prop_oneof![3 => Just(0), 4 => -1..5_i64, 1 => Just(i64::MAX)];
    let filter = prop_oneof![3 => Just(RevisionFilter::default()), 1 => filter(now)];
    let only = || prop::bool::weighted(0.1);
    let what = (key_range(), revision(now), filter);
    let how = (limit, prop::option::of(sort()), only(), only());
    (what, how).prop_map(
        |((range, revision, filter), (limit, sort, keys_only, count_only))| RangeRequest {
            range,
            limit,
            revision,
            sort,
            keys_only,
            count_only,
            filter,
        },
    )
}

fn compare(revision: i64) -> impl Strategy<Value = Compare> {
    let relation = select(&[
        Relation::Equal,
        Relation::Greater,
        Relation::Less,
        Relation::NotEqual,
    ]);
    let target = prop_oneof![
        (0..4_i64).prop_map(CompareTarget::Version),
        (0..revision + 2).prop_map(CompareTarget::CreateRevision),
        (0..revision + 2).prop_map(CompareTarget::ModRevision),
        (-1..3_i64).prop_map(CompareTarget::Lease),
        value().prop_map(CompareTarget::Value),
    ];
    (key_range(), relation, target).prop_map(|(range, relation, target)| Compare {
        range,
        relation,
        target,
    })
}

/// A transaction of up to three levels below the first.
pub(super) fn txn(revision: i64) -> impl Strategy<Value = TxnRequest> {
    let leaf = prop_oneof![
        3 => put().prop_map(Op::Put),
        1 => delete_range().prop_map(Op::DeleteRange),
        1 => range(revision).prop_map(Op::Range),
    ];
    let op = leaf.prop_recursive(3, 12, 3, move |op| level(revision, op).prop_map(Op::Txn));
    level(revision, op.boxed())
}

/// A transaction that passes its check and needs no log entry.
pub(super) fn read_txn(revision: i64) -> impl Strategy<Value = Valid<TxnRequest>> {
    let read = level(revision, range(revision).prop_map(Op::Range).boxed());
    valid(read, |txn| Valid::<TxnRequest>::check(txn, OPS_MAX))
}

fn level(revision: i64, op: BoxedStrategy<Op>) -> impl Strategy<Value = TxnRequest> {
    let compares = prop::collection::vec(compare(revision), 0..3);
    let branch = || prop::collection::vec(op.clone(), 0..4);
    (compares, branch(), branch()).prop_map(|(compares, success, failure)| {
        thinned(TxnRequest {
            compares,
            success,
            failure,
        })
    })
}

/// Without the last operations, if it would write a key twice with them.
fn thinned(mut txn: TxnRequest) -> TxnRequest {
    while Valid::<TxnRequest>::check(txn.clone(), OPS_MAX).is_err() {
        let TxnRequest {
            success, failure, ..
        } = &mut txn;
        match success.len() > failure.len() {
            true => success.pop(),
            false => failure.pop(),
        };
    }
    txn
}
