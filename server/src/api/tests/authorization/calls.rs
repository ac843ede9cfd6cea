//! The calls: each way in which a service can be asked to read or write a key, or to do what only
//! some may do.

use std::pin::Pin;

use super::{
    asker::{Asker, create},
    needs::Needs,
};
use crate::proto::{
    authpb::{Permission, permission::Type},
    etcdserverpb::*,
};

/// A row of the table.
pub(super) struct Call {
    /// Service, method, and how it is asked.
    pub(super) path: &'static str,
    pub(super) needs: Needs,
    /// Asks; the text of the error, if one comes.
    pub(super) ask: fn(Asker) -> Pin<Box<dyn Future<Output = Result<(), String>> + Send>>,
}

/// `path, needs, |asker| call;` for each row.
macro_rules! calls {
    ($($path:literal, $needs:expr, |$asker:ident| $call:expr;)*) => {
        vec![$(Call {
            path: $path,
            needs: $needs,
            ask: |$asker| {
                Box::pin(async move { crate::api::tests::authorization::asker::told($call.await) })
            },
        }),*]
    };
}
pub(super) use calls;

/// Leases that are there, with their keys.
pub(super) const LEASES: &[(i64, &[&str])] = &[
    (LEASE_OF_B, &["b"]),
    (LEASE_OF_C_AND_Q, &["c", "q"]),
    (LEASE_OF_NOTHING, &[]),
];
pub(super) const LEASE_OF_B: i64 = 1;
pub(super) const LEASE_OF_C_AND_Q: i64 = 2;
pub(super) const LEASE_OF_NOTHING: i64 = 3;
const NO_LEASE: i64 = 99;

pub(super) const READ_A: Needs = Needs::Keys(&[(Type::Read, b'a', b'b')]);
pub(super) const SILENTLY_READ_A: Needs = Needs::Silently(&[(Type::Read, b'a', b'b')]);
pub(super) const WRITE_A: Needs = Needs::Keys(&[(Type::Write, b'a', b'b')]);
pub(super) const BOTH_A: Needs =
    Needs::Keys(&[(Type::Read, b'a', b'b'), (Type::Write, b'a', b'b')]);
const READ_B: Needs = Needs::Keys(&[(Type::Read, b'b', b'c')]);
const WRITE_B: Needs = Needs::Keys(&[(Type::Write, b'b', b'c')]);
const WRITE_A_B: Needs = Needs::Keys(&[(Type::Write, b'a', b'c')]);
const READ_RANGE: Needs = Needs::Keys(&[(Type::Read, b'a', b'd')]);
const WRITE_RANGE: Needs = Needs::Keys(&[(Type::Write, b'a', b'd')]);
const BOTH_RANGE: Needs = Needs::Keys(&[(Type::Read, b'a', b'd'), (Type::Write, b'a', b'd')]);
const READ_FROM: Needs = Needs::Keys(&[(Type::Read, b'a', b'z' + 1)]);
const WRITE_FROM: Needs = Needs::Keys(&[(Type::Write, b'a', b'z' + 1)]);
const READ_ALL: Needs = Needs::Root;
const READ_C_Q: Needs = Needs::Keys(&[(Type::Read, b'c', b'd'), (Type::Read, b'q', b'r')]);
const WRITE_C_Q: Needs = Needs::Keys(&[(Type::Write, b'c', b'd'), (Type::Write, b'q', b'r')]);
const WRITE_A_C_Q: Needs = Needs::Keys(&[
    (Type::Write, b'a', b'b'),
    (Type::Write, b'c', b'd'),
    (Type::Write, b'q', b'r'),
]);
const READ_B_C_Q: Needs = Needs::Keys(&[(Type::Read, b'b', b'd'), (Type::Read, b'q', b'r')]);

fn get() -> RangeRequest {
    get_range("")
}

/// From a on; "" is a alone, "\0" everything.
fn get_range(end: &'static str) -> RangeRequest {
    RangeRequest {
        key: "a".into(),
        range_end: end.into(),
        ..Default::default()
    }
}

fn put() -> PutRequest {
    PutRequest {
        key: "a".into(),
        value: "new".into(),
        ..Default::default()
    }
}

fn put_leased(lease: i64) -> PutRequest {
    PutRequest { lease, ..put() }
}

fn delete(end: &'static str, prev_kv: bool) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: "a".into(),
        range_end: end.into(),
        prev_kv,
    }
}

