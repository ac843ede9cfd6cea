//! Messages, as the answers of a scenario. What no answer can show must not be there.

use quorate_core::{
    alarm::{Alarm, AlarmKind},
    auth::{Permission, PermissionKind},
    kv::{self, KeyRange, LeaseId},
    response::{self, HashKv, OpResponse},
    watch,
};
use quorate_server::proto::{
    authpb,
    etcdserverpb::{response_op::Response, *},
    mvccpb,
};
use quorate_tests::scenario::{Answer, Code, Failure};
use tonic::Status;

use super::reply::Reply;

/// What a call is refused with.
pub(super) fn failure(status: Status) -> Failure {
    let code = match status.code() {
        tonic::Code::Unknown => Code::Unknown,
        tonic::Code::InvalidArgument => Code::InvalidArgument,
        tonic::Code::DeadlineExceeded => Code::DeadlineExceeded,
        tonic::Code::NotFound => Code::NotFound,
        tonic::Code::PermissionDenied => Code::PermissionDenied,
        tonic::Code::ResourceExhausted => Code::ResourceExhausted,
        tonic::Code::FailedPrecondition => Code::FailedPrecondition,
        tonic::Code::OutOfRange => Code::OutOfRange,
        tonic::Code::Unimplemented => Code::Unimplemented,
        tonic::Code::Unavailable => Code::Unavailable,
        tonic::Code::DataLoss => Code::DataLoss,
        tonic::Code::Unauthenticated => Code::Unauthenticated,
        code => panic!("no scenario knows the code {code:?}: {status}"),
    };
    let text = status.message().to_owned();
    Failure { code, text }
}

/// The answer in a reply.
pub(super) fn answer(reply: Reply) -> Answer {
    let revision = reply.revision();
    match reply {
        Reply::Range(reply) => Answer::Range(range(reply)),
        Reply::Put(reply) => Answer::Put(put(reply)),
        Reply::DeleteRange(reply) => Answer::DeleteRange(delete_range(reply)),
        Reply::Txn(reply) => Answer::Txn(txn(reply)),
        Reply::Done(_) | Reply::Authenticate(_) => Answer::Done { revision },
        Reply::LeaseGrant(reply) => {
            assert_eq!(reply.error, "", "etcd says errors by status");
            let (id, ttl_s) = (reply.id, reply.ttl);
            Answer::Lease {
                revision,
                id,
                ttl_s,
            }
        }
        Reply::KeepAlive(reply) => Answer::Lease {
            revision,
            id: reply.id,
            ttl_s: reply.ttl,
        },
        Reply::TimeToLive(reply) => {
            let is_there = reply.ttl != -1;
            assert!(is_there || reply.granted_ttl == 0, "{reply:?}");
            let mut keys = reply.keys;
            keys.sort();
            Answer::TimeToLive {
                revision,
                id: reply.id,
                granted_ttl_s: is_there.then_some(reply.granted_ttl),
                keys,
            }
        }
        Reply::Leases(reply) => {
            let mut ids: Vec<_> = reply.leases.iter().map(|lease| lease.id).collect();
            ids.sort_unstable();
            Answer::Leases { revision, ids }
        }
        Reply::HashKv(reply) => Answer::HashKv {
            revision,
            hash: HashKv {
                hash: reply.hash,
                revision: reply.hash_revision,
                compact_revision: reply.compact_revision,
            },
        },
        Reply::Alarm(reply) => {
            let mut alarms: Vec<_> = reply.alarms.iter().map(alarm).collect();
            alarms.sort_by_key(|alarm| (alarm.kind == AlarmKind::Corrupt, alarm.member_id));
            Answer::Alarms { revision, alarms }
        }
        reply => auth(reply, revision),
    }
}

fn auth(reply: Reply, revision: i64) -> Answer {
    let names = match reply {
        Reply::AuthStatus(reply) => {
            return Answer::AuthStatus {
                revision,
                enabled: reply.enabled,
                auth_revision: reply.auth_revision,
            };
        }
        Reply::RoleGet(reply) => {
            let permissions = reply.perm.into_iter().map(permission).collect();
            return Answer::Permissions {
                revision,
                permissions,
            };
        }
        Reply::UserGet(reply) => reply.roles,
        Reply::UserList(reply) => reply.users,
        Reply::RoleList(reply) => reply.roles,
        reply => unreachable!("{reply:?} is read elsewhere"),
    };
    Answer::Names { revision, names }
}

