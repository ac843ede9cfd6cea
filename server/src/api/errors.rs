//! The one table from what can go wrong to etcd's gRPC code and exact text. Clients match on both.

use quorate_core::{Error, auth::AuthError};
use tonic::{Code, Status};

use crate::{
    auth::{JwtError, PasswordError},
    node::NodeError,
};

/// Why a call fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ApiError {
    /// The node or the core refuses.
    Node(NodeError),
    /// A sort order or target that does not exist.
    InvalidSortOption,
    /// `client-api-version` metadata that is not UTF-8.
    InvalidClientApiVersion,
    /// A stream of a range in an order that is not that of the keys.
    RangeStreamSorted,
    /// A stream of a range that leaves out keys by their revisions.
    RangeStreamFiltered,
    /// URLs for a member that no member can have.
    BadMemberUrls,
    /// A token that is none, or no more.
    InvalidAuthToken,
    /// A permission to grant that says nothing.
    PermissionNotGiven,
    /// A password of more than 72 bytes.
    PasswordTooLong,
    /// A token is asked for, of a member that can only verify them.
    VerifyOnly,
    /// The system gives no random numbers, or a key cannot sign.
    TokenUnavailable,
}

impl From<NodeError> for ApiError {
    fn from(error: NodeError) -> Self {
        Self::Node(error)
    }
}

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self::Node(NodeError::Refused(error))
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        Error::from(error).into()
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::TooLong => Self::PasswordTooLong,
            PasswordError::Busy => NodeError::TooManyRequests.into(),
            PasswordError::NoEntropy => Self::TokenUnavailable,
        }
    }
}

impl From<JwtError> for ApiError {
    fn from(error: JwtError) -> Self {
        match error {
            JwtError::VerifyOnly => Self::VerifyOnly,
            JwtError::Signing => Self::TokenUnavailable,
        }
    }
}

impl From<ApiError> for Status {
    fn from(error: ApiError) -> Self {
        let (code, text) = code_and_text(&error);
        Self::new(code, text)
    }
}

/// The status for an error of the node.
pub(crate) fn status(error: NodeError) -> Status {
    ApiError::Node(error).into()
}

fn code_and_text(error: &ApiError) -> (Code, &'static str) {
    match error {
        ApiError::Node(NodeError::Refused(error)) => of_core(*error),
        ApiError::Node(error) => of_node(error),
        ApiError::InvalidSortOption => (Code::InvalidArgument, "etcdserver: invalid sort option"),
        ApiError::InvalidClientApiVersion => (
            Code::InvalidArgument,
            "etcdserver: invalid client api version",
        ),
        ApiError::RangeStreamSorted => (
            Code::Unimplemented,
            "RangeStream does not support custom sort orders",
        ),
        ApiError::RangeStreamFiltered => (
            Code::Unimplemented,
            "RangeStream does not support revision filters",
        ),
        ApiError::BadMemberUrls => (
            Code::InvalidArgument,
            "etcdserver: given member URLs are invalid",
        ),
        ApiError::InvalidAuthToken => (Code::Unauthenticated, "etcdserver: invalid auth token"),
        ApiError::PermissionNotGiven => (Code::InvalidArgument, "etcdserver: permission not given"),
        // Texts of etcd's inner layers, which no table gives a code.
        ApiError::PasswordTooLong => (Code::Unknown, "bcrypt: password length exceeds 72 bytes"),
        ApiError::VerifyOnly => (
            Code::Unknown,
            "auth: token signing attempted with verify-only key",
        ),
        ApiError::TokenUnavailable => (Code::Internal, "quorate: cannot make a token"),
    }
}