pub(super) fn of_keys() -> Vec<Call> {
    calls! {
        "KV/Range key", READ_A, |asker| asker.kv().range(asker.ask(get()));
        "KV/Range key, serializable", READ_A, |asker| asker.kv().range(asker.ask(RangeRequest {
            serializable: true,
            ..get()
        }));
        "KV/Range key, revision 1", READ_A, |asker| asker.kv().range(asker.ask(RangeRequest {
            revision: 1,
            ..get()
        }));
        "KV/Range interval", READ_RANGE, |asker| asker.kv().range(asker.ask(get_range("d")));
        "KV/Range interval, count_only", READ_RANGE,
            |asker| asker.kv().range(asker.ask(RangeRequest {
                count_only: true,
                ..get_range("d")
            }));
        "KV/Range interval, limit 1", READ_RANGE, |asker| asker.kv().range(asker.ask(RangeRequest {
            limit: 1,
            ..get_range("d")
        }));
        "KV/Range from key", READ_FROM, |asker| asker.kv().range(asker.ask(get_range("\0")));
        "KV/Range everything", READ_ALL, |asker| asker.kv().range(asker.ask(RangeRequest {
            key: "\0".into(),
            ..get_range("\0")
        }));
        "KV/RangeStream key", READ_A, |asker| asker.range_stream(get());
        "KV/RangeStream interval", READ_RANGE, |asker| asker.range_stream(get_range("d"));
        "KV/RangeStream from key", READ_FROM, |asker| asker.range_stream(get_range("\0"));
        "KV/Put", WRITE_A, |asker| asker.kv().put(asker.ask(put()));
        "KV/Put prev_kv", BOTH_A, |asker| asker.kv().put(asker.ask(PutRequest {
            prev_kv: true,
            ..put()
        }));
        "KV/Put ignore_value", WRITE_A, |asker| asker.kv().put(asker.ask(PutRequest {
            ignore_value: true,
            value: "".into(),
            ..put()
        }));
        "KV/Put lease of b", WRITE_A_B, |asker| asker.kv().put(asker.ask(put_leased(LEASE_OF_B)));
        "KV/Put lease of c and q", WRITE_A_C_Q,
            |asker| asker.kv().put(asker.ask(put_leased(LEASE_OF_C_AND_Q)));
        "KV/DeleteRange key", WRITE_A, |asker| asker.kv().delete_range(asker.ask(delete("", false)));
        "KV/DeleteRange key, prev_kv", BOTH_A,
            |asker| asker.kv().delete_range(asker.ask(delete("", true)));
        "KV/DeleteRange interval", WRITE_RANGE,
            |asker| asker.kv().delete_range(asker.ask(delete("d", false)));
        "KV/DeleteRange interval, prev_kv", BOTH_RANGE,
            |asker| asker.kv().delete_range(asker.ask(delete("d", true)));
        "KV/DeleteRange from key", WRITE_FROM,
            |asker| asker.kv().delete_range(asker.ask(delete("\0", false)));
        "KV/Compact", Needs::Root, |asker| asker.kv().compact(asker.ask(CompactionRequest {
            revision: i64::MAX,
            physical: false,
        }));
    }
}

fn op(request: impl Into<request_op::Request>) -> RequestOp {
    RequestOp {
        request: Some(request.into()),
    }
}

macro_rules! request_ops {
    ($($message:ident as $variant:ident),*) => {
        $(impl From<$message> for request_op::Request {
            fn from(message: $message) -> Self {
                Self::$variant(message.into())
            }
        })*
    };
}
request_ops!(
    RangeRequest as RequestRange,
    PutRequest as RequestPut,
    DeleteRangeRequest as RequestDeleteRange,
    TxnRequest as RequestTxn
);

fn then(request: impl Into<request_op::Request>) -> TxnRequest {
    TxnRequest {
        success: vec![op(request)],
        ..Default::default()
    }
}

fn otherwise(request: impl Into<request_op::Request>) -> TxnRequest {
    TxnRequest {
        failure: vec![op(request)],
        ..Default::default()
    }
}

