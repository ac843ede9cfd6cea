//! Responses, from the core to the wire. Keys and values are shared, not copied.

use quorate_core::{
    kv::{Event, KeyValue, LeaseId},
    response::{DeleteRangeResponse, OpResponse, PutResponse, RangeResponse, TxnResponse},
    watch::WatchResponse,
};

use crate::{
    node::Member,
    proto::{
        etcdserverpb::{self as pb, ResponseHeader, response_op::Response as PbOp},
        mvccpb,
    },
};

pub(crate) fn range_response(response: RangeResponse, header: ResponseHeader) -> pb::RangeResponse {
    pb::RangeResponse {
        header: Some(header),
        kvs: response.kvs.into_iter().map(key_value).collect(),
        more: response.more,
        count: response.count,
    }
}

pub(crate) fn put_response(response: PutResponse, header: ResponseHeader) -> pb::PutResponse {
    pb::PutResponse {
        header: Some(header),
        prev_kv: response.prev_kv.map(key_value),
    }
}

pub(crate) fn delete_range_response(
    response: DeleteRangeResponse,
    header: ResponseHeader,
) -> pb::DeleteRangeResponse {
    pb::DeleteRangeResponse {
        header: Some(header),
        deleted: response.deleted,
        prev_kvs: response.prev_kvs.into_iter().map(key_value).collect(),
    }
}

pub(crate) fn txn_response(response: TxnResponse, header: ResponseHeader) -> pb::TxnResponse {
    pb::TxnResponse {
        header: Some(header),
        succeeded: response.succeeded,
        responses: response.responses.into_iter().map(op_response).collect(),
    }
}

/// Inside a transaction a header tells its revision only; a nested transaction's tells nothing.
fn op_response(response: OpResponse) -> pb::ResponseOp {
    let only = |revision| ResponseHeader {
        revision,
        ..Default::default()
    };
    let response = match response {
        OpResponse::Range(response) => {
            let header = only(response.revision);
            PbOp::ResponseRange(range_response(response, header))
        }
        OpResponse::Put(response) => {
            let header = only(response.revision);
            PbOp::ResponsePut(put_response(response, header))
        }
        OpResponse::DeleteRange(response) => {
            let header = only(response.revision);
            PbOp::ResponseDeleteRange(delete_range_response(response, header))
        }
        OpResponse::Txn(response) => {
            PbOp::ResponseTxn(txn_response(response, ResponseHeader::default()))
        }
    };
    pb::ResponseOp {
        response: Some(response),
    }
}

pub(crate) fn watch_response(response: WatchResponse, header: ResponseHeader) -> pb::WatchResponse {
    pb::WatchResponse {
        header: Some(header),
        watch_id: response.watch_id,
        created: response.created,
        canceled: response.canceled,
        compact_revision: response.compact_revision,
        cancel_reason: response.cancel_reason,
        fragment: response.fragment,
        events: response.events.into_iter().map(event).collect(),
    }
}

pub(crate) fn member(member: Member) -> pb::Member {
    pb::Member {
        id: member.id,
        name: member.name,
        peer_ur_ls: member.peer_urls,
        client_ur_ls: member.client_urls,
        is_learner: member.is_learner,
    }
}

pub(crate) fn key_value(kv: KeyValue) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: kv.key,
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        value: kv.value,
        lease: kv.lease.map_or(0, LeaseId::get),
    }
}

fn event(event: Event) -> mvccpb::Event {
    let (kind, kv, prev) = match event {
        Event::Put { kv, prev } => (mvccpb::event::EventType::Put, key_value(kv), prev),
        Event::Delete {
            key,
            mod_revision,
            prev,
        } => {
            let kv = mvccpb::KeyValue {
                key,
                mod_revision,
                ..Default::default()
            };
            (mvccpb::event::EventType::Delete, kv, prev)
        }
    };
    mvccpb::Event {
        r#type: kind.into(),
        kv: Some(kv),
        prev_kv: prev.map(key_value),
    }
}
