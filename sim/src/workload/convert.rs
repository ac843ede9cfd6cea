//! Requests and answers: from the history's words to the wire's, and back.

use bytes::Bytes;
use quorate_server::proto::{
    etcdserverpb::{self as wire, compare, request_op, response_op},
    mvccpb,
};

use crate::history::{
    Blob, Body, Compare, CompareTarget, Delete, Event, Keys, Kv, Put, Range, Relation, Txn, TxnOp,
};

/// `range_end` for "all keys from here on".
const OPEN_END: &[u8] = b"\0";

pub(super) fn bytes(blob: &Blob) -> Bytes {
    Bytes::copy_from_slice(blob.as_bytes())
}

pub(super) fn blob(bytes: &Bytes) -> Blob {
    Blob::from(&bytes[..])
}

/// `key` and `range_end`.
pub(super) fn key_range(keys: &Keys) -> (Bytes, Bytes) {
    match keys {
        Keys::One(key) => (bytes(key), Bytes::new()),
        Keys::Span(start, end) => (bytes(start), bytes(end)),
        // The empty key stands for the first one.
        Keys::From(start) if start.as_bytes().is_empty() => {
            (Bytes::from_static(OPEN_END), Bytes::from_static(OPEN_END))
        }
        Keys::From(start) => (bytes(start), Bytes::from_static(OPEN_END)),
    }
}

pub(super) fn put(put: &Put) -> wire::PutRequest {
    wire::PutRequest {
        key: bytes(&put.key),
        value: bytes(&put.value),
        lease: put.lease,
        prev_kv: put.prev_kv,
        ..Default::default()
    }
}

pub(super) fn delete(delete: &Delete) -> wire::DeleteRangeRequest {
    let (key, range_end) = key_range(&delete.keys);
    wire::DeleteRangeRequest {
        key,
        range_end,
        prev_kv: delete.prev_kv,
    }
}

pub(super) fn range(range: &Range) -> wire::RangeRequest {
    let (key, range_end) = key_range(&range.keys);
    wire::RangeRequest {
        key,
        range_end,
        limit: range.limit,
        revision: range.revision,
        serializable: range.serializable,
        ..Default::default()
    }
}

pub(super) fn txn(txn: &Txn) -> wire::TxnRequest {
    wire::TxnRequest {
        compare: txn.compares.iter().map(compare).collect(),
        success: txn.success.iter().map(txn_op).collect(),
        failure: txn.failure.iter().map(txn_op).collect(),
    }
}

fn txn_op(op: &TxnOp) -> wire::RequestOp {
    let request = match op {
        TxnOp::Put(op) => request_op::Request::RequestPut(put(op)),
        TxnOp::Delete(op) => request_op::Request::RequestDeleteRange(delete(op)),
        TxnOp::Range(op) => request_op::Request::RequestRange(range(op)),
    };
    wire::RequestOp {
        request: Some(request),
    }
}

fn compare(condition: &Compare) -> wire::Compare {
    use compare::{CompareResult, CompareTarget as Target, TargetUnion};
    let result = match condition.relation {
        Relation::Equal => CompareResult::Equal,
        Relation::Greater => CompareResult::Greater,
        Relation::Less => CompareResult::Less,
        Relation::NotEqual => CompareResult::NotEqual,
    };
    let (target, operand) = match &condition.target {
        CompareTarget::Version(version) => (Target::Version, TargetUnion::Version(*version)),
        CompareTarget::Create(revision) => (Target::Create, TargetUnion::CreateRevision(*revision)),
        CompareTarget::Mod(revision) => (Target::Mod, TargetUnion::ModRevision(*revision)),
        CompareTarget::Value(value) => (Target::Value, TargetUnion::Value(bytes(value))),
        CompareTarget::Lease(lease) => (Target::Lease, TargetUnion::Lease(*lease)),
    };
    wire::Compare {
        result: result.into(),
        target: target.into(),
        key: bytes(&condition.key),
        target_union: Some(operand),
        ..Default::default()
    }
}

pub(super) fn put_body(response: &wire::PutResponse) -> Body {
    Body::Put {
        prev: response.prev_kv.as_ref().map(kv),
    }
}

pub(super) fn delete_body(response: &wire::DeleteRangeResponse) -> Body {
    Body::Delete {
        deleted: response.deleted,
        prevs: response.prev_kvs.iter().map(kv).collect(),
    }
}

pub(super) fn range_body(response: &wire::RangeResponse) -> Body {
    Body::Range {
        count: response.count,
        more: response.more,
        kvs: response.kvs.iter().map(kv).collect(),
    }
}

/// `None` where the answer has an operation without an answer, or one that was not asked for.
pub(super) fn txn_body(response: &wire::TxnResponse) -> Option<Body> {
    let body = |op: &wire::ResponseOp| match op.response.as_ref()? {
        response_op::Response::ResponsePut(put) => Some(put_body(put)),
        response_op::Response::ResponseDeleteRange(delete) => Some(delete_body(delete)),
        response_op::Response::ResponseRange(range) => Some(range_body(range)),
        response_op::Response::ResponseTxn(_) => None,
    };
    let responses = response.responses.iter().map(body).collect::<Option<_>>()?;
    Some(Body::Txn {
        succeeded: response.succeeded,
        responses,
    })
}

pub(super) fn kv(kv: &mvccpb::KeyValue) -> Kv {
    Kv {
        key: blob(&kv.key),
        value: blob(&kv.value),
        mod_revision: kv.mod_revision,
        create_revision: kv.create_revision,
        version: kv.version,
        lease: kv.lease,
    }
}

/// `None` where an event has no key.
pub(super) fn event(event: &mvccpb::Event) -> Option<Event> {
    let prev = event.prev_kv.as_ref().map(kv);
    let changed = event.kv.as_ref()?;
    Some(match event.r#type() {
        mvccpb::event::EventType::Put => Event::Put {
            kv: kv(changed),
            prev,
        },
        mvccpb::event::EventType::Delete => Event::Delete {
            key: blob(&changed.key),
            mod_revision: changed.mod_revision,
            prev,
        },
    })
}
