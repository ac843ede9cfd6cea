//! What can be asked of the auth state, and who asks.

use crate::kv::KeyRange;

/// On whose behalf a command is proposed. It travels with the command, and is looked at again when
/// the command is applied: what it may do can have changed meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Author {
    /// The cluster itself: expiries, renewals, what members say of themselves. May do everything.
    Member,
    /// A client without a token. May do everything while authentication is off, and next to
    /// nothing while it is on.
    Anonymous,
    /// A client with a token, or with a certificate.
    User {
        /// The user's name; empty for a certificate without one (corner case 145).
        name: String,
        /// The auth revision of the token.
        auth_revision: u64,
    },
}

/// A change of the auth state. Each one that changes something raises the auth revision by one,
/// but for [`Self::Enable`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuthRequest {
    /// Check every request from now on. Needs a user `root` with the role `root`.
    Enable,
    /// Check nothing from now on.
    Disable,
    /// Add a user without roles.
    UserAdd {
        /// The user's name.
        name: String,
        /// How the user proves who it is.
        credential: Credential,
    },
    /// Remove a user.
    UserDelete {
        /// The user's name.
        name: String,
    },
    /// Give a user another password. A user without a password stays so.
    UserChangePassword {
        /// The user's name.
        name: String,
        /// The hash of the new password.
        password_hash: String,
    },
    /// Give a user a role. The role `root` need not exist for that (corner case 122).
    UserGrantRole {
        /// The user's name.
        user: String,
        /// The role's name.
        role: String,
    },
    /// Take a role from a user.
    UserRevokeRole {
        /// The user's name.
        user: String,
        /// The role's name.
        role: String,
    },
    /// Add a role without permissions.
    RoleAdd {
        /// The role's name.
        name: String,
    },
    /// Remove a role, also from all users that have it.
    RoleDelete {
        /// The role's name.
        name: String,
    },
    /// Give a role a permission; one for exactly the same keys is replaced.
    RoleGrantPermission {
        /// The role's name.
        role: String,
        /// The permission.
        permission: Permission,
    },
    /// Take a permission from a role.
    RoleRevokePermission {
        /// The role's name.
        role: String,
        /// Exactly the permission's keys.
        range: KeyRange,
    },
}

/// How a user proves who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// By a password, hashed before it was proposed. The core does not look into it.
    PasswordHash(String),
    /// Not by a password at all: by a certificate's common name.
    NoPassword,
}

/// What a role may do with some keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// What may be done.
    pub kind: PermissionKind,
    /// With which keys. Neither empty nor without a first key.
    pub range: KeyRange,
}

impl Permission {
    /// Whether this can be granted: its range has a first key, and is not empty (corner case 142).
    pub(crate) fn names_keys(&self) -> bool {
        !self.range.start().is_empty() && !self.range.is_empty()
    }
}

/// What a permission allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PermissionKind {
    /// Reads and watches.
    Read,
    /// Puts and deletes.
    Write,
    /// Both.
    ReadWrite,
}
