//! Users, roles, permissions.

use quorate_core::auth::{AuthRequest, Credential, Permission, PermissionKind};

use super::{dice::Dice, values::range};
use crate::scenario::{Request, Step};

/// Those who may be added and log in. Their passwords are their names.
pub(super) const USERS: &[&str] = &["root", "u1", "u2", "u3"];

const ROLES: &[&str] = &["r1", "r2", "r3"];

/// A name that nobody has, or no name, now and then.
fn name(dice: &mut Dice, from: &[&str]) -> String {
    match dice.below(40) {
        0 => String::new(),
        1 => "stranger".to_owned(),
        _ => dice.pick(from).to_owned(),
    }
}

fn role(dice: &mut Dice) -> String {
    if dice.percent(8) {
        return "root".to_owned();
    }
    name(dice, ROLES)
}

pub(super) fn login(user: &str) -> Step {
    Step::Call(Request::Authenticate {
        name: user.to_owned(),
        password: user.to_owned(),
    })
}

/// All that it takes to turn authentication on, with some users who may do something.
pub(super) fn turn_on(dice: &mut Dice) -> Vec<Step> {
    let change = |request| Step::Call(Request::Auth(request));
    let mut steps = vec![Step::As(None)];
    for user in USERS {
        steps.push(change(add(user)));
    }
    for role in ROLES {
        let name = (*role).to_owned();
        steps.push(change(AuthRequest::RoleAdd { name }));
        for _ in 0..2 {
            steps.push(change(grant_permission(dice, (*role).to_owned())));
        }
    }
    let grant = |user: &str, role: &str| AuthRequest::UserGrantRole {
        user: user.to_owned(),
        role: role.to_owned(),
    };
    steps.push(change(grant("root", "root")));
    for user in &USERS[1..] {
        let role = dice.pick(ROLES);
        steps.push(change(grant(user, role)));
    }
    steps.push(change(AuthRequest::Enable));
    steps.extend(USERS.iter().map(|user| login(user)));
    steps
}

fn add(user: &str) -> AuthRequest {
    AuthRequest::UserAdd {
        name: user.to_owned(),
        credential: Credential::PasswordHash(user.to_owned()),
    }
}

pub(super) fn change(dice: &mut Dice) -> Request {
    let user = name(dice, USERS);
    Request::Auth(match dice.below(100) {
        0..8 => add(&user),
        8..10 => AuthRequest::UserAdd {
            name: user,
            credential: Credential::NoPassword,
        },
        10..14 => AuthRequest::UserDelete { name: user },
        14..17 => AuthRequest::UserChangePassword {
            password_hash: user.clone(),
            name: user,
        },
        17..32 => AuthRequest::UserGrantRole {
            user,
            role: role(dice),
        },
        32..44 => AuthRequest::UserRevokeRole {
            user,
            role: role(dice),
        },
        44..52 => AuthRequest::RoleAdd { name: role(dice) },
        52..56 => AuthRequest::RoleDelete { name: role(dice) },
        56..80 => {
            let role = role(dice);
            grant_permission(dice, role)
        }
        80..95 => AuthRequest::RoleRevokePermission {
            role: role(dice),
            range: range(dice),
        },
        95..98 => AuthRequest::Enable,
        _ => AuthRequest::Disable,
    })
}

fn grant_permission(dice: &mut Dice, role: String) -> AuthRequest {
    use PermissionKind::{Read, ReadWrite, Write};
    let permission = Permission {
        kind: dice.pick(&[Read, Write, ReadWrite]),
        range: range(dice),
    };
    AuthRequest::RoleGrantPermission { role, permission }
}

pub(super) fn read(dice: &mut Dice) -> Request {
    match dice.below(10) {
        0..2 => Request::AuthStatus,
        2..5 => Request::UserGet {
            name: name(dice, USERS),
        },
        5 => Request::UserList,
        6..9 => Request::RoleGet { name: role(dice) },
        _ => Request::RoleList,
    }
}
