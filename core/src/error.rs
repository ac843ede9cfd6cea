//! Why a request is refused: one reason each. The server maps them to etcd's codes and texts.

use crate::auth::AuthError;

/// A refusal. A refused command changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Error {
    /// An empty key.
    #[error("key is not provided")]
    KeyNotProvided,
    /// `ignore_value` or `ignore_lease` on a key that does not exist, or an empty operation.
    #[error("key not found")]
    KeyNotFound,
    /// `ignore_value` with a value.
    #[error("value is provided")]
    ValueProvided,
    /// `ignore_lease` with a lease.
    #[error("lease is provided")]
    LeaseProvided,
    /// More operations or compares than the limit allows at this depth.
    #[error("too many operations in txn request")]
    TooManyOps,
    /// A branch would write the same key twice.
    #[error("duplicate key given in txn request")]
    DuplicateKey,
    /// A revision below the compacted one; for a compaction also the compacted one itself.
    #[error("required revision has been compacted")]
    Compacted,
    /// A revision above the store's.
    #[error("required revision is a future revision")]
    FutureRevision,
    /// No lease has this id.
    #[error("requested lease not found")]
    LeaseNotFound,
    /// A lease has this id already.
    #[error("lease already exists")]
    LeaseExists,
    /// A time to live above [`crate::limits::LEASE_TTL_MAX_S`].
    #[error("too large lease TTL")]
    LeaseTtlTooLarge,
    /// The NOSPACE alarm is raised.
    #[error("database space exceeded")]
    NoSpace,
    /// The CORRUPT alarm is raised.
    #[error("corrupt cluster")]
    Corrupt,
    /// What has to do with users, roles and permissions.
    #[error(transparent)]
    Auth(#[from] AuthError),
}
