//! Who may do what (contract api.md §8, authorization): first what a request touches, then
//! whether its author may touch that.

use std::collections::BTreeSet;

use bytes::Bytes;
use quorate_core::{
    Command,
    auth::{AuthError, Author, Permission, PermissionKind},
    kv::{KeyRange, LeaseId},
    request::{Op, PutRequest, RangeRequest, TxnRequest},
};

use super::{Model, auth::User};

/// Some keys that a request reads or writes.
type Touch = (PermissionKind, KeyRange);

impl Model {
    /// Whether the author may do what the command does.
    pub(super) fn authorize(&self, author: &Author, command: &Command) -> Result<(), AuthError> {
        if !self.auth.enabled || *author == Author::Member {
            return Ok(());
        }
        match command {
            Command::Put(request) => self.authorize_touches(author, self.put_touches(request)),
            Command::DeleteRange(request) => {
                let mut touches = vec![write(&request.range)];
                if request.prev_kv {
                    touches.push(read(&request.range));
                }
                self.authorize_touches(author, touches)
            }
            Command::Txn(request) => self.authorize_txn(author, request),
            Command::Compact { .. } | Command::Alarm { .. } | Command::Auth(_) => {
                self.authorize_admin(author)
            }
            Command::LeaseGrant { .. } => self.authorize_anyone(author),
            Command::LeaseRevoke { id } => {
                self.authorize_lease_keys(author, *id, PermissionKind::Write)
            }
            Command::LeaseRenew { .. }
            | Command::LeaseExpire { .. }
            | Command::Authenticate { .. }
            | Command::MemberAttributes(_)
            | Command::ClusterVersion { .. } => Err(AuthError::PermissionDenied),
        }
    }

    /// Whether the author may read these keys.
    ///
    /// # Errors
    ///
    /// [`AuthError::UserEmpty`], [`AuthError::AuthOldRevision`], [`AuthError::PermissionDenied`].
    pub fn authorize_range(
        &self,
        author: &Author,
        request: &RangeRequest,
    ) -> Result<(), AuthError> {
        self.authorize_touches(author, vec![read(&request.range)])
    }

    /// Whether the author may watch these keys.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_range`].
    pub fn authorize_watch(&self, author: &Author, range: &KeyRange) -> Result<(), AuthError> {
        self.authorize_touches(author, vec![read(&watched(range))])
    }

    /// Whether the author may run a transaction: all of it, whichever branch is taken.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_range`].
    pub fn authorize_txn(&self, author: &Author, request: &TxnRequest) -> Result<(), AuthError> {
        self.authorize_touches(author, self.txn_touches(request))
    }

    /// Whether the author has a token at all.
    ///
    /// # Errors
    ///
    /// [`AuthError::UserEmpty`].
    pub fn authorize_anyone(&self, author: &Author) -> Result<(), AuthError> {
        match author {
            Author::Anonymous if self.auth.enabled => Err(AuthError::UserEmpty),
            _ => Ok(()),
        }
    }

    /// Whether the author has a token, and may read, or write, all keys of a lease.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_range`].
    pub fn authorize_lease_keys(
        &self,
        author: &Author,
        id: LeaseId,
        kind: PermissionKind,
    ) -> Result<(), AuthError> {
        self.authorize_anyone(author)?;
        let keys = self.lease_keys(id).into_iter();
        let touches = keys.map(|key| (kind, KeyRange::Key(key))).collect();
        self.authorize_touches(author, touches)
    }

    /// Whether the author has a token, and may read all keys of all leases.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_range`].
    pub fn authorize_all_leases(&self, author: &Author) -> Result<(), AuthError> {
        self.authorize_anyone(author)?;
        let keys = self.leases.keys().flat_map(|id| self.lease_keys(*id));
        let touches = keys.map(|key| read(&KeyRange::Key(key))).collect();
        self.authorize_touches(author, touches)
    }

    /// Whether the author may do what only root may. How old its token is does not matter.
    ///
    /// # Errors
    ///
    /// [`AuthError::UserEmpty`], [`AuthError::UserNotFound`], [`AuthError::PermissionDenied`].
    pub fn authorize_admin(&self, author: &Author) -> Result<(), AuthError> {
        let name = match author {
            _ if !self.auth.enabled => return Ok(()),
            Author::Member => return Ok(()),
            Author::Anonymous => "",
            Author::User { name, .. } => name,
        };
        if name.is_empty() {
            return Err(AuthError::UserEmpty);
        }
        let user = self.auth.users.get(name).ok_or(AuthError::UserNotFound)?;
        match user.is_root() {
            true => Ok(()),
            false => Err(AuthError::PermissionDenied),
        }
    }

    /// Whether the author may see what a user has: its own, or with root's power any.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_admin`].
    pub fn authorize_user(&self, author: &Author, user: &str) -> Result<(), AuthError> {
        match author {
            Author::User { name, .. } if name == user => Ok(()),
            Author::Anonymous if user.is_empty() => Ok(()),
            _ => self.authorize_admin(author),
        }
    }

