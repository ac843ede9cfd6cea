//! Requests that are read as etcd reads them, and responses that carry what etcd's do.

use bytes::Bytes;
use prost::Message as _;
use quorate_core::{
    Error,
    kv::{Event, KeyRange, KeyValue, LeaseId},
    request::{CompareTarget, Op, Relation, Sort, SortOrder, SortTarget},
    response::{OpResponse, PutResponse, RangeResponse, TxnResponse},
};

use super::*;
use crate::{
    api::errors::ApiError,
    proto::{
        etcdserverpb::{self as pb, compare, request_op, response_op},
        mvccpb,
    },
};

const MAX_OPS: usize = 128;

fn pb_range(key: &'static str) -> pb::RangeRequest {
    pb::RangeRequest {
        key: key.into(),
        ..Default::default()
    }
}

fn range_op(range: pb::RangeRequest) -> pb::RequestOp {
    pb::RequestOp {
        request: Some(request_op::Request::RequestRange(range)),
    }
}

fn put_op(key: &'static str) -> pb::RequestOp {
    let put = pb::PutRequest {
        key: key.into(),
        ..Default::default()
    };
    pb::RequestOp {
        request: Some(request_op::Request::RequestPut(put)),
    }
}

fn in_success(success: Vec<pb::RequestOp>) -> pb::TxnRequest {
    pb::TxnRequest {
        success,
        ..Default::default()
    }
}

#[test]
fn sort_options_that_do_not_exist_are_refused_but_an_empty_key_first() {
    let refusal = |sort_order, sort_target, key| {
        range(pb::RangeRequest {
            sort_order,
            sort_target,
            ..pb_range(key)
        })
        .err()
    };
    assert_eq!(refusal(3, 0, "k"), Some(ApiError::InvalidSortOption));
    assert_eq!(refusal(-1, 0, "k"), Some(ApiError::InvalidSortOption));
    assert_eq!(refusal(0, 5, "k"), Some(ApiError::InvalidSortOption));
    assert_eq!(refusal(7, 9, ""), Some(Error::KeyNotProvided.into()));
    for (order, target) in (0..3).flat_map(|order| (0..5).map(move |target| (order, target))) {
        assert_eq!(refusal(order, target, "k"), None);
    }
}

#[test]
fn only_the_natural_order_is_no_sort() {
    let sort = |sort_order, sort_target| {
        let request = pb::RangeRequest {
            sort_order,
            sort_target,
            ..pb_range("k")
        };
        range(request).expect("valid").sort
    };
    assert_eq!(sort(0, 0), None);
    assert_eq!(sort(1, 0), None);
    assert_eq!(
        sort(2, 0),
        Some(Sort {
            target: SortTarget::Key,
            order: SortOrder::Descend
        })
    );
    assert_eq!(
        sort(0, 3),
        Some(Sort {
            target: SortTarget::Mod,
            order: SortOrder::Unspecified
        })
    );
    assert_eq!(
        sort(1, 4),
        Some(Sort {
            target: SortTarget::Value,
            order: SortOrder::Ascend
        })
    );
}

#[test]
fn what_is_not_set_means_the_default() {
    let read = range(pb_range("k")).expect("valid");
    assert_eq!(read.range, KeyRange::Key("k".into()));
    assert_eq!(
        (read.revision, read.limit, read.filter.is_set()),
        (0, 0, false)
    );

    let written = put(pb::PutRequest {
        key: "k".into(),
        ..Default::default()
    })
    .expect("valid");
    assert_eq!((written.lease, written.prev_kv), (None, false));
    let negative = pb::PutRequest {
        key: "k".into(),
        lease: -1,
        ..Default::default()
    };
    assert_eq!(
        put(negative).expect("valid").lease,
        LeaseId::new(-1),
        "an id like any other"
    );
}

