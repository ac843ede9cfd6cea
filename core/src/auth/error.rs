//! Why the auth state refuses something.

/// See [`crate::Error::Auth`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum AuthError {
    /// Authentication cannot be enabled without a user `root`.
    #[error("root user does not exist")]
    RootUserNotFound,
    /// Nor without the role `root` being granted to it.
    #[error("root user does not have root role")]
    RootRoleNotGranted,
    /// A user has this name already.
    #[error("user name already exists")]
    UserExists,
    /// A user to add without a name, or a request without a token while authentication is on.
    #[error("user name is empty")]
    UserEmpty,
    /// No user has this name.
    #[error("user name not found")]
    UserNotFound,
    /// A role has this name already.
    #[error("role name already exists")]
    RoleExists,
    /// No role has this name.
    #[error("role name not found")]
    RoleNotFound,
    /// A role to add without a name.
    #[error("role name is empty")]
    RoleEmpty,
    /// The user does not have this role.
    #[error("role is not granted to the user")]
    RoleNotGranted,
    /// The role does not have this permission.
    #[error("permission is not granted to the role")]
    PermissionNotGranted,
    /// The user may not do this.
    #[error("permission denied")]
    PermissionDenied,
    /// A change that would lock everyone out, or a permission for no keys.
    #[error("invalid auth management")]
    InvalidAuthManagement,
    /// The token is older than the last change of the auth state.
    #[error("revision of auth store is old")]
    AuthOldRevision,
    /// To be authenticated while authentication is off.
    #[error("authentication is not enabled")]
    AuthNotEnabled,
    /// There is no such user, or the password is wrong.
    #[error("authentication failed, invalid user ID or password")]
    AuthFailed,
    /// A password was given for a user that has none.
    #[error("authentication failed, password was given for no password user")]
    NoPasswordUser,
}
