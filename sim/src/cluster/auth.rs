//! A change of users or roles, from the product's words to the history's.

use quorate_core::{
    auth::{AuthRequest, PermissionKind},
    kv::KeyRange,
};

use crate::history::{Access, AuthChange, Blob, Keys};

pub(super) fn change(request: &AuthRequest) -> AuthChange {
    match request.clone() {
        AuthRequest::Enable => AuthChange::Enable,
        AuthRequest::Disable => AuthChange::Disable,
        AuthRequest::UserAdd { name, .. } => AuthChange::UserAdd {
            user: name,
            password: None,
        },
        AuthRequest::UserDelete { name } => AuthChange::UserDelete { user: name },
        AuthRequest::UserChangePassword { name, .. } => AuthChange::UserPassword {
            user: name,
            password: None,
        },
        AuthRequest::UserGrantRole { user, role } => AuthChange::UserGrant { user, role },
        AuthRequest::UserRevokeRole { user, role } => AuthChange::UserRevoke { user, role },
        AuthRequest::RoleAdd { name } => AuthChange::RoleAdd { role: name },
        AuthRequest::RoleDelete { name } => AuthChange::RoleDelete { role: name },
        AuthRequest::RoleGrantPermission { role, permission } => AuthChange::RoleGrant {
            role,
            access: match permission.kind {
                PermissionKind::Read => Access::Read,
                PermissionKind::Write => Access::Write,
                PermissionKind::ReadWrite => Access::ReadWrite,
            },
            keys: keys(&permission.range),
        },
        AuthRequest::RoleRevokePermission { role, range } => AuthChange::RoleRevoke {
            role,
            keys: keys(&range),
        },
    }
}

fn keys(range: &KeyRange) -> Keys {
    let start = Blob::from(&range.start()[..]);
    match range {
        KeyRange::Key(_) => Keys::One(start),
        KeyRange::Range { end, .. } => Keys::Span(start, Blob::from(&end[..])),
        // On the wire the first key of all is written so.
        KeyRange::From(_) if start.as_bytes() == [0] => Keys::From(Blob::default()),
        KeyRange::From(_) => Keys::From(start),
    }
}
