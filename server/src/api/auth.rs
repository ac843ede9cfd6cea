//! The Auth service. Authentication cannot be enabled in this version; clients that ask are told
//! that it is off.

use tonic::{Request, Response, Status};

use super::{context::Context, errors::ApiError, metadata};
use crate::proto::etcdserverpb::{auth_server::Auth, *};

/// The auth revision of a cluster that never had a user.
const INITIAL_AUTH_REVISION: u64 = 1;

/// See the module.
pub(super) struct AuthService(Context);

impl AuthService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

/// Methods that this version does not have.
macro_rules! not_available {
    ($($method:ident($request:ident) -> $response:ident;)*) => {
        #[tonic::async_trait]
        impl Auth for AuthService {
            async fn auth_status(
                &self,
                request: Request<AuthStatusRequest>,
            ) -> Result<Response<AuthStatusResponse>, Status> {
                metadata::check(&self.0, request.metadata())?;
                Ok(Response::new(AuthStatusResponse {
                    header: Some(self.0.header_now()),
                    enabled: false,
                    auth_revision: INITIAL_AUTH_REVISION,
                }))
            }

            async fn authenticate(
                &self,
                request: Request<AuthenticateRequest>,
            ) -> Result<Response<AuthenticateResponse>, Status> {
                metadata::check(&self.0, request.metadata())?;
                Err(ApiError::AuthNotEnabled.into())
            }

            $(
                async fn $method(
                    &self,
                    _request: Request<$request>,
                ) -> Result<Response<$response>, Status> {
                    Err(Status::unimplemented(
                        "quorate: authentication is not available in this version",
                    ))
                }
            )*
        }
    };
}

not_available! {
    auth_enable(AuthEnableRequest) -> AuthEnableResponse;
    auth_disable(AuthDisableRequest) -> AuthDisableResponse;
    user_add(AuthUserAddRequest) -> AuthUserAddResponse;
    user_get(AuthUserGetRequest) -> AuthUserGetResponse;
    user_list(AuthUserListRequest) -> AuthUserListResponse;
    user_delete(AuthUserDeleteRequest) -> AuthUserDeleteResponse;
    user_change_password(AuthUserChangePasswordRequest) -> AuthUserChangePasswordResponse;
    user_grant_role(AuthUserGrantRoleRequest) -> AuthUserGrantRoleResponse;
    user_revoke_role(AuthUserRevokeRoleRequest) -> AuthUserRevokeRoleResponse;
    role_add(AuthRoleAddRequest) -> AuthRoleAddResponse;
    role_get(AuthRoleGetRequest) -> AuthRoleGetResponse;
    role_list(AuthRoleListRequest) -> AuthRoleListResponse;
    role_delete(AuthRoleDeleteRequest) -> AuthRoleDeleteResponse;
    role_grant_permission(AuthRoleGrantPermissionRequest) -> AuthRoleGrantPermissionResponse;
    role_revoke_permission(AuthRoleRevokePermissionRequest) -> AuthRoleRevokePermissionResponse;
}
