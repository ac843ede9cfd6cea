//! Users, roles, permissions.

use quorate_core::auth::{AuthRequest, Credential, PermissionKind};

use super::words::Line;
use crate::scenario::executor::Request;

pub(super) fn request(request: &Request) -> Line {
    match request {
        Request::Auth(request) => change(request),
        Request::AuthStatus => Line::of("auth status"),
        Request::Authenticate { name, password } => {
            Line::of("login").word(name).bytes(password.as_bytes())
        }
        Request::UserGet { name } => Line::of("user get").bytes(name.as_bytes()),
        Request::UserList => Line::of("user list"),
        Request::RoleGet { name } => Line::of("role get").bytes(name.as_bytes()),
        Request::RoleList => Line::of("role list"),
        request => unreachable!("{request:?} is written elsewhere"),
    }
}

fn change(request: &AuthRequest) -> Line {
    let line = |command: &str, name: &str| Line::of(command).bytes(name.as_bytes());
    match request {
        AuthRequest::Enable => Line::of("auth enable"),
        AuthRequest::Disable => Line::of("auth disable"),
        AuthRequest::UserAdd { name, credential } => match credential {
            Credential::PasswordHash(password) => line("user add", name).bytes(password.as_bytes()),
            Credential::NoPassword => line("user add", name).word("no_password"),
        },
        AuthRequest::UserDelete { name } => line("user delete", name),
        AuthRequest::UserChangePassword {
            name,
            password_hash,
        } => line("user passwd", name).bytes(password_hash.as_bytes()),
        AuthRequest::UserGrantRole { user, role } => {
            line("user grant-role", user).bytes(role.as_bytes())
        }
        AuthRequest::UserRevokeRole { user, role } => {
            line("user revoke-role", user).bytes(role.as_bytes())
        }
        AuthRequest::RoleAdd { name } => line("role add", name),
        AuthRequest::RoleDelete { name } => line("role delete", name),
        AuthRequest::RoleGrantPermission { role, permission } => {
            let kind = match permission.kind {
                PermissionKind::Read => "read",
                PermissionKind::Write => "write",
                PermissionKind::ReadWrite => "readwrite",
            };
            line("role grant-permission", role)
                .word(kind)
                .keys(&permission.range)
        }
        AuthRequest::RoleRevokePermission { role, range } => {
            line("role revoke-permission", role).keys(range)
        }
    }
}
