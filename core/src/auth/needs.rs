//! What each command needs: which keys it may read and write, or who must ask for it.

use super::{AuthError, Author, PermissionKind, authorize::Rights, table::AuthTable};
use crate::{
    command::Command,
    kv::{KeyRange, LeaseId},
    lease::table::LeaseTable,
    planted::{Bug, is_planted},
    request::{DeleteRangeRequest, Op, PutRequest, TxnRequest},
};

impl AuthTable {
    /// Whether an author may do what a command says.
    ///
    /// # Errors
    ///
    /// The reason why not.
    pub(crate) fn authorize(
        &self,
        author: &Author,
        command: &Command,
        leases: &LeaseTable,
    ) -> Result<(), AuthError> {
        if !self.enabled {
            return Ok(());
        }
        let keys = || KeysNeeded {
            rights: self.rights(author),
            leases,
        };
        match command {
            Command::Put(request) => keys().put(request),
            Command::DeleteRange(request) => keys().delete_range(request),
            Command::Txn(request) => keys().txn(request),
            Command::LeaseRevoke { id } => {
                self.authorize_anyone(author)?;
                keys().lease(PermissionKind::Write, *id)
            }
            Command::LeaseGrant { .. } => self.authorize_anyone(author),
            Command::Compact { .. } | Command::Alarm { .. } | Command::Auth(_) => {
                self.authorize_admin(author)
            }
            Command::LeaseRenew { .. }
            | Command::LeaseExpire { .. }
            | Command::Authenticate { .. }
            | Command::MemberAttributes(_)
            | Command::ClusterVersion { .. } => self.authorize_member(author),
        }
    }
}

/// The keys that requests need, held against what their author may do. Nothing is asked for a
/// request that touches no key: whoever may do nothing may do that (corner case 37).
pub(crate) struct KeysNeeded<'a> {
    pub(crate) rights: Rights<'a>,
    pub(crate) leases: &'a LeaseTable,
}

impl KeysNeeded<'_> {
    /// A put also extends, or cuts short, the life of all other keys of its lease.
    fn put(&self, request: &PutRequest) -> Result<(), AuthError> {
        let range = KeyRange::Key(request.key.clone());
        self.rights.check(PermissionKind::Write, &range)?;
        if let Some(id) = request.lease {
            self.lease(PermissionKind::Write, id)?;
        }
        self.prev_kv(request.prev_kv, &range)
    }

    fn delete_range(&self, request: &DeleteRangeRequest) -> Result<(), AuthError> {
        self.prev_kv(request.prev_kv, &request.range)?;
        self.rights.check(PermissionKind::Write, &request.range)
    }

    /// What is there before a write is something to read.
    fn prev_kv(&self, asked_for: bool, range: &KeyRange) -> Result<(), AuthError> {
        if asked_for {
            self.rights.check(PermissionKind::Read, range)?;
        }
        Ok(())
    }

    /// All compares and both branches, the one that will not be taken included (corner case 133).
    pub(crate) fn txn(&self, request: &TxnRequest) -> Result<(), AuthError> {
        for compare in &request.compares {
            if is_planted(Bug::ComparesNotAuthorized) {
                break;
            }
            self.rights.check(PermissionKind::Read, &compare.range)?;
        }
        let ops = request.success.iter().chain(&request.failure);
        ops.into_iter().try_for_each(|op| match op {
            Op::Range(request) => self.rights.check(PermissionKind::Read, &request.range),
            Op::Put(request) => self.put(request),
            Op::DeleteRange(request) => self.delete_range(request),
            Op::Txn(nested) => self.txn(nested),
        })
    }

    /// All keys that are attached to a lease; none if it is not there.
    pub(crate) fn lease(&self, kind: PermissionKind, id: LeaseId) -> Result<(), AuthError> {
        match self.leases.get(id) {
            Some(lease) => self.rights.check_all(kind, &lease.keys),
            None => Ok(()),
        }
    }
}