#[test]
fn an_operation_that_is_none_is_not_found_but_counts() {
    let empty = pb::RequestOp { request: None };
    let request = in_success(vec![put_op("a"), empty.clone()]);
    assert_eq!(txn(request, MAX_OPS).err(), Some(Error::KeyNotFound.into()));
    // It is found before keys that are written twice, and after too many operations.
    let request = in_success(vec![put_op("a"), put_op("a"), empty.clone()]);
    assert_eq!(
        txn(request.clone(), MAX_OPS).err(),
        Some(Error::KeyNotFound.into())
    );
    assert_eq!(txn(request, 2).err(), Some(Error::TooManyOps.into()));
    // Deep inside too.
    let nested = request_op::Request::RequestTxn(in_success(vec![empty]));
    let request = in_success(vec![pb::RequestOp {
        request: Some(nested),
    }]);
    assert_eq!(txn(request, MAX_OPS).err(), Some(Error::KeyNotFound.into()));
}

#[test]
fn operations_keep_their_order_and_branch() {
    let request = pb::TxnRequest {
        success: vec![put_op("a"), range_op(pb_range("b"))],
        failure: vec![range_op(pb_range("c"))],
        ..Default::default()
    };
    let read = txn(request, MAX_OPS).expect("valid");
    assert!(matches!(&read.success[..], [Op::Put(a), Op::Range(b)]
        if a.key == "a" && b.range == KeyRange::Key("b".into())));
    assert!(matches!(&read.failure[..], [Op::Range(c)] if c.range == KeyRange::Key("c".into())));
}

#[test]
fn a_transaction_is_serializable_if_each_read_is() {
    let local = || {
        range_op(pb::RangeRequest {
            serializable: true,
            ..pb_range("k")
        })
    };
    let linearizable = || range_op(pb_range("k"));
    assert!(is_serializable(&in_success(vec![])));
    assert!(is_serializable(&in_success(vec![local(), local()])));
    assert!(!is_serializable(&in_success(vec![local(), linearizable()])));
    let failure = pb::TxnRequest {
        failure: vec![linearizable()],
        ..Default::default()
    };
    assert!(!is_serializable(&failure));
}

#[test]
fn an_operand_counts_only_for_its_own_target() {
    let condition = |target: i32, operand| {
        let compare = pb::Compare {
            target,
            key: "k".into(),
            target_union: operand,
            ..Default::default()
        };
        let request = pb::TxnRequest {
            compare: vec![compare],
            ..Default::default()
        };
        txn(request, MAX_OPS).expect("valid").compares[0]
            .target
            .clone()
    };
    use compare::TargetUnion::{CreateRevision, Lease, Value, Version};
    assert_eq!(condition(0, Some(Version(3))), CompareTarget::Version(3));
    assert_eq!(
        condition(0, Some(CreateRevision(3))),
        CompareTarget::Version(0)
    );
    assert_eq!(condition(2, None), CompareTarget::ModRevision(0));
    assert_eq!(
        condition(3, Some(Value("v".into()))),
        CompareTarget::Value("v".into())
    );
    assert_eq!(
        condition(3, Some(Lease(3))),
        CompareTarget::Value(Bytes::new())
    );
    assert_eq!(condition(4, Some(Lease(-3))), CompareTarget::Lease(-3));
}

#[test]
fn enum_values_that_do_not_exist_have_etcds_meaning_in_compares() {
    let condition = |result: i32, target: i32| {
        let compare = pb::Compare {
            result,
            target,
            key: "k".into(),
            ..Default::default()
        };
        let request = pb::TxnRequest {
            compare: vec![compare],
            ..Default::default()
        };
        let compare = txn(request, MAX_OPS).expect("valid").compares[0].clone();
        (compare.relation, compare.target)
    };
    // A version is never below 0, that of a missing key included.
    let always = (Relation::Greater, CompareTarget::Version(-1));
    let never = (Relation::Less, CompareTarget::Version(0));
    assert_eq!(condition(9, 0), always);
    assert_eq!(condition(0, 9), always, "equal");
    for unequal in 1..=3 {
        assert_eq!(condition(unequal, 9), never);
    }
}

