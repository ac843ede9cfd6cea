//! Who may do what.

use std::{ops::Bound, sync::Arc};

use bytes::Bytes;
use imbl::OrdSet;

use super::{
    AuthError, Author, PermissionKind,
    intervals::End,
    role::Role,
    table::{AuthTable, User},
};
use crate::{
    kv::KeyRange,
    planted::{Bug, is_planted},
};

/// What one author may do with keys.
pub(crate) enum Rights<'a> {
    /// Authentication is off, or the author is the cluster itself or has the role `root`.
    Everything,
    /// It may not touch any key, for this reason.
    Nothing(AuthError),
    /// What its roles allow, taken together.
    Granted(Vec<&'a Role>),
}

impl Rights<'_> {
    /// The one decision about keys: whether `key` may be accessed, and up to where everything
    /// after it may be too. The end is always after `key`.
    fn reach(&self, kind: PermissionKind, key: &[u8]) -> Result<End<&[u8]>, AuthError> {
        let roles = match self {
            Self::Everything => return Ok(End::Open),
            Self::Nothing(reason) => return Err(*reason),
            Self::Granted(roles) => roles,
        };
        let furthest = match kind {
            PermissionKind::Read => roles.iter().filter_map(|role| role.readable(key)).max(),
            PermissionKind::Write => roles.iter().filter_map(|role| role.writable(key)).max(),
            PermissionKind::ReadWrite => {
                let read = self.reach(PermissionKind::Read, key)?;
                Some(read.min(self.reach(PermissionKind::Write, key)?))
            }
        };
        furthest.ok_or(AuthError::PermissionDenied)
    }

    /// Whether every key of a range may be accessed. An interval without keys counts as its
    /// start, as in etcd.
    ///
    /// # Errors
    ///
    /// The reason why not.
    pub(crate) fn check(&self, kind: PermissionKind, range: &KeyRange) -> Result<(), AuthError> {
        let mut reached = self.reach(kind, range.start())?;
        let end = match range {
            KeyRange::Key(_) => return Ok(()),
            KeyRange::Range { end, .. } => End::Before(&end[..]),
            KeyRange::From(_) => End::Open,
        };
        while reached < end
            && !is_planted(Bug::RangeAuthorizedAtItsStart)
            && let End::Before(key) = reached
        {
            reached = self.reach(kind, key)?;
        }
        Ok(())
    }

    /// Whether all of the keys may be accessed. Looks at no more of them than there are intervals
    /// of keys that may.
    ///
    /// # Errors
    ///
    /// The reason why not. None if there are no keys.
    pub(crate) fn check_all(
        &self,
        kind: PermissionKind,
        keys: &OrdSet<Bytes>,
    ) -> Result<(), AuthError> {
        let mut next = keys.get_min();
        while let Some(key) = next {
            let End::Before(end) = self.reach(kind, key)? else {
                return Ok(());
            };
            let rest = (Bound::Included(end), Bound::Unbounded);
            next = keys.range::<_, [u8]>(rest).next();
        }
        Ok(())
    }
}

impl AuthTable {
    /// What an author may do with keys.
    pub(crate) fn rights(&self, author: &Author) -> Rights<'_> {
        if !self.enabled {
            return Rights::Everything;
        }
        let (name, auth_revision) = match author {
            Author::Member => return Rights::Everything,
            Author::Anonymous => return Rights::Nothing(AuthError::UserEmpty),
            Author::User {
                name,
                auth_revision,
            } => (name, *auth_revision),
        };
        if auth_revision < self.revision && !is_planted(Bug::OldTokenAccepted) {
            return Rights::Nothing(AuthError::AuthOldRevision);
        }
        match self.users.get(name) {
            None => Rights::Nothing(AuthError::PermissionDenied),
            Some(user) if user.is_root() => Rights::Everything,
            Some(user) => Rights::Granted(self.roles_of(user)),
        }
    }

    fn roles_of(&self, user: &User) -> Vec<&Role> {
        let roles = user.roles.iter().filter_map(|role| self.roles.get(role));
        roles.map(Arc::as_ref).collect()
    }

    /// Whether an author may do what is the administrators' (and the cluster's own) business. The
    /// revision of its token does not count (corner case 136).
    ///
    /// # Errors
    ///
    /// [`AuthError::UserEmpty`], [`AuthError::UserNotFound`], [`AuthError::PermissionDenied`].
    pub(crate) fn authorize_admin(&self, author: &Author) -> Result<(), AuthError> {
        match author {
            _ if !self.enabled => Ok(()),
            Author::Member => Ok(()),
            Author::Anonymous => Err(AuthError::UserEmpty),
            Author::User { name, .. } if name.is_empty() => Err(AuthError::UserEmpty),
            Author::User { name, .. } => match self.users.get(name) {
                None => Err(AuthError::UserNotFound),
                Some(user) if user.is_root() => Ok(()),
                Some(_) => Err(AuthError::PermissionDenied),
            },
        }
    }

    /// Whether an author may do what is nobody's but the cluster's own business.
    ///
    /// # Errors
    ///
    /// [`AuthError::PermissionDenied`].
    pub(crate) fn authorize_member(&self, author: &Author) -> Result<(), AuthError> {
        match author {
            Author::Anonymous | Author::User { .. } if self.enabled => {
                Err(AuthError::PermissionDenied)
            }
            _ => Ok(()),
        }
    }

    /// Whether an author may do what everybody may who comes with a token or a certificate.
    ///
    /// # Errors
    ///
    /// [`AuthError::UserEmpty`].
    pub(crate) fn authorize_anyone(&self, author: &Author) -> Result<(), AuthError> {
        match author {
            Author::Anonymous if self.enabled => Err(AuthError::UserEmpty),
            _ => Ok(()),
        }
    }

    /// Whether an author may see what a user has: administrators, and the user itself (corner
    /// case 143).
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_admin`].
    pub(crate) fn authorize_user(&self, author: &Author, user: &str) -> Result<(), AuthError> {
        match author {
            Author::User { name, .. } if name == user => Ok(()),
            // Who has no name is a user without one, that nobody can add.
            Author::Anonymous if user.is_empty() => Ok(()),
            _ => self.authorize_admin(author),
        }
    }

    /// Whether an author may see what a role allows: administrators, and users that have it
    /// (corner case 143).
    ///
    /// # Errors
    ///
    /// As [`Self::authorize_admin`].
    pub(crate) fn authorize_role(&self, author: &Author, role: &str) -> Result<(), AuthError> {
        match author {
            Author::User { name, .. }
                if self.users.get(name).is_some_and(|user| user.has_role(role)) =>
            {
                Ok(())
            }
            _ => self.authorize_admin(author),
        }
    }
}
