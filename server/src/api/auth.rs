//! The Auth service: users, roles, permissions (contract api.md §8).
//!
//! Whoever asks for a change must be permitted to before anything about the request is looked at.

use quorate_core::{
    Command, Valid,
    auth::{AuthRequest, Author, Credential, Permission, PermissionKind},
    kv::KeyRange,
};
use tonic::{Request, Response, Status};

use super::{caller::Caller, context::Context, errors::ApiError, login, metadata};
use crate::proto::{
    authpb,
    etcdserverpb::{auth_server::Auth, *},
};

/// See the module.
pub(super) struct AuthService(Context);

#[tonic::async_trait]
impl Auth for AuthService {
    async fn auth_enable(
        &self,
        request: Request<AuthEnableRequest>,
    ) -> Result<Response<AuthEnableResponse>, Status> {
        let (caller, AuthEnableRequest {}) = self.open(request)?;
        let header = self.change(&caller, AuthRequest::Enable).await?;
        Ok(Response::new(AuthEnableResponse { header }))
    }

    async fn auth_disable(
        &self,
        request: Request<AuthDisableRequest>,
    ) -> Result<Response<AuthDisableResponse>, Status> {
        let (caller, AuthDisableRequest {}) = self.open(request)?;
        let header = self.change(&caller, AuthRequest::Disable).await?;
        Ok(Response::new(AuthDisableResponse { header }))
    }

    /// Anybody may know, as from etcd 3.7 on; but a token must be one.
    async fn auth_status(
        &self,
        request: Request<AuthStatusRequest>,
    ) -> Result<Response<AuthStatusResponse>, Status> {
        let (caller, AuthStatusRequest {}) = self.open(request)?;
        self.read(&caller, |_| Ok(())).await?;
        let (enabled, auth_revision) =
            (self.0.node).with_state(|state| (state.auth_enabled(), state.auth_revision()));
        Ok(Response::new(AuthStatusResponse {
            header: Some(self.0.header_now()),
            enabled,
            auth_revision,
        }))
    }

    async fn authenticate(
        &self,
        request: Request<AuthenticateRequest>,
    ) -> Result<Response<AuthenticateResponse>, Status> {
        let (_, AuthenticateRequest { name, password }) = self.open(request)?;
        let token = login::token(&self.0, name, password).await?;
        Ok(Response::new(AuthenticateResponse {
            header: Some(self.0.header_now()),
            token,
        }))
    }

    async fn user_add(
        &self,
        request: Request<AuthUserAddRequest>,
    ) -> Result<Response<AuthUserAddResponse>, Status> {
        let (caller, request) = self.open(request)?;
        let header = self.add_user(&caller, request).await?;
        Ok(Response::new(AuthUserAddResponse { header }))
    }