fn permission(permission: authpb::Permission) -> Permission {
    let kind = match permission.perm_type() {
        authpb::permission::Type::Read => PermissionKind::Read,
        authpb::permission::Type::Write => PermissionKind::Write,
        authpb::permission::Type::Readwrite => PermissionKind::ReadWrite,
    };
    let range = KeyRange::from_wire(permission.key, permission.range_end);
    Permission { kind, range }
}

fn alarm(alarm: &AlarmMember) -> Alarm {
    let kind = match alarm.alarm() {
        AlarmType::Nospace => AlarmKind::NoSpace,
        AlarmType::Corrupt => AlarmKind::Corrupt,
        AlarmType::None => panic!("an alarm of no kind: {alarm:?}"),
    };
    Alarm {
        member_id: alarm.member_id,
        kind,
    }
}

/// The revision; a header has everything or, inside a transaction, nothing else.
fn revision(header: Option<ResponseHeader>) -> i64 {
    header.expect("every answer has a header").revision
}

fn range(reply: RangeResponse) -> response::RangeResponse {
    response::RangeResponse {
        revision: revision(reply.header),
        kvs: reply.kvs.into_iter().map(key_value).collect(),
        more: reply.more,
        count: reply.count,
    }
}

fn put(reply: PutResponse) -> response::PutResponse {
    response::PutResponse {
        revision: revision(reply.header),
        prev_kv: reply.prev_kv.map(key_value),
    }
}

fn delete_range(reply: DeleteRangeResponse) -> response::DeleteRangeResponse {
    response::DeleteRangeResponse {
        revision: revision(reply.header),
        deleted: reply.deleted,
        prev_kvs: reply.prev_kvs.into_iter().map(key_value).collect(),
    }
}

fn txn(reply: TxnResponse) -> response::TxnResponse {
    let op = |op: ResponseOp| match op.response.expect("every operation is answered") {
        Response::ResponseRange(reply) => OpResponse::Range(range(reply)),
        Response::ResponsePut(reply) => OpResponse::Put(put(reply)),
        Response::ResponseDeleteRange(reply) => OpResponse::DeleteRange(delete_range(reply)),
        Response::ResponseTxn(reply) => OpResponse::Txn(txn(reply)),
    };
    response::TxnResponse {
        revision: revision(reply.header),
        succeeded: reply.succeeded,
        responses: reply.responses.into_iter().map(op).collect(),
    }
}

fn key_value(kv: mvccpb::KeyValue) -> kv::KeyValue {
    kv::KeyValue {
        key: kv.key,
        create_revision: kv.create_revision,
        mod_revision: kv.mod_revision,
        version: kv.version,
        value: kv.value,
        lease: LeaseId::new(kv.lease),
    }
}

/// A response on a watch stream.
pub(super) fn watch_response(response: WatchResponse) -> watch::WatchResponse {
    watch::WatchResponse {
        watch_id: response.watch_id,
        revision: revision(response.header),
        created: response.created,
        canceled: response.canceled,
        compact_revision: response.compact_revision,
        cancel_reason: response.cancel_reason,
        fragment: response.fragment,
        events: response.events.into_iter().map(event).collect(),
    }
}

fn event(event: mvccpb::Event) -> kv::Event {
    let kind = event.r#type();
    let kv = event.kv.expect("every event has a key");
    let prev = event.prev_kv.map(key_value);
    match kind {
        mvccpb::event::EventType::Put => kv::Event::Put {
            kv: key_value(kv),
            prev,
        },
        mvccpb::event::EventType::Delete => {
            let (key, mod_revision) = (kv.key.clone(), kv.mod_revision);
            let only = mvccpb::KeyValue {
                key: key.clone(),
                mod_revision,
                ..Default::default()
            };
            assert_eq!(kv, only, "a delete has a key and a revision");
            kv::Event::Delete {
                key,
                mod_revision,
                prev,
            }
        }
    }
}
