//! Changes of users and roles (contract api.md §8).

use std::sync::Arc;

use super::{
    AuthError, AuthRequest, Credential, Permission,
    role::Role,
    table::{AuthTable, ROOT, User},
};
use crate::kv::KeyRange;

impl AuthTable {
    /// Makes a change. All but enabling, and what finds nothing to change, raise the revision.
    ///
    /// # Errors
    ///
    /// An [`AuthError`]; then nothing has changed.
    pub(crate) fn apply(&mut self, request: AuthRequest) -> Result<(), AuthError> {
        if self.enabled && locks_out(&request) {
            return Err(AuthError::InvalidAuthManagement);
        }
        let mut raises = true;
        match request {
            AuthRequest::Enable => {
                self.enable()?;
                raises = false;
            }
            AuthRequest::Disable => raises = std::mem::take(&mut self.enabled),
            AuthRequest::UserAdd { name, credential } => self.add_user(name, credential)?,
            AuthRequest::UserDelete { name } => {
                self.users.remove(&name).ok_or(AuthError::UserNotFound)?;
            }
            AuthRequest::UserChangePassword {
                name,
                password_hash,
            } => self.change_password(&name, password_hash)?,
            AuthRequest::UserGrantRole { user, role } => raises = self.grant_role(&user, role)?,
            AuthRequest::UserRevokeRole { user, role } => self.revoke_role(&user, &role)?,
            AuthRequest::RoleAdd { name } => self.add_role(name)?,
            AuthRequest::RoleDelete { name } => self.delete_role(&name)?,
            AuthRequest::RoleGrantPermission { role, permission } => {
                self.grant_permission(&role, permission)?;
            }
            AuthRequest::RoleRevokePermission { role, range } => {
                self.revoke_permission(&role, &range)?;
            }
        }
        self.revision += u64::from(raises);
        Ok(())
    }

    fn enable(&mut self) -> Result<(), AuthError> {
        // Idempotent, and the conditions hold for as long as it is on.
        let root = self.users.get(ROOT).ok_or(AuthError::RootUserNotFound)?;
        if !root.is_root() {
            return Err(AuthError::RootRoleNotGranted);
        }
        self.enabled = true;
        Ok(())
    }

    fn add_user(&mut self, name: String, credential: Credential) -> Result<(), AuthError> {
        if self.users.contains_key(&name) {
            return Err(AuthError::UserExists);
        }
        let user = User {
            credential,
            roles: Vec::new(),
        };
        self.users.insert(name, Arc::new(user));
        Ok(())
    }

    fn change_password(&mut self, name: &str, password_hash: String) -> Result<(), AuthError> {
        let user = self.user_mut(name)?;
        match &mut user.credential {
            Credential::PasswordHash(hash) => *hash = password_hash,
            // A success all the same, and it raises the revision.
            Credential::NoPassword => {}
        }
        Ok(())
    }

    /// `false` if the user had the role (corner case 123).
    fn grant_role(&mut self, user: &str, role: String) -> Result<bool, AuthError> {
        let position = self
            .users
            .get(user)
            .ok_or(AuthError::UserNotFound)?
            .find_role(&role);
        if role != ROOT && !self.roles.contains_key(&role) {
            return Err(AuthError::RoleNotFound);
        }
        let Err(position) = position else {
            return Ok(false);
        };
        self.user_mut(user)?.roles.insert(position, role);
        Ok(true)
    }

    fn revoke_role(&mut self, user: &str, role: &str) -> Result<(), AuthError> {
        let user = self.user_mut(user)?;
        let position = user.find_role(role);
        let position = position.map_err(|_| AuthError::RoleNotGranted)?;
        user.roles.remove(position);
        Ok(())
    }

    fn add_role(&mut self, name: String) -> Result<(), AuthError> {
        if self.roles.contains_key(&name) {
            return Err(AuthError::RoleExists);
        }
        self.roles.insert(name, Arc::new(Role::default()));
        Ok(())
    }

    fn delete_role(&mut self, name: &str) -> Result<(), AuthError> {
        self.roles.remove(name).ok_or(AuthError::RoleNotFound)?;
        let having = self.users.iter().filter(|(_, user)| user.has_role(name));
        let having: Vec<String> = having.map(|(user, _)| user.clone()).collect();
        for user in having {
            self.revoke_role(&user, name)?;
        }
        Ok(())
    }

    fn grant_permission(&mut self, role: &str, permission: Permission) -> Result<(), AuthError> {
        self.role_mut(role)?.grant(Permission {
            kind: permission.kind,
            range: permission.range.detached(),
        });
        Ok(())
    }

    fn revoke_permission(&mut self, role: &str, range: &KeyRange) -> Result<(), AuthError> {
        if self.role_mut(role)?.revoke(range) {
            Ok(())
        } else {
            Err(AuthError::PermissionNotGranted)
        }
    }

    fn user_mut(&mut self, name: &str) -> Result<&mut User, AuthError> {
        let user = self.users.get_mut(name).ok_or(AuthError::UserNotFound)?;
        Ok(Arc::make_mut(user))
    }

    fn role_mut(&mut self, name: &str) -> Result<&mut Role, AuthError> {
        let role = self.roles.get_mut(name).ok_or(AuthError::RoleNotFound)?;
        Ok(Arc::make_mut(role))
    }
}

/// Whether a change would leave nobody who can undo it (corner case 141).
fn locks_out(request: &AuthRequest) -> bool {
    match request {
        AuthRequest::UserDelete { name } | AuthRequest::RoleDelete { name } => name == ROOT,
        AuthRequest::UserRevokeRole { user, role } => user == ROOT && role == ROOT,
        _ => false,
    }
}
