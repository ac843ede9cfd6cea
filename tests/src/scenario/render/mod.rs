//! Answers as text. What is longer than a reader can take in is shortened, always in the same way.

mod kv;
mod watch;

use quorate_core::{
    alarm::{Alarm, AlarmKind},
    auth::{Permission, PermissionKind},
    kv::KeyRange,
};

pub(super) use watch::received;

use super::{errors::Failure, executor::Answer};

/// Longer lists are shown by their first and last elements.
const LIST_MAX: usize = 12;
const LIST_FIRST: usize = 3;
const LIST_LAST: usize = 2;

/// Longer runs of one byte are shown as their length.
const RUN_MAX: usize = 32;

/// An answer, with a line end.
pub(super) fn answer(answer: &Result<Answer, Failure>) -> String {
    match answer {
        Ok(answer) => answered(answer),
        Err(Failure { code, text }) => format!("error: {code:?}: {text}\n"),
    }
}

fn answered(answer: &Answer) -> String {
    match answer {
        Answer::Range(response) => kv::range(response, 0),
        Answer::Put(response) => kv::put(response, 0),
        Answer::DeleteRange(response) => kv::delete_range(response, 0),
        Answer::Txn(response) => kv::txn(response, 0),
        Answer::Done { revision } => format!("revision={revision}\n"),
        Answer::Lease {
            revision,
            id,
            ttl_s,
        } => format!("revision={revision} id={id} ttl={ttl_s}\n"),
        Answer::TimeToLive {
            revision,
            id,
            granted_ttl_s,
            keys,
        } => {
            let ttl = match granted_ttl_s {
                None => "ttl=-1 granted_ttl=0".to_owned(),
                Some(granted) => format!("granted_ttl={granted}"),
            };
            let keys = keys.iter().map(|key| format!("  {}\n", bytes(key)));
            format!("revision={revision} id={id} {ttl}\n{}", list(keys))
        }
        Answer::Leases { revision, ids } => {
            let ids = ids.iter().map(|id| format!("  {id}\n"));
            format!("revision={revision}\n{}", list(ids))
        }
        Answer::HashKv { revision, hash } => format!(
            "revision={revision} hash={} hash_revision={} compact_revision={}\n",
            hash.hash, hash.revision, hash.compact_revision
        ),
        Answer::Alarms { revision, alarms } => {
            format!("revision={revision}\n{}", list(alarms.iter().map(alarm)))
        }
        Answer::AuthStatus {
            revision,
            enabled,
            auth_revision,
        } => format!("revision={revision} enabled={enabled} auth_revision={auth_revision}\n"),
        Answer::Names { revision, names } => {
            let names = names.iter().map(|name| format!("  {name}\n"));
            format!("revision={revision}\n{}", list(names))
        }
        Answer::Permissions {
            revision,
            permissions,
        } => {
            // etcd orders them by key only.
            let mut permissions: Vec<_> = permissions.iter().map(permission).collect();
            permissions.sort();
            format!("revision={revision}\n{}", list(permissions.into_iter()))
        }
    }
}

fn alarm(alarm: &Alarm) -> String {
    let kind = match alarm.kind {
        AlarmKind::NoSpace => "nospace",
        AlarmKind::Corrupt => "corrupt",
    };
    format!("  {kind} member={}\n", alarm.member_id)
}

fn permission(permission: &Permission) -> String {
    let kind = match permission.kind {
        PermissionKind::Read => "read",
        PermissionKind::Write => "write",
        PermissionKind::ReadWrite => "readwrite",
    };
    let keys = match &permission.range {
        KeyRange::Key(key) => bytes(key),
        KeyRange::Range { start, end } => format!("{}..{}", bytes(start), bytes(end)),
        KeyRange::From(start) => format!("{}..", bytes(start)),
    };
    format!("  {kind} {keys}\n")
}

/// Elements below each other, each with its own line ends.
fn list(elements: impl Iterator<Item = String>) -> String {
    let elements: Vec<String> = elements.collect();
    let Some(hidden) = elements.len().checked_sub(LIST_MAX + 1) else {
        return elements.concat();
    };
    let hidden = hidden + 1 + LIST_MAX - LIST_FIRST - LIST_LAST;
    let first = elements[..LIST_FIRST].concat();
    let last = elements[elements.len() - LIST_LAST..].concat();
    let indent = &first[..first.len() - first.trim_start().len()];
    format!("{first}{indent}... {hidden} more ...\n{last}")
}

/// Bytes as a scenario writes them.
fn bytes(bytes: &[u8]) -> String {
    match bytes {
        [] => "\"\"".to_owned(),
        [first, rest @ ..] if rest.len() >= RUN_MAX && rest.iter().all(|byte| byte == first) => {
            format!("{}*{}", bytes.len(), byte(*first))
        }
        bytes => bytes.iter().map(|one| byte(*one)).collect(),
    }
}

fn byte(byte: u8) -> String {
    match byte {
        0 => "\\0".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b'!'..=b'~' => char::from(byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    }
}
