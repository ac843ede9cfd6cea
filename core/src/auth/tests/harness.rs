//! The language of the tables. A line is
//!
//! ```text
//! author | request | answer
//! ```
//!
//! The author is `member`, `-` for no token, a user's name, or `name@revision` for a token of
//! another auth revision than the present one; `''` is a name without letters. A range is `a`,
//! `a-c` or `a-`. In a transaction `?a` is a compare, what follows `else` is the other branch, and
//! brackets nest. An answer is `ok`, after a change of the auth state with its revision; what was
//! read; or an error's text.

use bytes::Bytes;

use crate::{
    Command, Entry, Error, Response, StateMachine, Valid, View,
    alarm::{Alarm, AlarmAction, AlarmKind},
    auth::{AuthError, AuthRequest, Author, Credential, Permission, PermissionKind},
    command::{MemberAttributes, Renewal},
    kv::{KeyRange, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation,
        TxnRequest,
    },
};

/// Runs a table against a new machine. Gives the machine as the table leaves it.
pub(crate) fn check(table: &str) -> StateMachine {
    let mut machine = StateMachine::new();
    check_on(&mut machine, table);
    machine
}

/// Carries on with a table.
pub(crate) fn check_on(machine: &mut StateMachine, table: &str) {
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [who, request, expected] = columns[..] else {
            panic!("three columns: {line}");
        };
        let words: Vec<&str> = request.split_whitespace().collect();
        let author = author(who, machine.auth_revision());
        let answer = match read(machine, &author, &words) {
            Some(answer) => answer,
            None => apply(machine, author, &words),
        };
        let answer = answer.unwrap_or_else(|error| error.to_string());
        assert_eq!(answer, expected, "{line}");
        machine.validate();
    }
}

fn author(word: &str, revision: u64) -> Author {
    match word {
        "member" => Author::Member,
        "-" => Author::Anonymous,
        _ => {
            let (name, auth_revision) = match word.split_once('@') {
                Some((name, revision)) => (name, revision.parse().expect("a revision")),
                None => (word, revision),
            };
            Author::User {
                name: unquote(name),
                auth_revision,
            }
        }
    }
}

/// Answers what is only read, in the machine's present state.
fn read(view: &View, author: &Author, words: &[&str]) -> Option<Result<String, Error>> {
    let permitted = |result: Result<(), AuthError>| Ok(result.map(|()| "ok".to_owned())?);
    Some(match *words {
        ["get", keys] => permitted(view.authorize_range(author, &RangeRequest::new(range(keys)))),
        ["read-txn", ref words @ ..] => permitted(view.authorize_txn(author, &txn(words))),
        ["watch", keys] => permitted(view.authorize_watch(author, &range(keys))),
        ["lease-keys", id, to] => permitted(view.authorize_lease_keys(author, lease(id), kind(to))),
        ["all-leases"] => permitted(view.authorize_all_leases(author)),
        ["anyone"] => permitted(view.authorize_anyone(author)),
        ["admin"] => permitted(view.authorize_admin(author)),
        ["see-user", name] => permitted(view.authorize_user(author, &unquote(name))),
        ["see-role", name] => permitted(view.authorize_role(author, name)),
        ["status"] => Ok(format!("{} {}", view.auth_enabled(), view.auth_revision())),
        ["users"] => Ok(joined(view.users())),
        ["roles"] => Ok(joined(view.roles())),
        ["user", name] => show_user(view, name),
        ["role", name] => show_role(view, name),
        ["password", name] => view
            .password_hash(name)
            .map(str::to_owned)
            .map_err(Error::from),
        ["alarms"] => {
            Ok(joined(view.alarms().map(|alarm| {
                format!("{:?}:{}", alarm.kind, alarm.member_id)
            })))
        }
        _ => return None,
    })
}

fn show_user(view: &View, name: &str) -> Result<String, Error> {
    let user = view.user(name)?;
    assert_eq!(user.name, name);
    let password = if user.no_password { "no-password" } else { "" };
    let roles = user.roles.iter().map(String::as_str);
    Ok(joined(roles.chain([password])).trim().to_owned())
}

