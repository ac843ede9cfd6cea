//! The table, by number as on the wire.

use super::*;

/// What a Go client's table of errors has, by number as on the wire.
const EXPECTED: &[(ApiError, i32, &str)] = &[
    (
        ApiError::InvalidSortOption,
        3,
        "etcdserver: invalid sort option",
    ),
    (
        ApiError::InvalidClientApiVersion,
        3,
        "etcdserver: invalid client api version",
    ),
    (
        ApiError::RangeStreamSorted,
        12,
        "RangeStream does not support custom sort orders",
    ),
    (
        ApiError::RangeStreamFiltered,
        12,
        "RangeStream does not support revision filters",
    ),
    (
        ApiError::BadMemberUrls,
        3,
        "etcdserver: given member URLs are invalid",
    ),
    (
        ApiError::InvalidAuthToken,
        16,
        "etcdserver: invalid auth token",
    ),
    (
        ApiError::PermissionNotGiven,
        3,
        "etcdserver: permission not given",
    ),
    (
        ApiError::PasswordTooLong,
        2,
        "bcrypt: password length exceeds 72 bytes",
    ),
    (
        ApiError::VerifyOnly,
        2,
        "auth: token signing attempted with verify-only key",
    ),
    (
        ApiError::TokenUnavailable,
        13,
        "quorate: cannot make a token",
    ),
    (
        refused(Error::KeyNotProvided),
        3,
        "etcdserver: key is not provided",
    ),
    (refused(Error::KeyNotFound), 3, "etcdserver: key not found"),
    (
        refused(Error::ValueProvided),
        3,
        "etcdserver: value is provided",
    ),
    (
        refused(Error::LeaseProvided),
        3,
        "etcdserver: lease is provided",
    ),
    (
        refused(Error::TooManyOps),
        3,
        "etcdserver: too many operations in txn request",
    ),
    (
        refused(Error::DuplicateKey),
        3,
        "etcdserver: duplicate key given in txn request",
    ),
    (
        refused(Error::Compacted),
        11,
        "etcdserver: mvcc: required revision has been compacted",
    ),
    (
        refused(Error::FutureRevision),
        11,
        "etcdserver: mvcc: required revision is a future revision",
    ),
    (
        refused(Error::LeaseNotFound),
        5,
        "etcdserver: requested lease not found",
    ),
    (
        refused(Error::LeaseExists),
        9,
        "etcdserver: lease already exists",
    ),
    (
        refused(Error::LeaseTtlTooLarge),
        11,
        "etcdserver: too large lease TTL",
    ),
    (
        refused(Error::NoSpace),
        8,
        "etcdserver: mvcc: database space exceeded",
    ),
    (refused(Error::Corrupt), 15, "etcdserver: corrupt cluster"),
    (
        auth(AuthError::RootUserNotFound),
        9,
        "etcdserver: root user does not exist",
    ),
    (
        auth(AuthError::RootRoleNotGranted),
        9,
        "etcdserver: root user does not have root role",
    ),
    (
        auth(AuthError::UserExists),
        9,
        "etcdserver: user name already exists",
    ),
    (
        auth(AuthError::UserEmpty),
        3,
        "etcdserver: user name is empty",
    ),
    (
        auth(AuthError::UserNotFound),
        9,
        "etcdserver: user name not found",
    ),
    (
        auth(AuthError::RoleExists),
        9,
        "etcdserver: role name already exists",
    ),
    (
        auth(AuthError::RoleNotFound),
        9,
        "etcdserver: role name not found",
    ),
    (
        auth(AuthError::RoleEmpty),
        3,
        "etcdserver: role name is empty",
    ),
    (
        auth(AuthError::RoleNotGranted),
        9,
        "etcdserver: role is not granted to the user",
    ),
    (
        auth(AuthError::PermissionNotGranted),
        9,
        "etcdserver: permission is not granted to the role",
    ),
    (
        auth(AuthError::PermissionDenied),
        7,
        "etcdserver: permission denied",
    ),
    (
        auth(AuthError::InvalidAuthManagement),
        3,
        "etcdserver: invalid auth management",
    ),
    (
        auth(AuthError::AuthOldRevision),
        3,
        "etcdserver: revision of auth store is old",
    ),
    (
        auth(AuthError::AuthNotEnabled),
        9,
        "etcdserver: authentication is not enabled",
    ),
    (
        auth(AuthError::AuthFailed),
        3,
        "etcdserver: authentication failed, invalid user ID or password",
    ),
    (
        auth(AuthError::NoPasswordUser),
        2,
        "auth: authentication failed, password was given for no password user",
    ),
    (
        ApiError::Node(NodeError::NoLeader),
        14,
        "etcdserver: no leader",
    ),
    (
        ApiError::Node(NodeError::NotProposed),
        4,
        "context deadline exceeded",
    ),
    (
        ApiError::Node(NodeError::Timeout),
        14,
        "etcdserver: request timed out",
    ),
    (
        ApiError::Node(NodeError::LeaderFailed),
        14,
        "etcdserver: request timed out, possibly due to previous leader failure",
    ),
    (
        ApiError::Node(NodeError::TooLarge),
        3,
        "etcdserver: request is too large",
    ),
    (
        ApiError::Node(NodeError::TooManyRequests),
        2,
        "etcdserver: too many requests",
    ),
    (
        ApiError::Node(NodeError::NotLeader),
        9,
        "etcdserver: not leader",
    ),
    (
        ApiError::Node(NodeError::BadLeaderTransferee),
        9,
        "etcdserver: bad leader transferee",
    ),
    (
        ApiError::Node(NodeError::LeaderTransferTimeout),
        2,
        "etcdserver: request timed out, leader transfer took too long",
    ),
    (
        ApiError::Node(NodeError::Stopped),
        14,
        "etcdserver: server stopped",
    ),
];

const fn refused(error: Error) -> ApiError {
    ApiError::Node(NodeError::Refused(error))
}

const fn auth(error: AuthError) -> ApiError {
    refused(Error::Auth(error))
}

#[test]
fn every_error_has_etcds_code_and_text() {
    for (error, code, text) in EXPECTED {
        let status = Status::from(error.clone());
        assert_eq!(
            (status.code() as i32, status.message()),
            (*code, *text),
            "{error:?}"
        );
    }
}
