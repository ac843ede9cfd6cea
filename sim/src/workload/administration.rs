//! Changes of users and roles as calls.

use std::time::Duration;

use madsim::time::sleep;
use quorate_server::{
    proto::{
        authpb::{Permission, UserAddOptions, permission::Type},
        etcdserverpb::{
            AuthDisableRequest, AuthEnableRequest, AuthRoleAddRequest, AuthRoleDeleteRequest,
            AuthRoleGrantPermissionRequest, AuthRoleRevokePermissionRequest, AuthUserAddRequest,
            AuthUserChangePasswordRequest, AuthUserDeleteRequest, AuthUserGrantRoleRequest,
            AuthUserRevokeRoleRequest, ResponseHeader, auth_client::AuthClient,
        },
    },
    wire::Channel,
};
use tonic::Status;

use super::{
    Session,
    calls::Manner,
    convert::key_range,
    keys::key,
    users::{self, Users},
};
use crate::{
    history::{Access, AuthChange, Blob, Keys, Outcome, Request, reason},
    plan::{AuthStep, Span},
};

/// How often an operator asks for a change at the most, until somebody has heard it.
const TRIES_MAX: u64 = 5;

/// Pause before it asks again.
const RETRY: Duration = Duration::from_millis(50);

impl Session {
    /// Asks for what a step says until there is an answer, at one member after the other.
    pub async fn administer(&mut self, step: &AuthStep) {
        let change = change(step, self.users());
        for tried in 0..TRIES_MAX {
            match self.execute(Request::Auth(change.clone())).await {
                Outcome::Ok(_) => return self.note_password(&change, Users::has_password),
                Outcome::Failed(text) if is_final(&text) => {
                    // An earlier try may have done what is refused now.
                    if tried == 0 {
                        self.note_password(&change, Users::has_not_password);
                    }
                    return;
                }
                outcome => {
                    if matches!(outcome, Outcome::Unknown(_)) {
                        self.note_password(&change, Users::may_get_password);
                    }
                    self.go_on();
                    sleep(RETRY).await;
                }
            }
        }
    }

    fn note_password(&self, change: &AuthChange, note: fn(&Users, &str, u64)) {
        if let AuthChange::UserAdd { user, password } | AuthChange::UserPassword { user, password } =
            change
            && let Some(password) = password
        {
            note(self.users(), user, *password);
        }
    }
}

/// Whether a member has refused a change for what it is, and not for the token.
fn is_final(text: &str) -> bool {
    text.starts_with("etcdserver: ")
        && ![reason::NO_TOKEN, reason::BAD_TOKEN, reason::OLD_TOKEN].contains(&text)
}

/// The change that a step of the plan asks for.
fn change(step: &AuthStep, of: &Users) -> AuthChange {
    let keys = |span: &Span| interval(*span, of.keys());
    let next_password = |user: &str| of.next_password(user);
    let user = |user: &u64| users::user_name(*user);
    let role = |role: &u64| users::role_name(*role);
    match step {
        AuthStep::Enable => AuthChange::Enable,
        AuthStep::Disable => AuthChange::Disable,
        AuthStep::AddUser { user: of } => AuthChange::UserAdd {
            user: user(of),
            password: Some(next_password(&user(of))),
        },
        AuthStep::DeleteUser { user: of } => AuthChange::UserDelete { user: user(of) },
        AuthStep::ChangePassword { user: of } => AuthChange::UserPassword {
            user: user(of),
            password: Some(next_password(&user(of))),
        },
        AuthStep::GrantRole {
            user: to,
            role: what,
        } => AuthChange::UserGrant {
            user: user(to),
            role: role(what),
        },
        AuthStep::RevokeRole {
            user: from,
            role: what,
        } => AuthChange::UserRevoke {
            user: user(from),
            role: role(what),
        },
        AuthStep::AddRole { role: what } => AuthChange::RoleAdd { role: role(what) },
        AuthStep::DeleteRole { role: what } => AuthChange::RoleDelete { role: role(what) },
        AuthStep::GrantPermission {
            role: to,
            access,
            keys: span,
        } => AuthChange::RoleGrant {
            role: role(to),
            access: *access,
            keys: keys(span),
        },
        AuthStep::RevokePermission {
            role: from,
            keys: span,
        } => AuthChange::RoleRevoke {
            role: role(from),
            keys: keys(span),
        },
    }
}