fn show_role(view: &View, name: &str) -> Result<String, Error> {
    let permissions = view.role(name)?;
    Ok(joined(permissions.iter().map(|permission| {
        let start = permission.range.start().escape_ascii();
        let range = match &permission.range {
            KeyRange::Key(_) => format!("{start}"),
            KeyRange::Range { end, .. } => format!("{start}-{}", end.escape_ascii()),
            KeyRange::From(_) => format!("{start}-"),
        };
        format!("{:?}:{range}", permission.kind)
    })))
}

fn joined<T: AsRef<str>>(words: impl Iterator<Item = T>) -> String {
    words.fold(String::new(), |all, word| {
        let space = if all.is_empty() { "" } else { " " };
        all + space + word.as_ref()
    })
}

/// Has a command applied. One that is refused must not change anything.
fn apply(machine: &mut StateMachine, author: Author, words: &[&str]) -> Result<String, Error> {
    let command = command(words)?;
    let mut before = machine.view();
    let index = before.applied_index + 1;
    let applied = machine.apply(Entry {
        index,
        term: 1,
        time_ms: 0,
        author,
        command,
    });
    if applied.result.is_err() {
        (before.applied_index, before.applied_term) = (index, 1);
        assert_eq!(machine.state_hash(), before.state_hash());
        assert!(applied.events.is_empty() && applied.lease_changes.is_empty());
    }
    Ok(match applied.result? {
        Response::Auth => format!("ok {}", machine.auth_revision()),
        Response::Alarm { alarm: None } => "none".to_owned(),
        Response::Authenticate { token } => token,
        _ => "ok".to_owned(),
    })
}

fn command(words: &[&str]) -> Result<Command, Error> {
    Ok(match *words {
        ["put", ref words @ ..] => Command::Put(Valid::<PutRequest>::check(put(words))?),
        ["del", ref words @ ..] => {
            Command::DeleteRange(Valid::<DeleteRangeRequest>::check(delete(words))?)
        }
        ["txn", ref words @ ..] => Command::Txn(Valid::<TxnRequest>::check(txn(words), 128)?),
        ["compact", revision] => Command::Compact {
            revision: revision.parse().expect("a revision"),
        },
        ["lease-grant", id] => Command::LeaseGrant {
            id: lease(id),
            ttl_s: 60,
        },
        ["lease-revoke", id] => Command::LeaseRevoke { id: lease(id) },
        ["lease-renew", id] => Command::LeaseRenew {
            renewals: vec![Renewal {
                id: lease(id),
                renewed_at_ms: 0,
            }],
        },
        ["lease-expire", id] => Command::LeaseExpire {
            term: 1,
            ids: vec![lease(id)],
        },
        ["alarm", action, kind, member_id] => Command::Alarm {
            action: match action {
                "raise" => AlarmAction::Activate,
                _ => AlarmAction::Deactivate,
            },
            alarm: Alarm {
                kind: match kind {
                    "nospace" => AlarmKind::NoSpace,
                    _ => AlarmKind::Corrupt,
                },
                member_id: member_id.parse().expect("a member"),
            },
        },
        ["attributes"] => Command::MemberAttributes(MemberAttributes {
            member_id: 1,
            name: "n1".into(),
            client_urls: Vec::new(),
            instance: 1,
        }),
        ["authenticate", user, auth_revision] => Command::Authenticate {
            user: unquote(user),
            auth_revision: auth_revision.parse().expect("a revision"),
            secret: "secret".to_owned(),
        },
        ["version"] => Command::ClusterVersion {
            version: "3.6.0".into(),
        },
        _ => Command::Auth(Valid::<AuthRequest>::check(auth(words))?),
    })
}