    /// Whether the author may see what a role allows: one it has, or with root's power any.
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_admin`].
    pub fn authorize_role(&self, author: &Author, role: &str) -> Result<(), AuthError> {
        let has_it = |name| Some(self.auth.users.get(name)?.roles.contains(role));
        match author {
            Author::User { name, .. } if has_it(name) == Some(true) => Ok(()),
            _ => self.authorize_admin(author),
        }
    }

    fn put_touches(&self, request: &PutRequest) -> Vec<Touch> {
        let key = KeyRange::Key(request.key.clone());
        let mut touches = vec![write(&key)];
        for attached in request.lease.into_iter().flat_map(|id| self.lease_keys(id)) {
            touches.push(write(&KeyRange::Key(attached)));
        }
        if request.prev_kv {
            touches.push(read(&key));
        }
        touches
    }

    fn txn_touches(&self, request: &TxnRequest) -> Vec<Touch> {
        let compares = request.compares.iter();
        let mut touches: Vec<Touch> = compares.map(|compare| read(&compare.range)).collect();
        for op in request.success.iter().chain(&request.failure) {
            match op {
                Op::Range(request) => touches.push(read(&request.range)),
                Op::Put(request) => touches.extend(self.put_touches(request)),
                Op::DeleteRange(request) => {
                    if request.prev_kv {
                        touches.push(read(&request.range));
                    }
                    touches.push(write(&request.range));
                }
                Op::Txn(nested) => touches.extend(self.txn_touches(nested)),
            }
        }
        touches
    }

    fn lease_keys(&self, id: LeaseId) -> Vec<Bytes> {
        self.lease(id).map_or(Vec::new(), |lease| lease.keys)
    }

    fn authorize_touches(&self, author: &Author, touches: Vec<Touch>) -> Result<(), AuthError> {
        let mut touches = touches.iter();
        touches.try_for_each(|(kind, range)| self.authorize_touch(author, *kind, range))
    }

    fn authorize_touch(
        &self,
        author: &Author,
        kind: PermissionKind,
        range: &KeyRange,
    ) -> Result<(), AuthError> {
        let (name, auth_revision) = match author {
            _ if !self.auth.enabled => return Ok(()),
            Author::Member => return Ok(()),
            Author::Anonymous => return Err(AuthError::UserEmpty),
            Author::User {
                name,
                auth_revision,
            } => (name, *auth_revision),
        };
        if auth_revision < self.auth.revision {
            return Err(AuthError::AuthOldRevision);
        }
        let user = self.auth.users.get(name);
        let user = user.ok_or(AuthError::PermissionDenied)?;
        match user.is_root() || is_covered(range, &self.granted(user, kind)) {
            true => Ok(()),
            false => Err(AuthError::PermissionDenied),
        }
    }

    /// The keys that any of a user's roles permits to be read, or written.
    fn granted(&self, user: &User, kind: PermissionKind) -> Vec<KeyRange> {
        let roles = user
            .roles
            .iter()
            .filter_map(|role| self.auth.roles.get(role));
        let grants = |permission: &&Permission| {
            permission.kind == kind || permission.kind == PermissionKind::ReadWrite
        };
        let permissions = roles.flatten().filter(grants);
        permissions
            .map(|permission| permission.range.clone())
            .collect()
    }
}

/// What a watch that names no first key watches: from the first there can be (contract api.md §6).
pub(crate) fn watched(range: &KeyRange) -> KeyRange {
    let mut range = range.clone();
    let (KeyRange::Key(start) | KeyRange::From(start) | KeyRange::Range { start, .. }) = &mut range;
    if start.is_empty() {
        *start = Bytes::from_static(b"\0");
    }
    range
}

fn read(range: &KeyRange) -> Touch {
    (PermissionKind::Read, range.clone())
}

fn write(range: &KeyRange) -> Touch {
    (PermissionKind::Write, range.clone())
}

/// Whether every key of a range is in one of the others. Between two neighbours among all keys at
/// which any range begins or ends, one key is as good as another: it is enough to ask for those
/// keys. A range without keys counts as its first.
fn is_covered(range: &KeyRange, by: &[KeyRange]) -> bool {
    let mut keys = BTreeSet::new();
    for range in by.iter().chain([range]) {
        let (start, end) = ends(range);
        keys.insert(start.clone());
        keys.extend(end);
    }
    let (start, end) = ends(range);
    keys.retain(|key| *key == start || (start < *key && end.as_ref().is_none_or(|end| key < end)));
    let mut keys = keys.iter();
    keys.all(|key| by.iter().any(|other| super::keys::is_inside(key, other)))
}

/// The first key, and the first behind; `None` is behind all keys.
fn ends(range: &KeyRange) -> (Bytes, Option<Bytes>) {
    match range {
        KeyRange::Key(key) => (key.clone(), Some([key.as_ref(), b"\0"].concat().into())),
        KeyRange::Range { start, end } => (start.clone(), Some(end.clone())),
        KeyRange::From(start) => (start.clone(), None),
    }
}
