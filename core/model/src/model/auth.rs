//! Users, roles and permissions, and their changes (contract api.md §8).

use std::collections::{BTreeMap, BTreeSet};

use quorate_core::{
    auth::{AuthError, AuthRequest, Credential, Permission, PermissionKind, UserInfo},
    kv::KeyRange,
};

use super::Model;

/// The user and the role that have power over the others.
const ROOT: &str = "root";

#[derive(Clone, Debug)]
pub(super) struct Auth {
    pub(super) enabled: bool,
    pub(super) revision: u64,
    pub(super) users: BTreeMap<String, User>,
    pub(super) roles: BTreeMap<String, Vec<Permission>>,
}

#[derive(Clone, Debug)]
pub(super) struct User {
    pub(super) credential: Credential,
    /// The names of its roles; `root` need not exist as a role.
    pub(super) roles: BTreeSet<String>,
}

impl User {
    pub(super) fn is_root(&self) -> bool {
        self.roles.contains(ROOT)
    }
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            enabled: false,
            revision: 1,
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
        }
    }
}

impl Auth {
    /// Makes a change, and counts it if it was one.
    pub(super) fn execute(&mut self, request: &AuthRequest) -> Result<(), AuthError> {
        let counts = match request {
            AuthRequest::Enable => self.enable()?,
            AuthRequest::Disable => std::mem::take(&mut self.enabled),
            AuthRequest::UserAdd { name, credential } => self.user_add(name, credential)?,
            AuthRequest::UserDelete { name } => self.user_delete(name)?,
            AuthRequest::UserChangePassword {
                name,
                password_hash,
            } => self.user_change_password(name, password_hash)?,
            AuthRequest::UserGrantRole { user, role } => self.user_grant_role(user, role)?,
            AuthRequest::UserRevokeRole { user, role } => self.user_revoke_role(user, role)?,
            AuthRequest::RoleAdd { name } => self.role_add(name)?,
            AuthRequest::RoleDelete { name } => self.role_delete(name)?,
            AuthRequest::RoleGrantPermission { role, permission } => {
                self.role_grant(role, permission)?
            }
            AuthRequest::RoleRevokePermission { role, range } => self.role_revoke(role, range)?,
        };
        self.revision += u64::from(counts);
        Ok(())
    }

    /// Whether the user's password, right at a revision, still counts.
    pub(super) fn authenticate(&self, user: &str, revision: u64) -> Result<(), AuthError> {
        match self.users.contains_key(user) {
            _ if !self.enabled => Err(AuthError::AuthNotEnabled),
            _ if self.revision != revision => Err(AuthError::AuthOldRevision),
            false => Err(AuthError::AuthFailed),
            true => Ok(()),
        }
    }

    fn enable(&mut self) -> Result<bool, AuthError> {
        if !self.enabled {
            let root = self.users.get(ROOT).ok_or(AuthError::RootUserNotFound)?;
            if !root.is_root() {
                return Err(AuthError::RootRoleNotGranted);
            }
            self.enabled = true;
        }
        Ok(false)
    }

    fn user(&mut self, name: &str) -> Result<&mut User, AuthError> {
        self.users.get_mut(name).ok_or(AuthError::UserNotFound)
    }

    fn role(&mut self, name: &str) -> Result<&mut Vec<Permission>, AuthError> {
        self.roles.get_mut(name).ok_or(AuthError::RoleNotFound)
    }

    fn user_add(&mut self, name: &str, credential: &Credential) -> Result<bool, AuthError> {
        if self.users.contains_key(name) {
            return Err(AuthError::UserExists);
        }
        let user = User {
            credential: credential.clone(),
            roles: BTreeSet::new(),
        };
        self.users.insert(name.to_owned(), user);
        Ok(true)
    }

    fn user_delete(&mut self, name: &str) -> Result<bool, AuthError> {
        if self.enabled && name == ROOT {
            return Err(AuthError::InvalidAuthManagement);
        }
        self.user(name)?;
        self.users.remove(name);
        Ok(true)
    }

    fn user_change_password(&mut self, name: &str, hash: &str) -> Result<bool, AuthError> {
        let user = self.user(name)?;
        if let Credential::PasswordHash(stored) = &mut user.credential {
            hash.clone_into(stored);
        }
        Ok(true)
    }

    fn user_grant_role(&mut self, user: &str, role: &str) -> Result<bool, AuthError> {
        self.user(user)?;
        if role != ROOT {
            self.role(role)?;
        }
        Ok(self.user(user)?.roles.insert(role.to_owned()))
    }

