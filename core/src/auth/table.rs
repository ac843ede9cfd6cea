//! The replicated users and roles.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use imbl::OrdMap;

use super::{AuthError, Credential, Permission, PermissionKind, role::Role};
use crate::kv::KeyRange;

/// The name of the user that must exist for authentication to be enabled, and of the role that may
/// do everything.
pub(super) const ROOT: &str = "root";

/// The auth revision before the first change.
pub(crate) const FIRST_REVISION: u64 = 1;

/// All users and roles. Cloning is O(1).
#[derive(Clone, Debug)]
pub(crate) struct AuthTable {
    pub(super) enabled: bool,
    pub(super) revision: u64,
    pub(super) users: OrdMap<String, Arc<User>>,
    pub(super) roles: OrdMap<String, Arc<Role>>,
}

/// One user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// How it proves who it is.
    pub(crate) credential: Credential,
    /// The names of its roles, ascending. Each is there, but for `root`.
    pub(crate) roles: Vec<String>,
}

/// What can be told of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserInfo {
    /// The user's name.
    pub name: String,
    /// The names of its roles, ascending.
    pub roles: Vec<String>,
    /// Whether it has no password, and proves who it is by a certificate instead.
    pub no_password: bool,
}

impl AuthTable {
    /// The state before the first change: nobody, and not enabled.
    pub(crate) fn new() -> Self {
        Self::restore(false, FIRST_REVISION)
    }

    /// Nobody yet, to be filled by [`Self::restore_user`] and [`Self::restore_role`].
    pub(crate) fn restore(enabled: bool, revision: u64) -> Self {
        Self {
            enabled,
            revision,
            users: OrdMap::new(),
            roles: OrdMap::new(),
        }
    }

    /// Adds a user out of a checkpoint. `false` if its name is not behind all others.
    #[must_use]
    pub(crate) fn restore_user(&mut self, name: String, user: User) -> bool {
        let ascends = self.users.get_max().is_none_or(|(last, _)| *last < name);
        self.users.insert(name, Arc::new(user));
        ascends
    }

    /// Adds a role out of a checkpoint, likewise.
    #[must_use]
    pub(crate) fn restore_role(&mut self, name: String, role: Role) -> bool {
        let ascends = self.roles.get_max().is_none_or(|(last, _)| *last < name);
        self.roles.insert(name, Arc::new(role));
        ascends
    }

    /// Whether requests are checked.
    pub(crate) fn enabled(&self) -> bool {
        self.enabled
    }

    /// Counts the changes, from [`FIRST_REVISION`].
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The users from a name on, ascending.
    pub(crate) fn users(&self, from: Bound<&str>) -> impl Iterator<Item = (&str, &User)> {
        self.users
            .range::<_, str>((from, Bound::Unbounded))
            .map(|(name, user)| (name.as_str(), &**user))
    }

    /// The roles from a name on, ascending.
    pub(crate) fn roles(&self, from: Bound<&str>) -> impl Iterator<Item = (&str, &Role)> {
        self.roles
            .range::<_, str>((from, Bound::Unbounded))
            .map(|(name, role)| (name.as_str(), &**role))
    }

    /// What can be told of a user.
    ///
    /// # Errors
    ///
    /// [`AuthError::UserNotFound`].
    pub(crate) fn user(&self, name: &str) -> Result<UserInfo, AuthError> {
        let user = self.users.get(name).ok_or(AuthError::UserNotFound)?;
        Ok(UserInfo {
            name: name.to_owned(),
            roles: user.roles.clone(),
            no_password: user.credential == Credential::NoPassword,
        })
    }

    /// A role's permissions, in order. The role `root`, if it is there, has them all, whatever it
    /// was granted.
    ///
    /// # Errors
    ///
    /// [`AuthError::RoleNotFound`], also for a role `root` that was granted but never added
    /// (corner case 122).
    pub(crate) fn role(&self, name: &str) -> Result<Vec<Permission>, AuthError> {
        let role = self.roles.get(name).ok_or(AuthError::RoleNotFound)?;
        if name == ROOT {
            return Ok(vec![Permission {
                kind: PermissionKind::ReadWrite,
                range: KeyRange::From(Bytes::new()),
            }]);
        }
        Ok(role.permissions().to_vec())
    }

