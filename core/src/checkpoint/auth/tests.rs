use bytes::Bytes;

use super::*;
use crate::{
    StateMachine,
    auth::{Credential, PermissionKind, tests::harness},
    checkpoint::tests::{bytes, forge, head, restore},
    kv::KeyRange,
    limits::CHECKPOINT_CHUNK_BYTES,
    view::View,
};

/// Some of everything.
const TABLE: &str = "
    - | user-add root secret       | ok 2
    - | user-grant root root       | ok 3
    - | user-add cert              | ok 4
    - | role-add r                 | ok 5
    - | role-add empty             | ok 6
    - | user-grant cert r          | ok 7
    - | user-grant cert empty      | ok 8
    - | role-grant r read a        | ok 9
    - | role-grant r write a-c     | ok 10
    - | role-grant r readwrite c-  | ok 11
    - | alarm raise nospace 7      | ok
    - | alarm raise corrupt 1      | ok
    - | enable                     | ok 11
";

#[test]
fn users_roles_and_alarms_come_back() {
    let stream = bytes(&harness::check(TABLE));
    let mut restored = restore(&stream, 7).unwrap();
    restored.validate();
    assert_eq!(bytes(&restored), stream);
    harness::check_on(
        &mut restored,
        "
        - | alarms        | NoSpace:7 Corrupt:1
        - | status        | true 11
        - | users         | cert root
        - | user cert     | empty r no-password
        - | user root     | root
        - | password root | secret
        - | roles         | empty r
        - | role r        | Read:a Write:a-c ReadWrite:c-
        - | get a         | user name is empty
        cert | get a      | ok
        cert | get a-c    | permission denied
        cert | get c-     | ok
        root | alarm clear corrupt 1  | ok
        root | alarm clear nospace 7  | ok
        cert | del a-     | ok
        root | user-add x | ok 12
        ",
    );
}

#[test]
fn any_damage_is_noticed() {
    let stream = bytes(&harness::check(TABLE));
    for end in 0..stream.len() {
        assert!(restore(&stream[..end], usize::MAX).is_err(), "cut at {end}");
    }
    for bit in 0..8 * stream.len() {
        let mut damaged = stream.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(restore(&damaged, usize::MAX).is_err(), "bit {bit}");
    }
}

#[test]
fn the_state_hash_covers_it() {
    let mut machine = StateMachine::new();
    let mut hashes = Vec::new();
    let mut revision = 1;
    for (request, raises) in [
        ("alarm raise nospace 7", 0),
        ("alarm raise nospace 8", 0),
        ("alarm raise corrupt 7", 0),
        ("user-add root x", 1),
        ("user-password root y", 1),
        ("user-grant root root", 1),
        ("role-add r", 1),
        ("role-grant r read a", 1),
        ("role-grant r write a", 1),
        ("enable", 0),
    ] {
        revision += raises;
        let answer = match request.starts_with("alarm") {
            true => "ok".to_owned(),
            false => format!("ok {revision}"),
        };
        harness::check_on(&mut machine, &format!("- | {request} | {answer}"));
        // All else equal, the position in the log too.
        let mut view = machine.view();
        view.applied_index = 0;
        hashes.push(view.state_hash());
    }
    hashes.sort_unstable();
    hashes.dedup();
    assert_eq!(hashes.len(), 10);
}

fn name(number: usize) -> String {
    format!("{number:05}{}", "x".repeat(40))
}

/// As many users, roles, roles of one user, and permissions of one role, as take several chunks
/// each.
fn large() -> StateMachine {
    const EACH: usize = 4000;
    let user = |roles| User {
        credential: Credential::PasswordHash("hash".into()),
        roles,
    };
    let permissions = (0..EACH).map(|number| Permission {
        kind: PermissionKind::Read,
        range: KeyRange::Key(Bytes::from(name(number))),
    });
    let mut auth = AuthTable::restore(false, 100_000);
    assert!(auth.restore_role("!".to_owned(), Role::new(permissions.collect())));
    assert!(auth.restore_user("!".to_owned(), user((0..EACH).map(name).collect())));
    for number in 0..EACH {
        assert!(auth.restore_user(name(number), user(Vec::new())));
        assert!(auth.restore_role(name(number), Role::default()));
    }
    let mut view = View::empty();
    view.auth = auth;
    StateMachine::restored(view)
}

#[test]
fn chunks_end_anywhere() {
    let machine = large();
    machine.validate();
    let chunks: Vec<_> = machine.checkpoint().collect();
    assert!(chunks.len() >= 12, "{} chunks", chunks.len());
    let limit = CHECKPOINT_CHUNK_BYTES + 100;
    assert!(chunks.iter().all(|chunk| chunk.len() <= limit));
    let stream = bytes(&machine);
    let restored = restore(&stream, 1000).unwrap();
    restored.validate();
    assert_eq!(bytes(&restored), stream);
    let tables = [&machine, &restored].map(|machine| {
        let users: Vec<_> = machine.auth.users(Bound::Unbounded).collect();
        let roles: Vec<_> = machine.auth.roles(Bound::Unbounded).collect();
        (users, roles)
    });
    assert_eq!(tables[0], tables[1]);
}

/// The bytes of a text: words for tags, numbers, and names.
fn records(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for word in text.split_whitespace() {
        match word {
            "ALARM" => out.push(tag::ALARM),
            "AUTH" => out.push(tag::AUTH),
            "USER" => out.push(tag::USER),
            "USER_ROLE" => out.push(tag::USER_ROLE),
            "ROLE" => out.push(tag::ROLE),
            "PERMISSION" => out.push(tag::PERMISSION),
            _ => match word.parse() {
                Ok(number) => out.push(number),
                Err(_) => put_bytes(&mut out, word.trim_matches('\'').as_bytes()),
            },
        }
    }
    out
}