    fn user_revoke_role(&mut self, user: &str, role: &str) -> Result<bool, AuthError> {
        if self.enabled && user == ROOT && role == ROOT {
            return Err(AuthError::InvalidAuthManagement);
        }
        match self.user(user)?.roles.remove(role) {
            true => Ok(true),
            false => Err(AuthError::RoleNotGranted),
        }
    }

    fn role_add(&mut self, name: &str) -> Result<bool, AuthError> {
        if self.roles.contains_key(name) {
            return Err(AuthError::RoleExists);
        }
        self.roles.insert(name.to_owned(), Vec::new());
        Ok(true)
    }

    fn role_delete(&mut self, name: &str) -> Result<bool, AuthError> {
        if self.enabled && name == ROOT {
            return Err(AuthError::InvalidAuthManagement);
        }
        self.role(name)?;
        self.roles.remove(name);
        for user in self.users.values_mut() {
            user.roles.remove(name);
        }
        Ok(true)
    }

    fn role_grant(&mut self, role: &str, permission: &Permission) -> Result<bool, AuthError> {
        let permissions = self.role(role)?;
        permissions.retain(|other| other.range != permission.range);
        permissions.push(permission.clone());
        permissions.sort_by_key(|permission| on_the_wire(&permission.range));
        Ok(true)
    }

    fn role_revoke(&mut self, role: &str, range: &KeyRange) -> Result<bool, AuthError> {
        let permissions = self.role(role)?;
        let before = permissions.len();
        permissions.retain(|other| other.range != *range);
        match permissions.len() < before {
            true => Ok(true),
            false => Err(AuthError::PermissionNotGranted),
        }
    }
}

/// `key` and `range_end` as clients write them.
fn on_the_wire(range: &KeyRange) -> (Vec<u8>, Vec<u8>) {
    match range {
        KeyRange::Key(key) => (key.to_vec(), Vec::new()),
        KeyRange::Range { start, end } => (start.to_vec(), end.to_vec()),
        KeyRange::From(start) => (start.to_vec(), vec![0]),
    }
}

/// What can be read of it.
impl Model {
    /// Whether requests are checked.
    pub fn auth_enabled(&self) -> bool {
        self.auth.enabled
    }

    /// The number of changes, and one.
    pub fn auth_revision(&self) -> u64 {
        self.auth.revision
    }

    /// The names of all users, ascending.
    pub fn users(&self) -> impl Iterator<Item = &str> {
        self.auth.users.keys().map(String::as_str)
    }

    /// What can be told of a user.
    ///
    /// # Errors
    ///
    /// [`AuthError::UserNotFound`].
    pub fn user(&self, name: &str) -> Result<UserInfo, AuthError> {
        let user = self.auth.users.get(name).ok_or(AuthError::UserNotFound)?;
        Ok(UserInfo {
            name: name.to_owned(),
            roles: user.roles.iter().cloned().collect(),
            no_password: user.credential == Credential::NoPassword,
        })
    }

    /// The names of all roles, ascending.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.auth.roles.keys().map(String::as_str)
    }

    /// The permissions of a role, by key; the role `root` is shown with all of them.
    ///
    /// # Errors
    ///
    /// [`AuthError::RoleNotFound`].
    pub fn role(&self, name: &str) -> Result<Vec<Permission>, AuthError> {
        let permissions = self.auth.roles.get(name);
        let permissions = permissions.ok_or(AuthError::RoleNotFound)?;
        if name == ROOT {
            let kind = PermissionKind::ReadWrite;
            let range = KeyRange::From("".into());
            return Ok(vec![Permission { kind, range }]);
        }
        Ok(permissions.clone())
    }

    /// The hash that a password is to be held against.
    ///
    /// # Errors
    ///
    /// [`AuthError::AuthNotEnabled`], [`AuthError::AuthFailed`] for an unknown user,
    /// [`AuthError::NoPasswordUser`].
    pub fn password_hash(&self, name: &str) -> Result<&str, AuthError> {
        if !self.auth.enabled {
            return Err(AuthError::AuthNotEnabled);
        }
        let user = self.auth.users.get(name);
        match user.map(|user| &user.credential) {
            None => Err(AuthError::AuthFailed),
            Some(Credential::NoPassword) => Err(AuthError::NoPasswordUser),
            Some(Credential::PasswordHash(hash)) => Ok(hash),
        }
    }
}
