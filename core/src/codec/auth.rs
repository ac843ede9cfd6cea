//! Commands about alarms, users, roles and permissions. The tags are permanent.

use super::{
    DecodeError,
    request::{decode_code, decode_key_range, encode_code, encode_key_range},
    wire::{Reader, put_bytes, put_u64},
};
use crate::{
    alarm::{Alarm, AlarmAction, AlarmKind},
    auth::{AuthRequest, Credential, Permission, PermissionKind},
};

const ENABLE: u8 = 1;
const DISABLE: u8 = 2;
const USER_ADD: u8 = 3;
const USER_DELETE: u8 = 4;
const USER_CHANGE_PASSWORD: u8 = 5;
const USER_GRANT_ROLE: u8 = 6;
const USER_REVOKE_ROLE: u8 = 7;
const ROLE_ADD: u8 = 8;
const ROLE_DELETE: u8 = 9;
const ROLE_GRANT_PERMISSION: u8 = 10;
const ROLE_REVOKE_PERMISSION: u8 = 11;

const NO_PASSWORD: u8 = 0;
const PASSWORD_HASH: u8 = 1;

/// Each small enum in the order of its permanent codes, which count from 0.
const ALARM_KINDS: [AlarmKind; 2] = [AlarmKind::NoSpace, AlarmKind::Corrupt];
const ALARM_ACTIONS: [AlarmAction; 2] = [AlarmAction::Activate, AlarmAction::Deactivate];
const PERMISSION_KINDS: [PermissionKind; 3] = [
    PermissionKind::Read,
    PermissionKind::Write,
    PermissionKind::ReadWrite,
];

/// Appends an alarm.
pub(crate) fn encode_alarm(alarm: Alarm, out: &mut Vec<u8>) {
    encode_code(&ALARM_KINDS, &alarm.kind, out);
    put_u64(out, alarm.member_id);
}

/// Reads an alarm.
pub(crate) fn decode_alarm(reader: &mut Reader<'_>) -> Result<Alarm, DecodeError> {
    Ok(Alarm {
        kind: decode_code("alarm", &ALARM_KINDS, reader)?,
        member_id: reader.u64()?,
    })
}

/// Appends what to do with an alarm.
pub(super) fn encode_alarm_action(action: AlarmAction, out: &mut Vec<u8>) {
    encode_code(&ALARM_ACTIONS, &action, out);
}

/// Reads what to do with an alarm.
pub(super) fn decode_alarm_action(reader: &mut Reader<'_>) -> Result<AlarmAction, DecodeError> {
    decode_code("alarm action", &ALARM_ACTIONS, reader)
}

/// Appends a credential.
pub(crate) fn encode_credential(credential: &Credential, out: &mut Vec<u8>) {
    match credential {
        Credential::NoPassword => out.push(NO_PASSWORD),
        Credential::PasswordHash(hash) => {
            out.push(PASSWORD_HASH);
            put_bytes(out, hash.as_bytes());
        }
    }
}

/// Reads a credential.
pub(crate) fn decode_credential(reader: &mut Reader<'_>) -> Result<Credential, DecodeError> {
    Ok(match reader.u8()? {
        NO_PASSWORD => Credential::NoPassword,
        PASSWORD_HASH => Credential::PasswordHash(reader.string()?),
        tag => {
            return Err(DecodeError::Tag {
                what: "credential",
                tag,
            });
        }
    })
}

/// Appends a permission.
pub(crate) fn encode_permission(permission: &Permission, out: &mut Vec<u8>) {
    let Permission { kind, range } = permission;
    encode_code(&PERMISSION_KINDS, kind, out);
    encode_key_range(range, out);
}

/// Reads a permission.
pub(crate) fn decode_permission(reader: &mut Reader<'_>) -> Result<Permission, DecodeError> {
    Ok(Permission {
        kind: decode_code("permission", &PERMISSION_KINDS, reader)?,
        range: decode_key_range(reader)?,
    })
}

/// Appends a change of the auth state.
pub(super) fn encode_auth(request: &AuthRequest, out: &mut Vec<u8>) {
    let tag_and_names = |out: &mut Vec<u8>, tag, names: &[&String]| {
        out.push(tag);
        names
            .iter()
            .for_each(|name| put_bytes(out, name.as_bytes()));
    };
    match request {
        AuthRequest::Enable => out.push(ENABLE),
        AuthRequest::Disable => out.push(DISABLE),
        AuthRequest::UserAdd { name, credential } => {
            tag_and_names(out, USER_ADD, &[name]);
            encode_credential(credential, out);
        }
        AuthRequest::UserDelete { name } => tag_and_names(out, USER_DELETE, &[name]),
        AuthRequest::UserChangePassword {
            name,
            password_hash,
        } => tag_and_names(out, USER_CHANGE_PASSWORD, &[name, password_hash]),
        AuthRequest::UserGrantRole { user, role } => {
            tag_and_names(out, USER_GRANT_ROLE, &[user, role]);
        }
        AuthRequest::UserRevokeRole { user, role } => {
            tag_and_names(out, USER_REVOKE_ROLE, &[user, role]);
        }
        AuthRequest::RoleAdd { name } => tag_and_names(out, ROLE_ADD, &[name]),
        AuthRequest::RoleDelete { name } => tag_and_names(out, ROLE_DELETE, &[name]),
        AuthRequest::RoleGrantPermission { role, permission } => {
            tag_and_names(out, ROLE_GRANT_PERMISSION, &[role]);
            encode_permission(permission, out);
        }
        AuthRequest::RoleRevokePermission { role, range } => {
            tag_and_names(out, ROLE_REVOKE_PERMISSION, &[role]);
            encode_key_range(range, out);
        }
    }
}

/// Reads a change of the auth state.
pub(super) fn decode_auth(reader: &mut Reader<'_>) -> Result<AuthRequest, DecodeError> {
    Ok(match reader.u8()? {
        ENABLE => AuthRequest::Enable,
        DISABLE => AuthRequest::Disable,
        USER_ADD => AuthRequest::UserAdd {
            name: reader.string()?,
            credential: decode_credential(reader)?,
        },
        USER_DELETE => AuthRequest::UserDelete {
            name: reader.string()?,
        },
        USER_CHANGE_PASSWORD => AuthRequest::UserChangePassword {
            name: reader.string()?,
            password_hash: reader.string()?,
        },
        USER_GRANT_ROLE => AuthRequest::UserGrantRole {
            user: reader.string()?,
            role: reader.string()?,
        },
        USER_REVOKE_ROLE => AuthRequest::UserRevokeRole {
            user: reader.string()?,
            role: reader.string()?,
        },
        ROLE_ADD => AuthRequest::RoleAdd {
            name: reader.string()?,
        },
        ROLE_DELETE => AuthRequest::RoleDelete {
            name: reader.string()?,
        },
        ROLE_GRANT_PERMISSION => AuthRequest::RoleGrantPermission {
            role: reader.string()?,
            permission: decode_permission(reader)?,
        },
        ROLE_REVOKE_PERMISSION => AuthRequest::RoleRevokePermission {
            role: reader.string()?,
            range: decode_key_range(reader)?,
        },
        tag => {
            return Err(DecodeError::Tag {
                what: "auth request",
                tag,
            });
        }
    })
}

#[cfg(test)]
mod tests;