    async fn user_get(
        &self,
        request: Request<AuthUserGetRequest>,
    ) -> Result<Response<AuthUserGetResponse>, Status> {
        let (caller, AuthUserGetRequest { name }) = self.open(request)?;
        let user = |state: &Reading<'_>| {
            state.view.authorize_user(state.author, &name)?;
            Ok(state.view.user(&name)?)
        };
        let user = self.read(&caller, user).await?;
        Ok(Response::new(AuthUserGetResponse {
            header: Some(self.0.header_now()),
            roles: user.roles,
        }))
    }

    async fn user_list(
        &self,
        request: Request<AuthUserListRequest>,
    ) -> Result<Response<AuthUserListResponse>, Status> {
        let (caller, AuthUserListRequest {}) = self.open(request)?;
        let users = |state: &Reading<'_>| {
            state.view.authorize_admin(state.author)?;
            Ok(state.view.users().map(str::to_owned).collect())
        };
        let users = self.read(&caller, users).await?;
        Ok(Response::new(AuthUserListResponse {
            header: Some(self.0.header_now()),
            users,
        }))
    }

    async fn user_delete(
        &self,
        request: Request<AuthUserDeleteRequest>,
    ) -> Result<Response<AuthUserDeleteResponse>, Status> {
        let (caller, AuthUserDeleteRequest { name }) = self.open(request)?;
        let header = self
            .change(&caller, AuthRequest::UserDelete { name })
            .await?;
        Ok(Response::new(AuthUserDeleteResponse { header }))
    }

    async fn user_change_password(
        &self,
        request: Request<AuthUserChangePasswordRequest>,
    ) -> Result<Response<AuthUserChangePasswordResponse>, Status> {
        let (caller, request) = self.open(request)?;
        let header = self.change_password(&caller, request).await?;
        Ok(Response::new(AuthUserChangePasswordResponse { header }))
    }

    async fn user_grant_role(
        &self,
        request: Request<AuthUserGrantRoleRequest>,
    ) -> Result<Response<AuthUserGrantRoleResponse>, Status> {
        let (caller, AuthUserGrantRoleRequest { user, role }) = self.open(request)?;
        let header = self
            .change(&caller, AuthRequest::UserGrantRole { user, role })
            .await?;
        Ok(Response::new(AuthUserGrantRoleResponse { header }))
    }

    async fn user_revoke_role(
        &self,
        request: Request<AuthUserRevokeRoleRequest>,
    ) -> Result<Response<AuthUserRevokeRoleResponse>, Status> {
        let (caller, AuthUserRevokeRoleRequest { name: user, role }) = self.open(request)?;
        let header = self
            .change(&caller, AuthRequest::UserRevokeRole { user, role })
            .await?;
        Ok(Response::new(AuthUserRevokeRoleResponse { header }))
    }

    async fn role_add(
        &self,
        request: Request<AuthRoleAddRequest>,
    ) -> Result<Response<AuthRoleAddResponse>, Status> {
        let (caller, AuthRoleAddRequest { name }) = self.open(request)?;
        let header = self.change(&caller, AuthRequest::RoleAdd { name }).await?;
        Ok(Response::new(AuthRoleAddResponse { header }))
    }

    async fn role_get(
        &self,
        request: Request<AuthRoleGetRequest>,
    ) -> Result<Response<AuthRoleGetResponse>, Status> {
        let (caller, AuthRoleGetRequest { role }) = self.open(request)?;
        let permissions = |state: &Reading<'_>| {
            state.view.authorize_role(state.author, &role)?;
            Ok(state.view.role(&role)?)
        };
        let permissions = self.read(&caller, permissions).await?;
        Ok(Response::new(AuthRoleGetResponse {
            header: Some(self.0.header_now()),
            perm: permissions.into_iter().map(permission_to_wire).collect(),
        }))
    }

    async fn role_list(
        &self,
        request: Request<AuthRoleListRequest>,
    ) -> Result<Response<AuthRoleListResponse>, Status> {
        let (caller, AuthRoleListRequest {}) = self.open(request)?;
        let roles = |state: &Reading<'_>| {
            state.view.authorize_admin(state.author)?;
            Ok(state.view.roles().map(str::to_owned).collect())
        };
        let roles = self.read(&caller, roles).await?;
        Ok(Response::new(AuthRoleListResponse {
            header: Some(self.0.header_now()),
            roles,
        }))
    }

    async fn role_delete(
        &self,
        request: Request<AuthRoleDeleteRequest>,
    ) -> Result<Response<AuthRoleDeleteResponse>, Status> {
        let (caller, AuthRoleDeleteRequest { role: name }) = self.open(request)?;
        let header = self
            .change(&caller, AuthRequest::RoleDelete { name })
            .await?;
        Ok(Response::new(AuthRoleDeleteResponse { header }))
    }

    async fn role_grant_permission(
        &self,
        request: Request<AuthRoleGrantPermissionRequest>,
    ) -> Result<Response<AuthRoleGrantPermissionResponse>, Status> {
        let (caller, request) = self.open(request)?;
        let header = self.grant_permission(&caller, request).await?;
        Ok(Response::new(AuthRoleGrantPermissionResponse { header }))
    }

    async fn role_revoke_permission(
        &self,
        request: Request<AuthRoleRevokePermissionRequest>,
    ) -> Result<Response<AuthRoleRevokePermissionResponse>, Status> {
        let (caller, request) = self.open(request)?;
        let change = AuthRequest::RoleRevokePermission {
            role: request.role,
            range: KeyRange::from_wire(request.key, request.range_end),
        };
        let header = self.change(&caller, change).await?;
        Ok(Response::new(AuthRoleRevokePermissionResponse { header }))
    }
}