    /// The hash that a user's password must have.
    ///
    /// # Errors
    ///
    /// [`AuthError::AuthNotEnabled`], [`AuthError::AuthFailed`] if there is no such user,
    /// [`AuthError::NoPasswordUser`].
    pub(crate) fn password_hash(&self, name: &str) -> Result<&str, AuthError> {
        if !self.enabled {
            return Err(AuthError::AuthNotEnabled);
        }
        let user = self.users.get(name).ok_or(AuthError::AuthFailed)?;
        match &user.credential {
            Credential::PasswordHash(hash) => Ok(hash),
            Credential::NoPassword => Err(AuthError::NoPasswordUser),
        }
    }

    /// Whether a password that was right at an auth revision still is.
    ///
    /// # Errors
    ///
    /// [`AuthError::AuthNotEnabled`], [`AuthError::AuthOldRevision`] if anything has changed since,
    /// [`AuthError::AuthFailed`] if there is no such user.
    pub(crate) fn check_login(&self, user: &str, auth_revision: u64) -> Result<(), AuthError> {
        if !self.enabled {
            return Err(AuthError::AuthNotEnabled);
        }
        if auth_revision != self.revision {
            return Err(AuthError::AuthOldRevision);
        }
        match self.users.get(user) {
            Some(_) => Ok(()),
            None => Err(AuthError::AuthFailed),
        }
    }

    /// Everything agrees with everything else. Looks at all of it.
    ///
    /// # Errors
    ///
    /// What does not; a checkpoint that gives one is not accepted.
    pub(crate) fn invariants(&self) -> Result<(), &'static str> {
        self.invariant_names()?;
        self.invariant_roles()?;
        self.invariant_root()?;
        self.invariant_revision()
    }

    /// Everybody and everything has a name.
    fn invariant_names(&self) -> Result<(), &'static str> {
        if self.users.contains_key("") || self.roles.contains_key("") {
            return Err("a user or a role has no name");
        }
        Ok(())
    }

    /// Users have roles that are there, but for `root`, and none twice.
    fn invariant_roles(&self) -> Result<(), &'static str> {
        for user in self.users.values() {
            if !user.roles.is_sorted_by(|a, b| a < b) {
                return Err("a user's roles do not ascend");
            }
            let exists = |role: &String| role == ROOT || self.roles.contains_key(role);
            if !user.roles.iter().all(exists) {
                return Err("a user has a role that does not exist");
            }
        }
        self.roles
            .values()
            .try_for_each(|role| role.invariant_permissions())
    }

    /// While authentication is on, somebody can turn it off.
    fn invariant_root(&self) -> Result<(), &'static str> {
        let root = self.users.get(ROOT);
        if self.enabled && !root.is_some_and(|root| root.is_root()) {
            return Err("authentication is on without a root user");
        }
        Ok(())
    }

    /// Each user, role, granted role and permission came with a raise of the revision.
    fn invariant_revision(&self) -> Result<(), &'static str> {
        let granted = self.users.values().map(|user| user.roles.len());
        let permitted = self.roles.values().map(|role| role.permissions().len());
        let changes =
            self.users.len() + self.roles.len() + granted.sum::<usize>() + permitted.sum::<usize>();
        if self.revision - FIRST_REVISION < changes as u64 {
            return Err("the auth revision is behind its changes");
        }
        Ok(())
    }
}

impl User {
    /// Whether it may do everything.
    pub(super) fn is_root(&self) -> bool {
        self.has_role(ROOT)
    }

    /// Whether it has this role.
    pub(super) fn has_role(&self, role: &str) -> bool {
        self.find_role(role).is_ok()
    }

    /// Where the role is among those of the user, or where it would be.
    pub(super) fn find_role(&self, role: &str) -> Result<usize, usize> {
        self.roles
            .binary_search_by(|other| other.as_str().cmp(role))
    }
}
