//! What a request must be to be let in (contract api.md §5.2, §5.4 to §5.6, §8), whatever the state.

use bytes::Bytes;
use quorate_core::{
    Error,
    auth::{AuthError, AuthRequest},
    kv::KeyRange,
    request::{DeleteRangeRequest, Op, PutRequest, RangeRequest, TxnRequest},
};

use super::keys::is_inside;

/// Quorate's own bound on the levels of a transaction.
const DEPTH_MAX: usize = 48;

/// Checks a read.
///
/// # Errors
///
/// [`Error::KeyNotProvided`].
pub fn range(request: &RangeRequest) -> Result<(), Error> {
    names_keys(&request.range)
}

/// Checks a delete.
///
/// # Errors
///
/// [`Error::KeyNotProvided`].
pub fn delete_range(request: &DeleteRangeRequest) -> Result<(), Error> {
    names_keys(&request.range)
}

/// Checks a put.
///
/// # Errors
///
/// [`Error::KeyNotProvided`], [`Error::ValueProvided`], [`Error::LeaseProvided`], in this order.
pub fn put(request: &PutRequest) -> Result<(), Error> {
    match request {
        PutRequest { key, .. } if key.is_empty() => Err(Error::KeyNotProvided),
        PutRequest {
            ignore_value: true,
            value,
            ..
        } if !value.is_empty() => Err(Error::ValueProvided),
        PutRequest {
            ignore_lease: true,
            lease: Some(_),
            ..
        } => Err(Error::LeaseProvided),
        _ => Ok(()),
    }
}

/// Checks a transaction of at most `max_ops` compares and operations.
///
/// # Errors
///
/// [`Error::TooManyOps`], [`Error::KeyNotProvided`], those of [`put`], and at the end
/// [`Error::DuplicateKey`].
pub fn txn(request: &TxnRequest, max_ops: usize) -> Result<(), Error> {
    level(request, max_ops as i128, 1)?;
    writes(&request.success)?;
    writes(&request.failure)?;
    Ok(())
}

/// Checks a change of users, roles or permissions.
///
/// # Errors
///
/// [`AuthError::UserEmpty`], [`AuthError::RoleEmpty`], [`AuthError::InvalidAuthManagement`].
pub fn auth(request: &AuthRequest) -> Result<(), Error> {
    match request {
        AuthRequest::UserAdd { name, .. } if name.is_empty() => Err(AuthError::UserEmpty)?,
        AuthRequest::RoleAdd { name } if name.is_empty() => Err(AuthError::RoleEmpty)?,
        AuthRequest::RoleGrantPermission { permission, .. } => match &permission.range {
            KeyRange::Key(key) | KeyRange::From(key) if !key.is_empty() => Ok(()),
            KeyRange::Range { start, end } if !start.is_empty() && start < end => Ok(()),
            _ => Err(AuthError::InvalidAuthManagement)?,
        },
        _ => Ok(()),
    }
}

fn names_keys(range: &KeyRange) -> Result<(), Error> {
    let (KeyRange::Key(start) | KeyRange::From(start) | KeyRange::Range { start, .. }) = range;
    match start.is_empty() {
        true => Err(Error::KeyNotProvided),
        false => Ok(()),
    }
}

/// Checks one level and what is below, without regard to what writes the same keys.
fn level(request: &TxnRequest, max_ops: i128, depth: usize) -> Result<(), Error> {
    let lists = [
        request.compares.len(),
        request.success.len(),
        request.failure.len(),
    ];
    let left = max_ops - lists.into_iter().max().unwrap_or(0) as i128;
    if left < 0 || depth > DEPTH_MAX {
        return Err(Error::TooManyOps);
    }
    for compare in &request.compares {
        names_keys(&compare.range)?;
    }
    for op in request.success.iter().chain(&request.failure) {
        match op {
            Op::Range(request) => range(request)?,
            Op::Put(request) => put(request)?,
            Op::DeleteRange(request) => delete_range(request)?,
            Op::Txn(nested) => level(nested, left, depth + 1)?,
        }
    }
    Ok(())
}

/// What a list of operations may write.
#[derive(Default)]
struct Writes {
    puts: Vec<Bytes>,
    deletes: Vec<KeyRange>,
}

/// Collects it: first the deletes, then what is nested, then the puts.
fn writes(ops: &[Op]) -> Result<Writes, Error> {
    let mut all = Writes::default();
    for op in ops {
        if let Op::DeleteRange(request) = op {
            all.deletes.push(request.range.clone());
        }
    }
    for op in ops {
        if let Op::Txn(nested) = op {
            let (success, failure) = (writes(&nested.success)?, writes(&nested.failure)?);
            // Only one of the branches runs, so they may put the same key.
            for key in success.puts.iter().chain(&failure.puts) {
                all.is_free(key)?;
            }
            for branch in [success, failure] {
                all.puts.extend(branch.puts);
                all.deletes.extend(branch.deletes);
            }
        }
    }
    for op in ops {
        if let Op::Put(request) = op {
            all.is_free(&request.key)?;
            all.puts.push(request.key.clone());
        }
    }
    Ok(all)
}

impl Writes {
    fn is_free(&self, key: &Bytes) -> Result<(), Error> {
        let is_deleted = |range: &KeyRange| match range {
            // Corner case 40: the end that means "no end" is taken for a key.
            KeyRange::From(start) => start <= key && key.as_ref() < b"\0".as_slice(),
            range => is_inside(key, range),
        };
        match self.puts.contains(key) || self.deletes.iter().any(is_deleted) {
            true => Err(Error::DuplicateKey),
            false => Ok(()),
        }
    }
}