/// Forged records, with correct checksums, as only an error in this crate could write them.
#[test]
fn readable_records_that_are_no_state_are_refused() {
    for (text, refusal) in [
        ("", ""),
        ("ALARM 0 1 ALARM 0 2 ALARM 1 1", ""),
        ("AUTH 0 2", ""),
        ("AUTH 0 2 USER al 0", ""),
        ("AUTH 1 3 USER root 1 hash USER_ROLE root", ""),
        ("AUTH 0 4 USER al 0 USER_ROLE r ROLE r", ""),
        ("AUTH 0 4 ROLE r PERMISSION 0 1 a PERMISSION 0 3 a", ""),
        ("AUTH 0 4 ROLE r PERMISSION 1 3 a PERMISSION 2 2 a c", ""),
        ("ALARM 2 1", "unknown tag 2 for alarm"),
        (
            "ALARM 0 2 ALARM 0 1",
            "inconsistent checkpoint: alarms do not ascend",
        ),
        (
            "ALARM 0 1 ALARM 0 1",
            "inconsistent checkpoint: alarms do not ascend",
        ),
        (
            "ALARM 1 1 ALARM 0 1",
            "inconsistent checkpoint: alarms do not ascend",
        ),
        (
            "AUTH 0 2 ALARM 0 1",
            "inconsistent checkpoint: records are out of order",
        ),
        (
            "AUTH 0 2 AUTH 0 2",
            "inconsistent checkpoint: records are out of order",
        ),
        ("AUTH 0 0", "auth revision is out of bounds"),
        ("AUTH 0 1", "auth revision is out of bounds"),
        ("AUTH 2 2", "flags is out of bounds"),
        (
            "USER al 0",
            "inconsistent checkpoint: the auth revision is behind its changes",
        ),
        (
            "ROLE r",
            "inconsistent checkpoint: the auth revision is behind its changes",
        ),
        (
            "AUTH 0 3 ROLE r PERMISSION 0 1 a PERMISSION 0 1 b",
            "inconsistent checkpoint: the auth revision is behind its changes",
        ),
        ("AUTH 0 9 USER al 2", "unknown tag 2 for credential"),
        (
            "AUTH 0 9 USER '' 0",
            "inconsistent checkpoint: a user or a role has no name",
        ),
        (
            "AUTH 0 9 ROLE ''",
            "inconsistent checkpoint: a user or a role has no name",
        ),
        (
            "AUTH 0 9 USER b 0 USER a 0",
            "inconsistent checkpoint: users do not ascend",
        ),
        (
            "AUTH 0 9 USER b 0 USER b 0",
            "inconsistent checkpoint: users do not ascend",
        ),
        (
            "AUTH 0 9 ROLE b ROLE a",
            "inconsistent checkpoint: roles do not ascend",
        ),
        (
            "AUTH 0 9 ROLE b ROLE b",
            "inconsistent checkpoint: roles do not ascend",
        ),
        (
            "AUTH 0 9 ROLE b USER a 0",
            "inconsistent checkpoint: records are out of order",
        ),
        (
            "AUTH 0 9 USER_ROLE r ROLE r",
            "inconsistent checkpoint: a granted role has no user",
        ),
        (
            "AUTH 0 9 PERMISSION 0 1 a",
            "inconsistent checkpoint: a permission has no role",
        ),
        (
            "AUTH 0 9 USER al 0 USER_ROLE r",
            "inconsistent checkpoint: a user has a role that does not exist",
        ),
        (
            "AUTH 0 9 USER al 0 USER_ROLE r USER_ROLE r ROLE r",
            "inconsistent checkpoint: a user's roles do not ascend",
        ),
        (
            "AUTH 0 9 USER al 0 USER_ROLE s USER_ROLE r ROLE r ROLE s",
            "inconsistent checkpoint: a user's roles do not ascend",
        ),
        (
            "AUTH 1 9",
            "inconsistent checkpoint: authentication is on without a root user",
        ),
        (
            "AUTH 1 9 USER root 0",
            "inconsistent checkpoint: authentication is on without a root user",
        ),
        (
            "AUTH 0 9 ROLE r PERMISSION 0 1 b PERMISSION 0 1 a",
            "inconsistent checkpoint: permissions do not ascend",
        ),
        (
            "AUTH 0 9 ROLE r PERMISSION 0 1 a PERMISSION 1 1 a",
            "inconsistent checkpoint: permissions do not ascend",
        ),
        (
            "AUTH 0 9 ROLE r PERMISSION 0 2 a b PERMISSION 0 1 a",
            "inconsistent checkpoint: permissions do not ascend",
        ),
        (
            "AUTH 0 9 ROLE r PERMISSION 0 1 ''",
            "inconsistent checkpoint: a permission names no keys",
        ),
        (
            "AUTH 0 9 ROLE r PERMISSION 0 3 ''",
            "inconsistent checkpoint: a permission names no keys",
        ),
        (
            "AUTH 0 9 ROLE r PERMISSION 0 2 b b",
            "inconsistent checkpoint: a permission names no keys",
        ),
        (
            "AUTH 0 9 ROLE r PERMISSION 3 1 a",
            "unknown tag 3 for permission",
        ),
        (
            "AUTH 0 9 ROLE r PERMISSION 0 4 a",
            "unknown tag 4 for key range",
        ),
    ] {
        let stream = forge(&[&head(1, 0), &records(text)]);
        let result = restore(&stream, usize::MAX);
        let refused = result.as_ref().err().map(ToString::to_string);
        assert_eq!(refused.unwrap_or_default(), refusal, "{text}");
        if let Ok(restored) = result {
            restored.validate();
            assert_eq!(bytes(&restored), stream, "{text}");
        }
    }
}
