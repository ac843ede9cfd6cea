//! Users, roles and tokens in a history.

use serde::{Deserialize, Serialize};

use super::Keys;

/// A change of users, roles or permissions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthChange {
    /// Every request is checked from now on.
    Enable,
    /// Nothing is checked from now on.
    Disable,
    /// A user comes.
    UserAdd {
        /// Its name.
        user: String,
        /// The number of its password. In the log, where only its hash is, `None`.
        password: Option<u64>,
    },
    /// A user goes.
    UserDelete {
        /// Its name.
        user: String,
    },
    /// A user gets another password.
    UserPassword {
        /// Its name.
        user: String,
        /// As above.
        password: Option<u64>,
    },
    /// A user gets a role.
    UserGrant {
        /// Its name.
        user: String,
        /// The role.
        role: String,
    },
    /// A user loses a role.
    UserRevoke {
        /// Its name.
        user: String,
        /// The role.
        role: String,
    },
    /// A role comes.
    RoleAdd {
        /// Its name.
        role: String,
    },
    /// A role goes, also from all users that have it.
    RoleDelete {
        /// Its name.
        role: String,
    },
    /// A role gets a permission; one for exactly the same keys is replaced.
    RoleGrant {
        /// Its name.
        role: String,
        /// What it may do.
        access: Access,
        /// With which keys.
        keys: Keys,
    },
    /// A role loses a permission.
    RoleRevoke {
        /// Its name.
        role: String,
        /// Exactly the permission's keys.
        keys: Keys,
    },
}

/// What a permission allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Reads and watches.
    Read,
    /// Puts and deletes.
    Write,
    /// Both.
    ReadWrite,
}

impl AuthChange {
    /// The change as the log tells it: without the number of a password.
    pub fn without_password(&self) -> Self {
        match self.clone() {
            Self::UserAdd { user, .. } => Self::UserAdd {
                user,
                password: None,
            },
            Self::UserPassword { user, .. } => Self::UserPassword {
                user,
                password: None,
            },
            other => other,
        }
    }

    /// The user that has, or gets, another password or none by this.
    pub fn password_of(&self) -> Option<&str> {
        match self {
            Self::UserAdd { user, .. }
            | Self::UserDelete { user }
            | Self::UserPassword { user, .. } => Some(user),
            _ => None,
        }
    }
}
