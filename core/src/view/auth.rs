//! Users and roles to read, and who may read what.
//!
//! While authentication is off, everybody may do everything.

use std::ops::Bound;

use bytes::Bytes;

use super::View;
use crate::{
    auth::{AuthError, Author, Permission, PermissionKind, UserInfo, needs::KeysNeeded},
    command::Command,
    kv::{KeyRange, LeaseId},
    request::{RangeRequest, TxnRequest},
};

impl View {
    /// Whether requests are checked.
    pub fn auth_enabled(&self) -> bool {
        self.auth.enabled()
    }

    /// Counts the changes of users, roles and permissions; 1 before the first.
    pub fn auth_revision(&self) -> u64 {
        self.auth.revision()
    }

    /// The names of all users, ascending.
    pub fn users(&self) -> impl Iterator<Item = &str> + '_ {
        self.auth.users(Bound::Unbounded).map(|(name, _)| name)
    }

    /// What can be told of a user.
    ///
    /// # Errors
    ///
    /// [`AuthError::UserNotFound`].
    pub fn user(&self, name: &str) -> Result<UserInfo, AuthError> {
        self.auth.user(name)
    }

    /// The names of all roles, ascending. A role `root` that was granted but never added is not
    /// among them (corner case 122).
    pub fn roles(&self) -> impl Iterator<Item = &str> + '_ {
        self.auth.roles(Bound::Unbounded).map(|(name, _)| name)
    }

    /// A role's permissions, by the start of their ranges and then by the wire's `range_end`. The
    /// role `root` has one for everything, whatever it was granted.
    ///
    /// # Errors
    ///
    /// [`AuthError::RoleNotFound`].
    pub fn role(&self, name: &str) -> Result<Vec<Permission>, AuthError> {
        self.auth.role(name)
    }

    /// The hash that a user's password must have, to authenticate it.
    ///
    /// # Errors
    ///
    /// In this order: [`AuthError::AuthNotEnabled`], [`AuthError::AuthFailed`] if there is no such
    /// user, [`AuthError::NoPasswordUser`] (corner case 129).
    pub fn password_hash(&self, name: &str) -> Result<&str, AuthError> {
        self.auth.password_hash(name)
    }

    /// Whether an author may do what a command says: what is asked again when it is applied.
    ///
    /// # Errors
    ///
    /// The reason why not. About keys, here as for the reads below, in this order:
    /// [`AuthError::UserEmpty`] without a token, [`AuthError::AuthOldRevision`] with a token from
    /// before the last change, [`AuthError::PermissionDenied`].
    pub fn authorize(&self, author: &Author, command: &Command) -> Result<(), AuthError> {
        self.auth.authorize(author, command, &self.leases)
    }

    /// Whether an author may read what a range names.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize`].
    pub fn authorize_range(
        &self,
        author: &Author,
        request: &RangeRequest,
    ) -> Result<(), AuthError> {
        let rights = self.auth.rights(author);
        rights.check(PermissionKind::Read, &request.range)
    }

    /// Whether an author may do all that a transaction names, in both branches. Everybody may do
    /// an empty one (corner case 37).
    ///
    /// # Errors
    ///
    /// As [`Self::authorize`].
    pub fn authorize_txn(&self, author: &Author, request: &TxnRequest) -> Result<(), AuthError> {
        self.keys_needed(author).txn(request)
    }

    /// Whether an author may watch a range; an empty first key stands for `"\0"`, as in
    /// [`CreateRequest`](crate::watch::CreateRequest). Asked once, when the watcher is created.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize`].
    pub fn authorize_watch(&self, author: &Author, range: &KeyRange) -> Result<(), AuthError> {
        let rights = self.auth.rights(author);
        if range.start().is_empty() {
            let end = Bytes::copy_from_slice(range.wire_end());
            let range = KeyRange::from_wire(Bytes::from_static(b"\0"), end);
            return rights.check(PermissionKind::Read, &range);
        }
        rights.check(PermissionKind::Read, range)
    }

    /// Whether an author may access all keys attached to a lease: to read them for its time to
    /// live with keys, to write them for a keep-alive or a revoke. A lease without keys, or one
    /// that is not there, asks for a token only.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize`].
    pub fn authorize_lease_keys(
        &self,
        author: &Author,
        id: LeaseId,
        kind: PermissionKind,
    ) -> Result<(), AuthError> {
        self.auth.authorize_anyone(author)?;
        self.keys_needed(author).lease(kind, id)
    }

    /// Whether an author may list all leases: it must be allowed to read all of their keys.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize`].
    pub fn authorize_all_leases(&self, author: &Author) -> Result<(), AuthError> {
        self.auth.authorize_anyone(author)?;
        let rights = self.auth.rights(author);
        let mut leases = self.leases.from(Bound::Unbounded);
        leases.try_for_each(|(_, lease)| rights.check_all(PermissionKind::Read, &lease.keys))
    }

    /// Whether an author may do what everybody may who has a token: list the members or the
    /// alarms, ask for a member's status or a lease's time to live.
    ///
    /// # Errors
    ///
    /// [`AuthError::UserEmpty`].
    pub fn authorize_anyone(&self, author: &Author) -> Result<(), AuthError> {
        self.auth.authorize_anyone(author)
    }

    /// Whether an author may do what only users with the role `root` may. The revision of its
    /// token does not count (corner case 136).
    ///
    /// # Errors
    ///
    /// [`AuthError::UserEmpty`] without a token, [`AuthError::UserNotFound`] if the user is gone,
    /// [`AuthError::PermissionDenied`].
    pub fn authorize_admin(&self, author: &Author) -> Result<(), AuthError> {
        self.auth.authorize_admin(author)
    }

    /// Whether an author may see what a user has: as [`Self::authorize_admin`], and the user
    /// itself (corner case 143).
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_admin`].
    pub fn authorize_user(&self, author: &Author, user: &str) -> Result<(), AuthError> {
        self.auth.authorize_user(author, user)
    }

    /// Whether an author may see what a role allows: as [`Self::authorize_admin`], and users that
    /// have the role (corner case 143).
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_admin`].
    pub fn authorize_role(&self, author: &Author, role: &str) -> Result<(), AuthError> {
        self.auth.authorize_role(author, role)
    }

    fn keys_needed(&self, author: &Author) -> KeysNeeded<'_> {
        KeysNeeded {
            rights: self.auth.rights(author),
            leases: &self.leases,
        }
    }
}
