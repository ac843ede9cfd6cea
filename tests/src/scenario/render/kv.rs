//! Keys, and what is asked of them.

use quorate_core::{
    kv::KeyValue,
    response::{DeleteRangeResponse, OpResponse, PutResponse, RangeResponse, TxnResponse},
};

use super::{bytes, list};

pub(super) fn range(response: &RangeResponse, depth: usize) -> String {
    let pad = "  ".repeat(depth + 1);
    let more = if response.more { " more" } else { "" };
    let kvs = response
        .kvs
        .iter()
        .map(|kv| format!("{pad}{}\n", key_value(kv)));
    format!(
        "revision={} count={}{more}\n{}",
        response.revision,
        response.count,
        list(kvs)
    )
}

pub(super) fn put(response: &PutResponse, depth: usize) -> String {
    format!(
        "revision={}\n{}",
        response.revision,
        prev(&response.prev_kv, depth)
    )
}

pub(super) fn delete_range(response: &DeleteRangeResponse, depth: usize) -> String {
    format!(
        "revision={} deleted={}\n{}",
        response.revision,
        response.deleted,
        prev(&response.prev_kvs, depth)
    )
}

pub(super) fn txn(response: &TxnResponse, depth: usize) -> String {
    let pad = "  ".repeat(depth + 1);
    let responses = response.responses.iter().map(|response| {
        let depth = depth + 1;
        match response {
            OpResponse::Range(response) => format!("{pad}get {}", range(response, depth)),
            OpResponse::Put(response) => format!("{pad}put {}", put(response, depth)),
            OpResponse::DeleteRange(response) => {
                format!("{pad}del {}", delete_range(response, depth))
            }
            OpResponse::Txn(response) => format!("{pad}txn {}", txn(response, depth)),
        }
    });
    format!(
        "revision={} succeeded={}\n{}",
        response.revision,
        response.succeeded,
        list(responses)
    )
}

fn prev<'a>(kvs: impl IntoIterator<Item = &'a KeyValue>, depth: usize) -> String {
    let pad = "  ".repeat(depth + 1);
    list(
        kvs.into_iter()
            .map(|kv| format!("{pad}prev {}\n", key_value(kv))),
    )
}

pub(super) fn key_value(kv: &KeyValue) -> String {
    let KeyValue {
        key,
        create_revision,
        mod_revision,
        version,
        value,
        lease,
    } = kv;
    let (key, value) = (bytes(key), bytes(value));
    let lease = lease.map(|id| format!(" lease={}", id.get()));
    let lease = lease.unwrap_or_default();
    format!("{key}={value} create={create_revision} mod={mod_revision} version={version}{lease}")
}