fn auth(words: &[&str]) -> AuthRequest {
    match *words {
        ["enable"] => AuthRequest::Enable,
        ["disable"] => AuthRequest::Disable,
        ["user-add", name, ref password @ ..] => AuthRequest::UserAdd {
            name: unquote(name),
            credential: match password {
                [hash] => Credential::PasswordHash(unquote(hash)),
                _ => Credential::NoPassword,
            },
        },
        ["user-delete", name] => AuthRequest::UserDelete {
            name: unquote(name),
        },
        ["user-password", name, hash] => AuthRequest::UserChangePassword {
            name: unquote(name),
            password_hash: unquote(hash),
        },
        ["user-grant", user, role] => AuthRequest::UserGrantRole {
            user: unquote(user),
            role: unquote(role),
        },
        ["user-revoke", user, role] => AuthRequest::UserRevokeRole {
            user: unquote(user),
            role: unquote(role),
        },
        ["role-add", name] => AuthRequest::RoleAdd {
            name: unquote(name),
        },
        ["role-delete", name] => AuthRequest::RoleDelete {
            name: unquote(name),
        },
        ["role-grant", role, to, keys] => AuthRequest::RoleGrantPermission {
            role: unquote(role),
            permission: Permission {
                kind: kind(to),
                range: range(keys),
            },
        },
        ["role-revoke", role, keys] => AuthRequest::RoleRevokePermission {
            role: unquote(role),
            range: range(keys),
        },
        _ => panic!("unknown request {words:?}"),
    }
}

fn kind(word: &str) -> PermissionKind {
    match word {
        "read" => PermissionKind::Read,
        "write" => PermissionKind::Write,
        "readwrite" => PermissionKind::ReadWrite,
        _ => panic!("unknown kind {word}"),
    }
}

fn lease(word: &str) -> LeaseId {
    let id = word.parse().ok().and_then(LeaseId::new);
    id.expect("a lease's id")
}

fn unquote(word: &str) -> String {
    word.trim_matches('\'').to_owned()
}

/// Reads `a`, `a-c` or `a-`.
pub(crate) fn range(word: &str) -> KeyRange {
    let (start, end) = match word.split_once('-') {
        None => (word, ""),
        Some((start, "")) => (start, "\0"),
        Some((start, end)) => (start, end),
    };
    KeyRange::from_wire(Bytes::from(unquote(start)), Bytes::from(unquote(end)))
}

/// Reads a key, then `prev`, `keep` (the value) or `lease=1`.
fn put(words: &[&str]) -> PutRequest {
    let mut request = PutRequest::new(unquote(words[0]), "");
    for word in &words[1..] {
        match word.split_once('=') {
            None if *word == "prev" => request.prev_kv = true,
            None if *word == "keep" => request.ignore_value = true,
            Some(("lease", id)) => request.lease = Some(lease(id)),
            _ => panic!("unknown option {word}"),
        }
    }
    request
}

fn delete(words: &[&str]) -> DeleteRangeRequest {
    DeleteRangeRequest {
        range: range(words[0]),
        prev_kv: words[1..] == ["prev"],
    }
}

/// Reads compares and operations, each one word: `?a`, `get:a-c`, `put:a:prev`, `del:a`.
fn txn(words: &[&str]) -> TxnRequest {
    let mut words = words.iter().copied();
    let request = nested_txn(&mut words);
    assert_eq!(words.next(), None, "a bracket closes");
    request
}

fn nested_txn<'a>(words: &mut impl Iterator<Item = &'a str>) -> TxnRequest {
    let mut request = TxnRequest::default();
    let mut branch = Vec::new();
    let mut success = None;
    while let Some(word) = words.next().filter(|word| *word != "]") {
        let parts: Vec<&str> = word.split(':').collect();
        match parts[..] {
            ["else"] => success = Some(std::mem::take(&mut branch)),
            ["["] => branch.push(Op::Txn(nested_txn(words))),
            ["get", keys] => branch.push(Op::Range(RangeRequest::new(range(keys)))),
            ["put", ref words @ ..] => branch.push(Op::Put(put(words))),
            ["del", ref words @ ..] => branch.push(Op::DeleteRange(delete(words))),
            _ => request.compares.push(Compare {
                range: range(word.strip_prefix('?').expect("a compare")),
                relation: Relation::Equal,
                target: CompareTarget::Version(0),
            }),
        }
    }
    match success {
        Some(success) => (request.success, request.failure) = (success, branch),
        None => request.success = branch,
    }
    request
}
