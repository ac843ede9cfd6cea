use bytes::Bytes;

use super::*;
use crate::request::{Compare, CompareTarget, Relation};

const MAX_OPS: usize = 128;

fn put(key: &str) -> Op {
    Op::Put(PutRequest::new(key.to_owned(), "value"))
}

fn get(key: &str) -> Op {
    Op::Range(RangeRequest::new(KeyRange::Key(Bytes::from(
        key.to_owned(),
    ))))
}

fn delete(start: &str, end: &str) -> Op {
    let range = KeyRange::from_wire(Bytes::from(start.to_owned()), Bytes::from(end.to_owned()));
    Op::DeleteRange(DeleteRangeRequest {
        range,
        prev_kv: false,
    })
}

fn txn(success: Vec<Op>, failure: Vec<Op>) -> TxnRequest {
    TxnRequest {
        compares: Vec::new(),
        success,
        failure,
    }
}

fn then(success: Vec<Op>) -> Op {
    Op::Txn(txn(success, Vec::new()))
}

fn check(request: TxnRequest) -> Result<(), Error> {
    Valid::<TxnRequest>::check(request, MAX_OPS).map(|_| ())
}

/// A transaction of `levels` levels, each with one operation.
fn nested(levels: usize) -> TxnRequest {
    let mut request = txn(Vec::new(), Vec::new());
    for _ in 1..levels {
        request = txn(vec![Op::Txn(request)], Vec::new());
    }
    request
}

#[test]
fn a_put_is_checked_in_etcds_order() {
    let lease = crate::kv::LeaseId::new(1);
    let put = |key: &str, value: &str, lease| PutRequest {
        lease,
        ignore_value: true,
        ignore_lease: true,
        ..PutRequest::new(key.to_owned(), value.to_owned())
    };
    let check = |request| Valid::<PutRequest>::check(request).map(|_| ());
    assert_eq!(check(put("", "v", lease)), Err(Error::KeyNotProvided));
    assert_eq!(check(put("k", "v", lease)), Err(Error::ValueProvided));
    assert_eq!(check(put("k", "", lease)), Err(Error::LeaseProvided));
    assert_eq!(check(put("k", "", None)), Ok(()));
}

#[test]
fn every_part_of_a_txn_needs_a_key() {
    let compare = Compare {
        range: KeyRange::From(Bytes::new()),
        relation: Relation::Equal,
        target: CompareTarget::Version(0),
    };
    let with_compare = TxnRequest {
        compares: vec![compare],
        ..TxnRequest::default()
    };
    assert_eq!(check(with_compare), Err(Error::KeyNotProvided));
    for op in [put(""), get(""), delete("", "z"), then(vec![put("")])] {
        assert_eq!(
            check(txn(vec![op.clone()], vec![])),
            Err(Error::KeyNotProvided)
        );
        assert_eq!(check(txn(vec![], vec![op])), Err(Error::KeyNotProvided));
    }
}

#[test]
fn the_budget_shrinks_with_depth() {
    let gets = |count| vec![get("k"); count];
    let level = |outer: usize, inner: usize| {
        let mut ops = gets(outer - 1);
        ops.push(then(gets(inner)));
        check(txn(ops, vec![]))
    };
    assert_eq!(check(txn(gets(128), gets(128))), Ok(()));
    assert_eq!(check(txn(gets(1), gets(129))), Err(Error::TooManyOps));
    assert_eq!(level(100, 28), Ok(()));
    assert_eq!(level(100, 29), Err(Error::TooManyOps));
    assert_eq!(level(128, 0), Ok(()));
}

#[test]
fn depth_has_a_bound_of_its_own() {
    assert_eq!(check(nested(TXN_DEPTH_MAX)), Ok(()));
    assert_eq!(check(nested(TXN_DEPTH_MAX + 1)), Err(Error::TooManyOps));
}

#[test]
fn one_run_writes_no_key_twice() {
    let accepted = |ops| assert_eq!(check(txn(ops, vec![])), Ok(()));
    let refused = |ops: Vec<Op>| {
        assert_eq!(check(txn(ops.clone(), vec![])), Err(Error::DuplicateKey));
        assert_eq!(check(txn(vec![], ops)), Err(Error::DuplicateKey));
    };
    refused(vec![put("k"), put("k")]);
    refused(vec![put("k"), delete("k", "")]);
    refused(vec![delete("a", "z"), put("k")]);
    refused(vec![delete("a", "z"), then(vec![put("k")])]);
    refused(vec![then(vec![put("k")]), delete("a", "z")]);
    refused(vec![then(vec![put("k")]), put("k")]);
    refused(vec![then(vec![put("k")]), then(vec![put("k")])]);
    refused(vec![then(vec![delete("k", "")]), then(vec![put("k")])]);
    refused(vec![then(vec![delete("a", "l")]), put("k")]);
    refused(vec![then(vec![then(vec![put("k")])]), put("k")]);

    accepted(vec![put("k"), put("l"), delete("m", "")]);
    accepted(vec![delete("a", "k"), delete("b", "c"), put("k")]);
    accepted(vec![delete("z", "a"), put("k")]);
    accepted(vec![put("k"), delete("a", "\0")]);
    accepted(vec![then(vec![put("k")]), then(vec![delete("k", "")])]);
    accepted(vec![Op::Txn(txn(vec![put("k")], vec![put("k")]))]);
    accepted(vec![Op::Txn(txn(vec![put("k")], vec![delete("k", "")]))]);
}

#[test]
fn only_ranges_make_a_read() {
    assert!(txn(vec![], vec![]).is_read_only());
    assert!(txn(vec![get("a")], vec![get("b")]).is_read_only());
    assert!(!txn(vec![get("a")], vec![put("b")]).is_read_only());
    assert!(!txn(vec![then(vec![get("a")])], vec![]).is_read_only());
}
