//! The check between a request and a command: a [`Valid`] value proves that it was made.
//!
//! What is checked here depends on the request alone; what depends on state (does the lease exist,
//! is the revision readable) is checked when it is applied.

mod overlap;

use std::ops::Deref;

use crate::{
    auth::{AuthError, AuthRequest},
    error::Error,
    kv::KeyRange,
    limits::TXN_DEPTH_MAX,
    request::{DeleteRangeRequest, Op, PutRequest, RangeRequest, TxnRequest},
};

/// A request that has passed its check. Only this module builds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valid<T>(T);

impl<T> Valid<T> {
    /// The request, to be changed and checked anew.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for Valid<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl Valid<RangeRequest> {
    /// Checks a read (contract api.md §5.2).
    ///
    /// # Errors
    ///
    /// [`Error::KeyNotProvided`].
    pub fn check(request: RangeRequest) -> Result<Self, Error> {
        check_range(&request)?;
        Ok(Self(request))
    }
}

impl Valid<PutRequest> {
    /// Checks a put (contract api.md §5.4).
    ///
    /// # Errors
    ///
    /// In this order: [`Error::KeyNotProvided`], [`Error::ValueProvided`] and
    /// [`Error::LeaseProvided`] next to what ignores them.
    pub fn check(request: PutRequest) -> Result<Self, Error> {
        check_put(&request)?;
        Ok(Self(request))
    }
}

impl Valid<DeleteRangeRequest> {
    /// Checks a delete (contract api.md §5.5).
    ///
    /// # Errors
    ///
    /// [`Error::KeyNotProvided`].
    pub fn check(request: DeleteRangeRequest) -> Result<Self, Error> {
        check_key(&request.range)?;
        Ok(Self(request))
    }
}

impl Valid<TxnRequest> {
    /// Checks a whole transaction, both branches and everything nested (contract api.md §5.6).
    ///
    /// `max_ops` bounds the compares and each branch of the outermost level; what the greatest of
    /// these three takes is not there for the levels below. Nesting is bounded by
    /// [`TXN_DEPTH_MAX`] besides.
    ///
    /// # Errors
    ///
    /// In this order for each level: [`Error::TooManyOps`], [`Error::KeyNotProvided`] of a
    /// compare, and what the operations give. At the end [`Error::DuplicateKey`] if one run could
    /// write a key twice.
    pub fn check(request: TxnRequest, max_ops: usize) -> Result<Self, Error> {
        check_txn(&request, max_ops, TXN_DEPTH_MAX)?;
        overlap::check(&request)?;
        Ok(Self(request))
    }
}

impl Valid<AuthRequest> {
    /// Checks a change of the auth state (contract api.md §8).
    ///
    /// # Errors
    ///
    /// [`AuthError::UserEmpty`] and [`AuthError::RoleEmpty`] for what is to be added without a name,
    /// [`AuthError::InvalidAuthManagement`] for a permission that names no keys.
    pub fn check(request: AuthRequest) -> Result<Self, Error> {
        match &request {
            AuthRequest::UserAdd { name, .. } if name.is_empty() => {
                Err(AuthError::UserEmpty.into())
            }
            AuthRequest::RoleAdd { name } if name.is_empty() => Err(AuthError::RoleEmpty.into()),
            AuthRequest::RoleGrantPermission { permission, .. } if !permission.names_keys() => {
                Err(AuthError::InvalidAuthManagement.into())
            }
            _ => Ok(Self(request)),
        }
    }
}

impl TxnRequest {
    /// Whether this needs no log entry: both branches consist of ranges only. A nested transaction
    /// makes it a write, whatever is in it (corner case 63).
    pub fn is_read_only(&self) -> bool {
        self.success
            .iter()
            .chain(&self.failure)
            .all(|op| matches!(op, Op::Range(_)))
    }
}

fn check_key(range: &KeyRange) -> Result<(), Error> {
    if range.start().is_empty() {
        Err(Error::KeyNotProvided)
    } else {
        Ok(())
    }
}

fn check_range(request: &RangeRequest) -> Result<(), Error> {
    check_key(&request.range)
}

fn check_put(request: &PutRequest) -> Result<(), Error> {
    if request.key.is_empty() {
        return Err(Error::KeyNotProvided);
    }
    if request.ignore_value && !request.value.is_empty() {
        return Err(Error::ValueProvided);
    }
    if request.ignore_lease && request.lease.is_some() {
        return Err(Error::LeaseProvided);
    }
    Ok(())
}

/// `depth_left` counts this level.
fn check_txn(request: &TxnRequest, max_ops: usize, depth_left: usize) -> Result<(), Error> {
    let TxnRequest {
        compares,
        success,
        failure,
    } = request;
    let widest = compares.len().max(success.len()).max(failure.len());
    let ops_left = max_ops.checked_sub(widest).ok_or(Error::TooManyOps)?;
    let depth_left = depth_left.checked_sub(1).ok_or(Error::TooManyOps)?;
    for compare in compares {
        check_key(&compare.range)?;
    }
    for op in success.iter().chain(failure) {
        match op {
            Op::Range(request) => check_range(request)?,
            Op::Put(request) => check_put(request)?,
            Op::DeleteRange(request) => check_key(&request.range)?,
            Op::Txn(nested) => check_txn(nested, ops_left, depth_left)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
