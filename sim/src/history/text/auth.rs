//! Users, roles and tokens: to text and back.

use std::fmt::{self, Display, Formatter};

use super::words::Words;
use crate::history::{Access, AuthChange};

impl Display for AuthChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let with = |f: &mut Formatter<'_>, password: &Option<u64>| match password {
            Some(number) => write!(f, " password={number}"),
            None => Ok(()),
        };
        match self {
            Self::Enable => f.write_str("enable"),
            Self::Disable => f.write_str("disable"),
            Self::UserAdd { user, password } => {
                write!(f, "user-add {user}")?;
                with(f, password)
            }
            Self::UserDelete { user } => write!(f, "user-delete {user}"),
            Self::UserPassword { user, password } => {
                write!(f, "user-passwd {user}")?;
                with(f, password)
            }
            Self::UserGrant { user, role } => write!(f, "user-grant {user} {role}"),
            Self::UserRevoke { user, role } => write!(f, "user-revoke {user} {role}"),
            Self::RoleAdd { role } => write!(f, "role-add {role}"),
            Self::RoleDelete { role } => write!(f, "role-delete {role}"),
            Self::RoleGrant { role, access, keys } => {
                let access = match access {
                    Access::Read => "read",
                    Access::Write => "write",
                    Access::ReadWrite => "readwrite",
                };
                write!(f, "role-grant {role} {access} {keys}")
            }
            Self::RoleRevoke { role, keys } => write!(f, "role-revoke {role} {keys}"),
        }
    }
}

pub(super) fn change(words: &mut Words<'_>) -> Result<AuthChange, String> {
    let kind = words.next("a change of users")?;
    let mut name = || words.next("a name").map(str::to_owned);
    Ok(match kind {
        "enable" => AuthChange::Enable,
        "disable" => AuthChange::Disable,
        "user-add" => AuthChange::UserAdd {
            user: name()?,
            password: words.optional("password=")?,
        },
        "user-delete" => AuthChange::UserDelete { user: name()? },
        "user-passwd" => AuthChange::UserPassword {
            user: name()?,
            password: words.optional("password=")?,
        },
        "user-grant" => AuthChange::UserGrant {
            user: name()?,
            role: name()?,
        },
        "user-revoke" => AuthChange::UserRevoke {
            user: name()?,
            role: name()?,
        },
        "role-add" => AuthChange::RoleAdd { role: name()? },
        "role-delete" => AuthChange::RoleDelete { role: name()? },
        "role-grant" => AuthChange::RoleGrant {
            role: name()?,
            access: match words.next("what is allowed")? {
                "read" => Access::Read,
                "write" => Access::Write,
                "readwrite" => Access::ReadWrite,
                other => return Err(format!("`{other}` is no kind of permission")),
            },
            keys: words.parse("keys")?,
        },
        "role-revoke" => AuthChange::RoleRevoke {
            role: name()?,
            keys: words.parse("keys")?,
        },
        other => return Err(format!("`{other}` is no change of users")),
    })
}
