//! Refusals as a client sees them: etcd's code and text, from the contract's errors.md. Written
//! down here once more, so that a scenario does not take the server's own table at its word.

use std::fmt;

use quorate_core::{Error, auth::AuthError};

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The gRPC code.
    pub code: Code,
    /// The message.
    pub text: String,
}

/// The gRPC codes that scenarios can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// 2.
    Unknown,
    /// 3.
    InvalidArgument,
    /// 4.
    DeadlineExceeded,
    /// 5.
    NotFound,
    /// 7.
    PermissionDenied,
    /// 8.
    ResourceExhausted,
    /// 9.
    FailedPrecondition,
    /// 11.
    OutOfRange,
    /// 12.
    Unimplemented,
    /// 14.
    Unavailable,
    /// 15.
    DataLoss,
    /// 16.
    Unauthenticated,
}

use Code::{
    DataLoss, FailedPrecondition, InvalidArgument, NotFound, OutOfRange, PermissionDenied,
    ResourceExhausted, Unknown,
};

/// As Go's clients print it, and as it stands in a watch's `cancel_reason`.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rpc error: code = {:?} desc = {}", self.code, self.text)
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::KeyNotProvided => etcd(InvalidArgument, "key is not provided"),
            Error::KeyNotFound => etcd(InvalidArgument, "key not found"),
            Error::ValueProvided => etcd(InvalidArgument, "value is provided"),
            Error::LeaseProvided => etcd(InvalidArgument, "lease is provided"),
            Error::TooManyOps => etcd(InvalidArgument, "too many operations in txn request"),
            Error::DuplicateKey => etcd(InvalidArgument, "duplicate key given in txn request"),
            Error::Compacted => etcd(OutOfRange, "mvcc: required revision has been compacted"),
            Error::FutureRevision => {
                etcd(OutOfRange, "mvcc: required revision is a future revision")
            }
            Error::LeaseNotFound => etcd(NotFound, "requested lease not found"),
            Error::LeaseExists => etcd(FailedPrecondition, "lease already exists"),
            Error::LeaseTtlTooLarge => etcd(OutOfRange, "too large lease TTL"),
            Error::NoSpace => etcd(ResourceExhausted, "mvcc: database space exceeded"),
            Error::Corrupt => etcd(DataLoss, "corrupt cluster"),
            Error::Auth(error) => error.into(),
        }
    }
}

impl From<AuthError> for Failure {
    fn from(error: AuthError) -> Self {
        let precondition = |text| etcd(FailedPrecondition, text);
        let invalid = |text| etcd(InvalidArgument, text);
        match error {
            AuthError::RootUserNotFound => precondition("root user does not exist"),
            AuthError::RootRoleNotGranted => precondition("root user does not have root role"),
            AuthError::UserExists => precondition("user name already exists"),
            AuthError::UserEmpty => invalid("user name is empty"),
            AuthError::UserNotFound => precondition("user name not found"),
            AuthError::RoleExists => precondition("role name already exists"),
            AuthError::RoleNotFound => precondition("role name not found"),
            AuthError::RoleEmpty => invalid("role name is empty"),
            AuthError::RoleNotGranted => precondition("role is not granted to the user"),
            AuthError::PermissionNotGranted => {
                precondition("permission is not granted to the role")
            }
            AuthError::PermissionDenied => etcd(PermissionDenied, "permission denied"),
            AuthError::InvalidAuthManagement => invalid("invalid auth management"),
            AuthError::AuthOldRevision => invalid("revision of auth store is old"),
            AuthError::AuthNotEnabled => precondition("authentication is not enabled"),
            AuthError::AuthFailed => invalid("authentication failed, invalid user ID or password"),
            // A text of etcd's inner layers, which no table gives a code.
            AuthError::NoPasswordUser => Self {
                code: Unknown,
                text: "auth: authentication failed, password was given for no password user"
                    .to_owned(),
            },
        }
    }
}

fn etcd(code: Code, text: &str) -> Failure {
    Failure {
        code,
        text: format!("etcdserver: {text}"),
    }
}