fn compare(end: &'static str) -> TxnRequest {
    TxnRequest {
        compare: vec![Compare {
            key: "a".into(),
            range_end: end.into(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The same by a transaction in a transaction.
fn nested(txn: TxnRequest) -> TxnRequest {
    then(txn)
}

/// Everything once, in either branch, and once more in a nested transaction.
pub(super) fn of_transactions() -> Vec<Call> {
    calls! {
        "KV/Txn empty", Needs::NoLie, |asker| asker.txn(TxnRequest::default());
        "KV/Txn compare key", READ_A, |asker| asker.txn(compare(""));
        "KV/Txn compare interval", READ_RANGE, |asker| asker.txn(compare("d"));
        "KV/Txn then get", READ_A, |asker| asker.txn(then(get()));
        "KV/Txn else get", READ_A, |asker| asker.txn(otherwise(get()));
        "KV/Txn then get interval", READ_RANGE, |asker| asker.txn(then(get_range("d")));
        "KV/Txn then put", WRITE_A, |asker| asker.txn(then(put()));
        "KV/Txn else put", WRITE_A, |asker| asker.txn(otherwise(put()));
        "KV/Txn then put prev_kv", BOTH_A, |asker| asker.txn(then(PutRequest {
            prev_kv: true,
            ..put()
        }));
        "KV/Txn then put lease of c and q", WRITE_A_C_Q,
            |asker| asker.txn(then(put_leased(LEASE_OF_C_AND_Q)));
        "KV/Txn then delete", WRITE_A, |asker| asker.txn(then(delete("", false)));
        "KV/Txn else delete interval", WRITE_RANGE, |asker| asker.txn(otherwise(delete("d", false)));
        "KV/Txn then delete interval, prev_kv", BOTH_RANGE,
            |asker| asker.txn(then(delete("d", true)));
        "KV/Txn nested empty", Needs::NoLie, |asker| asker.txn(nested(TxnRequest::default()));
        "KV/Txn nested compare key", READ_A, |asker| asker.txn(nested(compare("")));
        "KV/Txn nested compare interval", READ_RANGE, |asker| asker.txn(nested(compare("d")));
        "KV/Txn nested get", READ_A, |asker| asker.txn(nested(then(get())));
        "KV/Txn nested else get interval", READ_RANGE,
            |asker| asker.txn(nested(otherwise(get_range("d"))));
        "KV/Txn nested put", WRITE_A, |asker| asker.txn(nested(then(put())));
        "KV/Txn nested else put prev_kv", BOTH_A, |asker| asker.txn(nested(otherwise(PutRequest {
            prev_kv: true,
            ..put()
        })));
        "KV/Txn nested put lease of b", WRITE_A_B,
            |asker| asker.txn(nested(then(put_leased(LEASE_OF_B))));
        "KV/Txn nested delete interval", WRITE_RANGE,
            |asker| asker.txn(nested(then(delete("d", false))));
        "KV/Txn nested twice, else delete prev_kv", BOTH_A,
            |asker| asker.txn(otherwise(nested(otherwise(delete("", true)))));
    }
}

pub(super) fn of_watches() -> Vec<Call> {
    calls! {
        "Watch key", READ_A, |asker| asker.watch(create("a", ""));
        "Watch interval", READ_RANGE, |asker| asker.watch(create("a", "d"));
        "Watch interval, from the past", READ_RANGE, |asker| asker.watch(WatchCreateRequest {
            start_revision: 1,
            ..create("a", "d")
        });
        "Watch from key", READ_FROM, |asker| asker.watch(create("a", "\0"));
        "Watch everything", READ_ALL, |asker| asker.watch(create("", "\0"));
    }
}

pub(super) fn of_leases() -> Vec<Call> {
    calls! {
        "Lease/LeaseGrant", Needs::Token, |asker| asker.lease().lease_grant(asker.ask(
            LeaseGrantRequest { id: LEASE_OF_NOTHING, ttl: 60 }
        ));
        "Lease/LeaseRevoke no keys", Needs::Token, |asker| asker.revoke(LEASE_OF_NOTHING);
        "Lease/LeaseRevoke no lease", Needs::Token, |asker| asker.revoke(NO_LEASE);
        "Lease/LeaseRevoke lease of b", WRITE_B, |asker| asker.revoke(LEASE_OF_B);
        "Lease/LeaseRevoke lease of c and q", WRITE_C_Q, |asker| asker.revoke(LEASE_OF_C_AND_Q);
        "Lease/LeaseKeepAlive no lease", Needs::Token, |asker| asker.keep_alive(NO_LEASE);
        "Lease/LeaseKeepAlive no keys", Needs::Token, |asker| asker.keep_alive(LEASE_OF_NOTHING);
        "Lease/LeaseKeepAlive lease of b", WRITE_B, |asker| asker.keep_alive(LEASE_OF_B);
        "Lease/LeaseKeepAlive lease of c and q", WRITE_C_Q,
            |asker| asker.keep_alive(LEASE_OF_C_AND_Q);
        "Lease/LeaseTimeToLive", Needs::Token, |asker| asker.time_to_live(LEASE_OF_C_AND_Q, false);
        "Lease/LeaseTimeToLive keys, no lease", Needs::Token,
            |asker| asker.time_to_live(NO_LEASE, true);
        "Lease/LeaseTimeToLive keys, lease of b", READ_B,
            |asker| asker.time_to_live(LEASE_OF_B, true);
        "Lease/LeaseTimeToLive keys, lease of c and q", READ_C_Q,
            |asker| asker.time_to_live(LEASE_OF_C_AND_Q, true);
        "Lease/LeaseLeases", READ_B_C_Q,
            |asker| asker.lease().lease_leases(asker.ask(LeaseLeasesRequest {}));
    }
}

/// A permission for all keys that begin with x, of which there are none.
pub(super) fn some_permission() -> Permission {
    Permission {
        perm_type: Type::Read.into(),
        key: "x".into(),
        range_end: "y".into(),
    }
}
