use crate::{
    Command, Error, Valid,
    alarm::{Alarm, AlarmAction, AlarmKind},
    auth::{AuthError, AuthRequest, Author, Credential, Permission, PermissionKind},
    codec::{DecodeError, decode_command, encode_command},
    kv::KeyRange,
};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let text = text.replace(' ', "");
    let digits = text.as_bytes().chunks(2);
    let digits = digits.map(|pair| std::str::from_utf8(pair).unwrap());
    digits
        .map(|pair| u8::from_str_radix(pair, 16).unwrap())
        .collect()
}

fn encode(author: &Author, command: &Command) -> Vec<u8> {
    let mut out = Vec::new();
    encode_command(author, command, &mut out);
    out
}

/// Logs outlive versions of this program: a layout that was released must never change.
fn check_layout(author: &Author, command: &Command, layout: &str) {
    let encoded = encode(author, command);
    assert_eq!(hex(&encoded), layout.replace(' ', ""), "{command:?}");
    assert_eq!(
        decode_command(&encoded.clone().into()).as_ref(),
        Ok(&(author.clone(), command.clone()))
    );
    for end in 0..encoded.len() {
        assert_eq!(
            decode_command(&bytes::Bytes::copy_from_slice(&encoded[..end])),
            Err(DecodeError::Truncated),
            "{command:?} cut at {end}"
        );
    }
    assert_eq!(
        decode_command(&[&encoded[..], &[0]].concat().into()),
        Err(DecodeError::TrailingBytes)
    );
}

#[test]
fn authors() {
    let command = Command::Compact { revision: 1 };
    let user = |name: &str, auth_revision| Author::User {
        name: name.into(),
        auth_revision,
    };
    for (author, layout) in [
        (Author::Member, "00 0402"),
        (Author::Anonymous, "01 0402"),
        (user("al", 300), "02 02616c ac02 0402"),
        (user("", 0), "02 00 00 0402"),
    ] {
        check_layout(&author, &command, layout);
    }
}

#[test]
fn alarms() {
    use AlarmAction::{Activate, Deactivate};
    use AlarmKind::{Corrupt, NoSpace};
    for (action, kind, member_id, layout) in [
        (Activate, NoSpace, 7, "00 0b 00 00 07"),
        (Activate, Corrupt, 0, "00 0b 00 01 00"),
        (
            Deactivate,
            NoSpace,
            u64::MAX,
            "00 0b 01 00 ffffffffffffffffff01",
        ),
    ] {
        let alarm = Alarm { kind, member_id };
        check_layout(&Author::Member, &Command::Alarm { action, alarm }, layout);
    }
}

/// One request of each kind, and one permission of each.
fn requests() -> Vec<(AuthRequest, &'static str)> {
    let name = |name: &str| name.to_owned();
    let grant = |kind, range| AuthRequest::RoleGrantPermission {
        role: name("r"),
        permission: Permission { kind, range },
    };
    let interval = KeyRange::Range {
        start: "a".into(),
        end: "c".into(),
    };
    let add = |credential| AuthRequest::UserAdd {
        name: name("u"),
        credential,
    };
    let (user, role) = (name("u"), name("r"));
    let password = AuthRequest::UserChangePassword {
        name: name("u"),
        password_hash: name("h"),
    };
    let user_grant = AuthRequest::UserGrantRole {
        user: user.clone(),
        role: role.clone(),
    };
    let user_revoke = AuthRequest::UserRevokeRole {
        user: user.clone(),
        role: role.clone(),
    };
    let role_revoke = AuthRequest::RoleRevokePermission {
        role: role.clone(),
        range: KeyRange::From("k".into()),
    };
    vec![
        (AuthRequest::Enable, "01"),
        (AuthRequest::Disable, "02"),
        (
            add(Credential::PasswordHash(name("$2"))),
            "03 0175 01 022432",
        ),
        (add(Credential::NoPassword), "03 0175 00"),
        (AuthRequest::UserDelete { name: user }, "04 0175"),
        (password, "05 0175 0168"),
        (user_grant, "06 0175 0172"),
        (user_revoke, "07 0175 0172"),
        (AuthRequest::RoleAdd { name: name("é") }, "08 02c3a9"),
        (AuthRequest::RoleDelete { name: role }, "09 0172"),
        (
            grant(PermissionKind::Read, KeyRange::Key("k".into())),
            "0a 0172 00 01 016b",
        ),
        (
            grant(PermissionKind::Write, interval),
            "0a 0172 01 02 0161 0163",
        ),
        (
            grant(PermissionKind::ReadWrite, KeyRange::From("k".into())),
            "0a 0172 02 03 016b",
        ),
        (role_revoke, "0b 0172 03 016b"),
    ]
}

#[test]
fn changes_of_the_auth_state() {
    for (request, layout) in requests() {
        let request = Valid::<AuthRequest>::check(request).unwrap();
        let layout = format!("01 0c {layout}");
        check_layout(&Author::Anonymous, &Command::Auth(request), &layout);
    }
}

#[test]
fn what_validation_refuses_does_not_decode() {
    let invalid = |error: AuthError| DecodeError::Invalid(Error::Auth(error));
    let tag = |what, tag| DecodeError::Tag { what, tag };
    let bad_range = AuthError::InvalidAuthManagement;
    for (encoded, error) in [
        ("03", tag("author", 3)),
        ("02 01ff 00", DecodeError::Bounds("text")),
        ("00 0e", tag("command", 14)),
        ("00 0b 02 00 07", tag("alarm action", 2)),
        ("00 0b 00 02 07", tag("alarm", 2)),
        ("00 0c 00", tag("auth request", 0)),
        ("00 0c 0c", tag("auth request", 12)),
        ("00 0c 03 0175 02", tag("credential", 2)),
        ("00 0c 04 01ff", DecodeError::Bounds("text")),
        ("00 0c 0a 0172 03 01 016b", tag("permission", 3)),
        ("00 0c 0a 0172 00 04 016b", tag("key range", 4)),
        // A user and a role without a name; permissions that name no keys.
        ("00 0c 03 00 00", invalid(AuthError::UserEmpty)),
        ("00 0c 08 00", invalid(AuthError::RoleEmpty)),
        ("00 0c 0a 0172 00 01 00", invalid(bad_range)),
        ("00 0c 0a 0172 00 03 00", invalid(bad_range)),
        ("00 0c 0a 0172 00 02 0162 0162", invalid(bad_range)),
        ("00 0c 0a 0172 00 02 0162 0161", invalid(bad_range)),
        ("00 0c 0a 0172 00 02 0161 00", invalid(bad_range)),
        ("00 0c 0a 0172 00 02 0161 0100", invalid(bad_range)),
    ] {
        assert_eq!(
            decode_command(&unhex(encoded).into()),
            Err(error),
            "{encoded}"
        );
    }
}
