//! Requests as a client may write them, before any check.

use bytes::Bytes;
use proptest::{prelude::*, sample::select};
use quorate_core::{
    auth::AuthRequest,
    kv::{KeyRange, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation,
        TxnRequest,
    },
};

/// Empty now and then.
fn key() -> impl Strategy<Value = Bytes> {
    let keys = select(&["a", "b", "c", "d", "e"]).prop_map(Bytes::from);
    prop_oneof![30 => keys, 1 => Just(Bytes::new())]
}

fn key_range() -> impl Strategy<Value = KeyRange> {
    prop_oneof![
        2 => key().prop_map(KeyRange::Key),
        2 => (key(), key()).prop_map(|(start, end)| KeyRange::Range { start, end }),
        1 => key().prop_map(KeyRange::From),
    ]
}

/// A read.
pub fn range() -> impl Strategy<Value = RangeRequest> {
    key_range().prop_map(RangeRequest::new)
}

/// A put.
pub fn put() -> impl Strategy<Value = PutRequest> {
    let flags = prop_oneof![9 => Just([false; 2]), 1 => any::<[bool; 2]>()];
    let value = select(&["", "x"]).prop_map(Bytes::from);
    let lease = select(&[0, 0, 0, 1]).prop_map(LeaseId::new);
    (key(), value, lease, flags).prop_map(|(key, value, lease, [ignore_value, ignore_lease])| {
        PutRequest {
            lease,
            ignore_value,
            ignore_lease,
            ..PutRequest::new(key, value)
        }
    })
}

/// A delete.
pub fn delete_range() -> impl Strategy<Value = DeleteRangeRequest> {
    let prev_kv = false;
    key_range().prop_map(move |range| DeleteRangeRequest { range, prev_kv })
}

/// A transaction of a few levels, of which about half write a key twice.
pub fn txn() -> impl Strategy<Value = TxnRequest> {
    let op = op().prop_recursive(3, 12, 3, |op| level(op).prop_map(Op::Txn));
    level(op.boxed())
}

/// A transaction of so many levels that some are too many.
pub fn deep_txn() -> impl Strategy<Value = TxnRequest> {
    let fork = prop_oneof![5 => Just(false), 1 => Just(true)];
    let levels = prop::collection::vec((fork, op()), 40..55);
    levels.prop_map(|levels| {
        let mut txn = TxnRequest::default();
        for (fork, op) in levels {
            let mut ops = vec![Op::Txn(txn)];
            ops.extend(fork.then_some(op));
            txn = TxnRequest {
                success: ops,
                ..TxnRequest::default()
            };
        }
        txn
    })
}

/// A change of the auth state.
pub fn auth() -> impl Strategy<Value = AuthRequest> {
    super::auth::any_request(key_range().boxed())
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => put().prop_map(Op::Put),
        2 => delete_range().prop_map(Op::DeleteRange),
        1 => range().prop_map(Op::Range),
    ]
}

fn level(op: BoxedStrategy<Op>) -> impl Strategy<Value = TxnRequest> {
    let compare = key_range().prop_map(|range| Compare {
        range,
        relation: Relation::Equal,
        target: CompareTarget::Version(0),
    });
    let compares = prop::collection::vec(compare, 0..3);
    let branch = || prop::collection::vec(op.clone(), 0..4);
    (compares, branch(), branch()).prop_map(|(compares, success, failure)| TxnRequest {
        compares,
        success,
        failure,
    })
}