/// What an answer is read from.
struct Reading<'a> {
    view: &'a quorate_core::View,
    author: &'a Author,
}

impl AuthService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }

    fn open<T>(&self, request: Request<T>) -> Result<(Caller, T), ApiError> {
        let caller = metadata::check(&self.0, request.metadata())?;
        Ok((caller, request.into_inner()))
    }

    /// Reads linearizably.
    async fn read<T>(
        &self,
        caller: &Caller,
        read: impl FnOnce(&Reading<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        self.0.node.read_barrier().await?;
        let author = self.0.author(caller).await?;
        self.0.node.with_state(|state| {
            read(&Reading {
                view: state,
                author: &author,
            })
        })
    }

    async fn permit(&self, caller: &Caller) -> Result<(), ApiError> {
        let may = |state: &quorate_core::View, author: &Author| Ok(state.authorize_admin(author)?);
        self.0.permit(caller, may).await.map(drop)
    }

    async fn change(
        &self,
        caller: &Caller,
        request: AuthRequest,
    ) -> Result<Option<ResponseHeader>, ApiError> {
        self.permit(caller).await?;
        let command = Command::Auth(Valid::<AuthRequest>::check(request)?);
        let (revision, _) = self.0.propose(caller, command).await?;
        Ok(Some(self.0.header(revision)))
    }

    /// The password goes no further than here.
    async fn add_user(
        &self,
        caller: &Caller,
        request: AuthUserAddRequest,
    ) -> Result<Option<ResponseHeader>, ApiError> {
        self.permit(caller).await?;
        let has_no_password = request.options.is_some_and(|options| options.no_password);
        let credential = match has_no_password {
            true => Credential::NoPassword,
            false => Credential::PasswordHash(self.hash(request.password).await?),
        };
        let name = request.name;
        self.change(caller, AuthRequest::UserAdd { name, credential })
            .await
    }

    /// An empty password is one that nobody can give, as in etcd.
    async fn change_password(
        &self,
        caller: &Caller,
        request: AuthUserChangePasswordRequest,
    ) -> Result<Option<ResponseHeader>, ApiError> {
        self.permit(caller).await?;
        let password_hash = match request.password.is_empty() {
            true => String::new(),
            false => self.hash(request.password).await?,
        };
        let change = AuthRequest::UserChangePassword {
            name: request.name,
            password_hash,
        };
        self.change(caller, change).await
    }

    async fn hash(&self, password: String) -> Result<String, ApiError> {
        Ok(self.0.node.auth().passwords.hash(password).await?)
    }

    async fn grant_permission(
        &self,
        caller: &Caller,
        request: AuthRoleGrantPermissionRequest,
    ) -> Result<Option<ResponseHeader>, ApiError> {
        self.permit(caller).await?;
        let permission = request.perm.ok_or(ApiError::PermissionNotGiven)?;
        let change = AuthRequest::RoleGrantPermission {
            role: request.name,
            permission: permission_from_wire(permission)?,
        };
        self.change(caller, change).await
    }
}

/// A kind of permission that does not exist, etcd keeps as one that permits nothing. Here it is
/// refused.
fn permission_from_wire(permission: authpb::Permission) -> Result<Permission, ApiError> {
    let kind = match authpb::permission::Type::try_from(permission.perm_type) {
        Ok(authpb::permission::Type::Read) => PermissionKind::Read,
        Ok(authpb::permission::Type::Write) => PermissionKind::Write,
        Ok(authpb::permission::Type::Readwrite) => PermissionKind::ReadWrite,
        Err(_) => return Err(quorate_core::auth::AuthError::InvalidAuthManagement.into()),
    };
    let range = KeyRange::from_wire(permission.key, permission.range_end);
    Ok(Permission { kind, range })
}

fn permission_to_wire(permission: Permission) -> authpb::Permission {
    let kind = match permission.kind {
        PermissionKind::Read => authpb::permission::Type::Read,
        PermissionKind::Write => authpb::permission::Type::Write,
        PermissionKind::ReadWrite => authpb::permission::Type::Readwrite,
    };
    authpb::Permission {
        perm_type: kind.into(),
        key: permission.range.start().clone(),
        range_end: bytes::Bytes::copy_from_slice(permission.range.wire_end()),
    }
}