fn of_core(error: Error) -> (Code, &'static str) {
    match error {
        Error::KeyNotProvided => (Code::InvalidArgument, "etcdserver: key is not provided"),
        Error::KeyNotFound => (Code::InvalidArgument, "etcdserver: key not found"),
        Error::ValueProvided => (Code::InvalidArgument, "etcdserver: value is provided"),
        Error::LeaseProvided => (Code::InvalidArgument, "etcdserver: lease is provided"),
        Error::TooManyOps => (
            Code::InvalidArgument,
            "etcdserver: too many operations in txn request",
        ),
        Error::DuplicateKey => (
            Code::InvalidArgument,
            "etcdserver: duplicate key given in txn request",
        ),
        Error::Compacted => (
            Code::OutOfRange,
            "etcdserver: mvcc: required revision has been compacted",
        ),
        Error::FutureRevision => (
            Code::OutOfRange,
            "etcdserver: mvcc: required revision is a future revision",
        ),
        Error::LeaseNotFound => (Code::NotFound, "etcdserver: requested lease not found"),
        Error::LeaseExists => (Code::FailedPrecondition, "etcdserver: lease already exists"),
        Error::LeaseTtlTooLarge => (Code::OutOfRange, "etcdserver: too large lease TTL"),
        Error::NoSpace => (
            Code::ResourceExhausted,
            "etcdserver: mvcc: database space exceeded",
        ),
        Error::Corrupt => (Code::DataLoss, "etcdserver: corrupt cluster"),
        Error::Auth(error) => of_auth(error),
    }
}

fn of_auth(error: AuthError) -> (Code, &'static str) {
    let failed_precondition = |text| (Code::FailedPrecondition, text);
    let invalid = |text| (Code::InvalidArgument, text);
    match error {
        AuthError::RootUserNotFound => failed_precondition("etcdserver: root user does not exist"),
        AuthError::RootRoleNotGranted => {
            failed_precondition("etcdserver: root user does not have root role")
        }
        AuthError::UserExists => failed_precondition("etcdserver: user name already exists"),
        AuthError::UserEmpty => invalid("etcdserver: user name is empty"),
        AuthError::UserNotFound => failed_precondition("etcdserver: user name not found"),
        AuthError::RoleExists => failed_precondition("etcdserver: role name already exists"),
        AuthError::RoleNotFound => failed_precondition("etcdserver: role name not found"),
        AuthError::RoleEmpty => invalid("etcdserver: role name is empty"),
        AuthError::RoleNotGranted => {
            failed_precondition("etcdserver: role is not granted to the user")
        }
        AuthError::PermissionNotGranted => {
            failed_precondition("etcdserver: permission is not granted to the role")
        }
        AuthError::PermissionDenied => (Code::PermissionDenied, "etcdserver: permission denied"),
        AuthError::InvalidAuthManagement => invalid("etcdserver: invalid auth management"),
        AuthError::AuthOldRevision => invalid("etcdserver: revision of auth store is old"),
        AuthError::AuthNotEnabled => {
            failed_precondition("etcdserver: authentication is not enabled")
        }
        AuthError::AuthFailed => {
            invalid("etcdserver: authentication failed, invalid user ID or password")
        }
        // A text of etcd's inner layers, which no table gives a code.
        AuthError::NoPasswordUser => (
            Code::Unknown,
            "auth: authentication failed, password was given for no password user",
        ),
    }
}

fn of_node(error: &NodeError) -> (Code, &'static str) {
    match error {
        NodeError::Refused(error) => of_core(*error),
        NodeError::NoLeader => (Code::Unavailable, "etcdserver: no leader"),
        NodeError::NotProposed => (Code::DeadlineExceeded, "context deadline exceeded"),
        NodeError::Timeout => (Code::Unavailable, "etcdserver: request timed out"),
        NodeError::LeaderFailed => (
            Code::Unavailable,
            "etcdserver: request timed out, possibly due to previous leader failure",
        ),
        NodeError::TooLarge => (Code::InvalidArgument, "etcdserver: request is too large"),
        // etcd means RESOURCE_EXHAUSTED, but loses the code on the way out.
        NodeError::TooManyRequests => (Code::Unknown, "etcdserver: too many requests"),
        NodeError::NotLeader => (Code::FailedPrecondition, "etcdserver: not leader"),
        NodeError::BadLeaderTransferee => (
            Code::FailedPrecondition,
            "etcdserver: bad leader transferee",
        ),
        NodeError::LeaderTransferTimeout => (
            Code::Unknown,
            "etcdserver: request timed out, leader transfer took too long",
        ),
        NodeError::Stopped => (Code::Unavailable, "etcdserver: server stopped"),
    }
}

#[cfg(test)]
mod tests;