#[test]
fn watch_requests_carry_everything() {
    let created = create(pb::WatchCreateRequest {
        key: "a".into(),
        range_end: "\0".into(),
        start_revision: 7,
        progress_notify: true,
        filters: vec![1, 5],
        prev_kv: true,
        watch_id: -2,
        fragment: true,
    });
    assert_eq!(created.range, KeyRange::From("a".into()));
    assert_eq!((created.no_put, created.no_delete), (false, true));
    assert_eq!((created.start_revision, created.watch_id), (7, -2));
    assert!(created.progress_notify && created.prev_kv && created.fragment);
}

#[test]
fn nested_responses_tell_their_revision_only() {
    let nested = TxnResponse {
        revision: 5,
        succeeded: true,
        responses: vec![],
    };
    let response = TxnResponse {
        revision: 5,
        succeeded: true,
        responses: vec![
            OpResponse::Range(RangeResponse {
                revision: 4,
                ..Default::default()
            }),
            OpResponse::Put(PutResponse {
                revision: 5,
                prev_kv: None,
            }),
            OpResponse::Txn(nested),
        ],
    };
    let header = pb::ResponseHeader {
        cluster_id: 1,
        member_id: 2,
        revision: 5,
        raft_term: 3,
    };
    let sent = txn_response(response, header);
    assert_eq!(sent.header, Some(header));
    let headers: Vec<_> = sent
        .responses
        .iter()
        .map(|op| match op.response.as_ref().expect("set") {
            response_op::Response::ResponseRange(response) => response.header,
            response_op::Response::ResponsePut(response) => response.header,
            response_op::Response::ResponseDeleteRange(response) => response.header,
            response_op::Response::ResponseTxn(response) => response.header,
        })
        .collect();
    let only = |revision| {
        Some(pb::ResponseHeader {
            revision,
            ..Default::default()
        })
    };
    assert_eq!(
        headers,
        [only(4), only(5), only(0)],
        "a nested transaction's is there and empty"
    );
}

#[test]
fn a_deleted_key_is_sent_as_key_and_revision() {
    let prev = KeyValue {
        key: "k".into(),
        create_revision: 2,
        mod_revision: 3,
        version: 2,
        value: "v".into(),
        lease: LeaseId::new(-9),
    };
    let events = vec![Event::Delete {
        key: "k".into(),
        mod_revision: 4,
        prev: Some(prev),
    }];
    let response = quorate_core::watch::WatchResponse {
        events,
        ..Default::default()
    };
    let mut sent = watch_response(response, pb::ResponseHeader::default());
    let sent = sent.events.remove(0);
    assert_eq!(sent.r#type(), mvccpb::event::EventType::Delete);
    let kv = mvccpb::KeyValue {
        key: "k".into(),
        mod_revision: 4,
        ..Default::default()
    };
    assert_eq!(sent.kv, Some(kv));
    assert_eq!(
        sent.prev_kv.map(|prev| (prev.value, prev.lease)),
        Some(("v".into(), -9))
    );
}

/// Field numbers as etcd has them, by the bytes on the wire.
#[test]
fn the_wire_is_etcds() {
    let compare = pb::Compare {
        range_end: "z".into(),
        ..Default::default()
    };
    assert_eq!(compare.encode_to_vec(), [0x82, 0x04, 1, b'z'], "field 64");
    let event = mvccpb::Event {
        r#type: 1,
        kv: None,
        prev_kv: None,
    };
    let watch = pb::WatchResponse {
        events: vec![event],
        ..Default::default()
    };
    assert_eq!(watch.encode_to_vec(), [0x5a, 2, 0x08, 1], "field 11");
    let packed: &[u8] = &[0x2a, 2, 0, 1];
    let unpacked: &[u8] = &[0x28, 0, 0x28, 1];
    for bytes in [packed, unpacked] {
        let create = pb::WatchCreateRequest::decode(bytes).expect("valid");
        assert_eq!(create.filters, [0, 1]);
    }
    let grant = pb::LeaseGrantRequest { ttl: 1, id: 2 };
    assert_eq!(grant.encode_to_vec(), [0x08, 1, 0x10, 2]);
}