fn interval(span: Span, keys_count: u64) -> Keys {
    let (first, last) = (span.min(), span.max());
    if first == 0 && last + 1 >= keys_count {
        Keys::From(Blob::default())
    } else if first == last {
        Keys::One(key(first))
    } else {
        Keys::Span(key(first), key(last + 1))
    }
}

/// Asks for a change; the header of the answer.
pub(super) async fn call(
    mut auth: AuthClient<Channel>,
    change: AuthChange,
    manner: Manner,
) -> Result<Option<ResponseHeader>, Status> {
    Ok(match change {
        AuthChange::Enable => {
            let enable = manner.within(AuthEnableRequest {});
            auth.auth_enable(enable).await?.into_inner().header
        }
        AuthChange::Disable => {
            let disable = manner.within(AuthDisableRequest {});
            auth.auth_disable(disable).await?.into_inner().header
        }
        AuthChange::RoleAdd { role } => {
            let add = manner.within(AuthRoleAddRequest { name: role });
            auth.role_add(add).await?.into_inner().header
        }
        AuthChange::RoleDelete { role } => {
            let delete = manner.within(AuthRoleDeleteRequest { role });
            auth.role_delete(delete).await?.into_inner().header
        }
        AuthChange::RoleGrant { role, access, keys } => {
            let grant = AuthRoleGrantPermissionRequest {
                name: role,
                perm: Some(permission(access, &keys)),
            };
            let grant = manner.within(grant);
            auth.role_grant_permission(grant).await?.into_inner().header
        }
        AuthChange::RoleRevoke { role, keys } => {
            let (key, range_end) = key_range(&keys);
            let revoke = manner.within(AuthRoleRevokePermissionRequest {
                role,
                key,
                range_end,
            });
            let response = auth.role_revoke_permission(revoke).await?;
            response.into_inner().header
        }
        of_user => change_user(auth, of_user, manner).await?,
    })
}

async fn change_user(
    mut auth: AuthClient<Channel>,
    change: AuthChange,
    manner: Manner,
) -> Result<Option<ResponseHeader>, Status> {
    let text = |password: Option<u64>| password.map_or_else(String::new, users::password);
    Ok(match change {
        AuthChange::UserAdd { user, password } => {
            let add = manner.within(AuthUserAddRequest {
                name: user,
                password: text(password),
                options: Some(UserAddOptions { no_password: false }),
                ..Default::default()
            });
            auth.user_add(add).await?.into_inner().header
        }
        AuthChange::UserDelete { user } => {
            let delete = manner.within(AuthUserDeleteRequest { name: user });
            auth.user_delete(delete).await?.into_inner().header
        }
        AuthChange::UserPassword { user, password } => {
            let change = manner.within(AuthUserChangePasswordRequest {
                name: user,
                password: text(password),
                ..Default::default()
            });
            auth.user_change_password(change).await?.into_inner().header
        }
        AuthChange::UserGrant { user, role } => {
            let grant = manner.within(AuthUserGrantRoleRequest { user, role });
            auth.user_grant_role(grant).await?.into_inner().header
        }
        AuthChange::UserRevoke { user, role } => {
            let revoke = manner.within(AuthUserRevokeRoleRequest { name: user, role });
            auth.user_revoke_role(revoke).await?.into_inner().header
        }
        _ => unreachable!("roles are changed elsewhere"),
    })
}

fn permission(access: Access, keys: &Keys) -> Permission {
    let kind = match access {
        Access::Read => Type::Read,
        Access::Write => Type::Write,
        Access::ReadWrite => Type::Readwrite,
    };
    let (key, range_end) = key_range(keys);
    Permission {
        perm_type: kind.into(),
        key,
        range_end,
    }
}
