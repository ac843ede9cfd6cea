//! Users, roles, permissions.

use quorate_core::auth::{AuthRequest, Credential, Permission, PermissionKind};

use super::words::{Parsed, Words};
use crate::scenario::executor::Request;

/// `auth enable`, `auth disable`, `auth status`
pub(super) fn auth(words: &mut Words<'_>) -> Parsed<Request> {
    let usage = "auth enable|disable|status";
    Ok(match words.word(usage)? {
        "enable" => Request::Auth(AuthRequest::Enable),
        "disable" => Request::Auth(AuthRequest::Disable),
        "status" => Request::AuthStatus,
        _ => return Err(usage.to_owned()),
    })
}

/// `user add NAME PASSWORD`, `user add NAME no_password`, `user delete NAME`, `user passwd NAME
/// PASSWORD`, `user grant-role NAME ROLE`, `user revoke-role NAME ROLE`, `user get NAME`, `user
/// list`
pub(super) fn user(words: &mut Words<'_>) -> Parsed<Request> {
    let usage = "user add|delete|passwd|grant-role|revoke-role|get|list …";
    let change = match words.word(usage)? {
        "list" => return Ok(Request::UserList),
        "get" => {
            let name = words.text("user get NAME")?;
            return Ok(Request::UserGet { name });
        }
        "add" => {
            let usage = "user add NAME PASSWORD|no_password";
            let no_password = words.flag("no_password");
            let name = words.text(usage)?;
            let credential = if no_password {
                Credential::NoPassword
            } else {
                Credential::PasswordHash(words.text(usage)?)
            };
            AuthRequest::UserAdd { name, credential }
        }
        "delete" => AuthRequest::UserDelete {
            name: words.text("user delete NAME")?,
        },
        "passwd" => AuthRequest::UserChangePassword {
            name: words.text("user passwd NAME PASSWORD")?,
            password_hash: words.text("user passwd NAME PASSWORD")?,
        },
        "grant-role" => AuthRequest::UserGrantRole {
            user: words.text("user grant-role NAME ROLE")?,
            role: words.text("user grant-role NAME ROLE")?,
        },
        "revoke-role" => AuthRequest::UserRevokeRole {
            user: words.text("user revoke-role NAME ROLE")?,
            role: words.text("user revoke-role NAME ROLE")?,
        },
        _ => return Err(usage.to_owned()),
    };
    Ok(Request::Auth(change))
}

/// `role add NAME`, `role delete NAME`, `role grant-permission NAME read|write|readwrite KEYS`,
/// `role revoke-permission NAME KEYS`, `role get NAME`, `role list`
pub(super) fn role(words: &mut Words<'_>) -> Parsed<Request> {
    let usage = "role add|delete|grant-permission|revoke-permission|get|list …";
    let change = match words.word(usage)? {
        "list" => return Ok(Request::RoleList),
        "get" => {
            let name = words.text("role get NAME")?;
            return Ok(Request::RoleGet { name });
        }
        "add" => AuthRequest::RoleAdd {
            name: words.text("role add NAME")?,
        },
        "delete" => AuthRequest::RoleDelete {
            name: words.text("role delete NAME")?,
        },
        "grant-permission" => grant_permission(words)?,
        "revoke-permission" => AuthRequest::RoleRevokePermission {
            role: words.text("role revoke-permission NAME KEYS")?,
            range: words.keys("role revoke-permission NAME KEYS")?,
        },
        _ => return Err(usage.to_owned()),
    };
    Ok(Request::Auth(change))
}

fn grant_permission(words: &mut Words<'_>) -> Parsed<AuthRequest> {
    let usage = "role grant-permission NAME read|write|readwrite KEYS";
    let role = words.text(usage)?;
    let kind = match words.word(usage)? {
        "read" => PermissionKind::Read,
        "write" => PermissionKind::Write,
        "readwrite" => PermissionKind::ReadWrite,
        _ => return Err(usage.to_owned()),
    };
    let range = words.keys(usage)?;
    let permission = Permission { kind, range };
    Ok(AuthRequest::RoleGrantPermission { role, permission })
}
