//! One client's calls.

use std::time::Duration;

use quorate_core::auth::{AuthRequest, Credential};
use quorate_server::{
    proto::{
        authpb::UserAddOptions,
        etcdserverpb::{
            auth_client::AuthClient, cluster_client::ClusterClient, kv_client::KvClient,
            lease_client::LeaseClient, maintenance_client::MaintenanceClient,
            watch_client::WatchClient, *,
        },
    },
    wire::{Channel, ChannelOptions},
};
use quorate_tests::scenario::Request;
use tonic::Status;

use super::{reply::Reply, requests};

/// Longer than any call of a scenario takes; a call that blocks ends with it.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// Never within a test: etcd ends the connections of those who ask more often than it likes.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(600);

/// Reaches one server. Clones share a connection.
#[derive(Clone)]
pub(crate) struct Caller(Channel);

impl Caller {
    pub(crate) fn new(port: u16) -> Self {
        let authority = format!("127.0.0.1:{port}").parse();
        let options = ChannelOptions {
            backoff_max: Duration::from_millis(20),
            keep_alive_interval: KEEP_ALIVE_INTERVAL,
            ..ChannelOptions::default()
        };
        let authority = authority.expect("an address is an authority");
        Self(Channel::new(authority, options))
    }

    pub(crate) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.0.clone()).max_decoding_message_size(usize::MAX)
    }

    pub(crate) fn watch(&self) -> WatchClient<Channel> {
        WatchClient::new(self.0.clone()).max_decoding_message_size(usize::MAX)
    }

    pub(crate) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.0.clone())
    }

    pub(crate) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.0.clone())
    }

    pub(crate) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.0.clone())
    }

    pub(crate) fn auth(&self) -> AuthClient<Channel> {
        AuthClient::new(self.0.clone())
    }

    /// Whether the server answers, be it with a refusal, and knows a leader.
    pub(crate) async fn is_served(&self) -> bool {
        let request = with_token(None, StatusRequest {});
        match self.maintenance().status(request).await {
            Ok(status) => status.into_inner().leader != 0,
            Err(status) => status.code() == tonic::Code::InvalidArgument,
        }
    }

    /// Asks with a token or without one.
    pub(crate) async fn call(
        &self,
        token: Option<&str>,
        request: Request,
    ) -> Result<Reply, Status> {
        match request {
            Request::Range { .. }
            | Request::Put(_)
            | Request::DeleteRange(_)
            | Request::Txn(_)
            | Request::Compact { .. } => self.call_kv(token, request).await,
            Request::LeaseGrant { .. }
            | Request::LeaseRevoke { .. }
            | Request::LeaseKeepAlive { .. }
            | Request::LeaseTimeToLive { .. }
            | Request::LeaseLeases => self.call_lease(token, request).await,
            Request::HashKv { .. } | Request::Alarms { .. } | Request::Alarm { .. } => {
                self.call_maintenance(token, request).await
            }
            Request::Auth(request) => self.change_auth(token, request).await,
            request => self.call_auth(token, request).await,
        }
    }

    async fn call_kv(&self, token: Option<&str>, request: Request) -> Result<Reply, Status> {
        let mut kv = self.kv();
        match request {
            Request::Range {
                request,
                serializable,
            } => {
                let request = requests::range(request, serializable);
                let reply = kv.range(with_token(token, request)).await?;
                Ok(Reply::Range(reply.into_inner()))
            }
            Request::Put(request) => {
                let reply = kv.put(with_token(token, requests::put(request))).await?;
                Ok(Reply::Put(reply.into_inner()))
            }
            Request::DeleteRange(request) => {
                let request = with_token(token, requests::delete_range(request));
                Ok(Reply::DeleteRange(
                    kv.delete_range(request).await?.into_inner(),
                ))
            }
            Request::Txn(request) => {
                let reply = kv.txn(with_token(token, requests::txn(request))).await?;
                Ok(Reply::Txn(reply.into_inner()))
            }
            Request::Compact { revision, physical } => {
                let request = CompactionRequest { revision, physical };
                let reply = kv.compact(with_token(token, request)).await?;
                Ok(Reply::Done(reply.into_inner().header))
            }
            request => unreachable!("{request:?} is no request of KV"),
        }
    }

    async fn call_lease(&self, token: Option<&str>, request: Request) -> Result<Reply, Status> {
        let mut lease = self.lease();
        match request {
            Request::LeaseGrant { id, ttl_s } => {
                let request = with_token(token, LeaseGrantRequest { ttl: ttl_s, id });
                Ok(Reply::LeaseGrant(
                    lease.lease_grant(request).await?.into_inner(),
                ))
            }
            Request::LeaseRevoke { id } => {
                let request = with_token(token, LeaseRevokeRequest { id });
                let reply = lease.lease_revoke(request).await?;
                Ok(Reply::Done(reply.into_inner().header))
            }
            Request::LeaseKeepAlive { id } => {
                let requests = futures_util::stream::iter([LeaseKeepAliveRequest { id }]);
                let mut replies = lease
                    .lease_keep_alive(with_token(token, requests))
                    .await?
                    .into_inner();
                let reply = replies.message().await?;
                let ended = || Status::unavailable("the stream ended without an answer");
                Ok(Reply::KeepAlive(reply.ok_or_else(ended)?))
            }
            Request::LeaseTimeToLive { id, keys } => {
                let request = with_token(token, LeaseTimeToLiveRequest { id, keys });
                let reply = lease.lease_time_to_live(request).await?;
                Ok(Reply::TimeToLive(reply.into_inner()))
            }
            _ => {
                let request = with_token(token, LeaseLeasesRequest {});
                Ok(Reply::Leases(
                    lease.lease_leases(request).await?.into_inner(),
                ))
            }
        }
    }

    async fn call_maintenance(
        &self,
        token: Option<&str>,
        request: Request,
    ) -> Result<Reply, Status> {
        let mut maintenance = self.maintenance();
        let alarm = match request {
            Request::HashKv { revision } => {
                let request = with_token(token, HashKvRequest { revision });
                let reply = maintenance.hash_kv(request).await?;
                return Ok(Reply::HashKv(reply.into_inner()));
            }
            Request::Alarm { action, alarm } => AlarmRequest {
                action: requests::alarm_action(action),
                member_id: alarm.member_id,
                alarm: requests::alarm_kind(alarm.kind),
            },
            Request::Alarms { kind } => AlarmRequest {
                alarm: kind.map_or(0, requests::alarm_kind),
                ..AlarmRequest::default()
            },
            request => unreachable!("{request:?} is no request of Maintenance"),
        };
        let reply = maintenance.alarm(with_token(token, alarm)).await?;
        Ok(Reply::Alarm(reply.into_inner()))
    }

    async fn call_auth(&self, token: Option<&str>, request: Request) -> Result<Reply, Status> {
        let mut auth = self.auth();
        Ok(match request {
            Request::AuthStatus => {
                let request = with_token(token, AuthStatusRequest {});
                Reply::AuthStatus(auth.auth_status(request).await?.into_inner())
            }
            Request::Authenticate { name, password } => {
                let request = with_token(token, AuthenticateRequest { name, password });
                Reply::Authenticate(auth.authenticate(request).await?.into_inner())
            }
            Request::UserGet { name } => {
                let request = with_token(token, AuthUserGetRequest { name });
                Reply::UserGet(auth.user_get(request).await?.into_inner())
            }
            Request::UserList => {
                let request = with_token(token, AuthUserListRequest {});
                Reply::UserList(auth.user_list(request).await?.into_inner())
            }
            Request::RoleGet { name } => {
                let request = with_token(token, AuthRoleGetRequest { role: name });
                Reply::RoleGet(auth.role_get(request).await?.into_inner())
            }
            Request::RoleList => {
                let request = with_token(token, AuthRoleListRequest {});
                Reply::RoleList(auth.role_list(request).await?.into_inner())
            }
            request => unreachable!("{request:?} is asked elsewhere"),
        })
    }

    async fn change_auth(
        &self,
        token: Option<&str>,
        request: AuthRequest,
    ) -> Result<Reply, Status> {
        let mut auth = self.auth();
        /// Calls a method and keeps the header of the answer.
        macro_rules! header_of {
            ($method:ident, $message:expr) => {{
                let request = with_token(token, $message);
                auth.$method(request).await?.into_inner().header
            }};
        }
        let header = match request {
            AuthRequest::Enable => header_of!(auth_enable, AuthEnableRequest {}),
            AuthRequest::Disable => header_of!(auth_disable, AuthDisableRequest {}),
            AuthRequest::UserAdd { name, credential } => {
                header_of!(user_add, user_add(name, credential))
            }
            AuthRequest::UserDelete { name } => {
                header_of!(user_delete, AuthUserDeleteRequest { name })
            }
            AuthRequest::UserChangePassword {
                name,
                password_hash: password,
            } => {
                let hashed_password = String::new();
                let request = AuthUserChangePasswordRequest {
                    name,
                    password,
                    hashed_password,
                };
                header_of!(user_change_password, request)
            }
            AuthRequest::UserGrantRole { user, role } => {
                header_of!(user_grant_role, AuthUserGrantRoleRequest { user, role })
            }
            AuthRequest::UserRevokeRole { user: name, role } => {
                header_of!(user_revoke_role, AuthUserRevokeRoleRequest { name, role })
            }
            AuthRequest::RoleAdd { name } => header_of!(role_add, AuthRoleAddRequest { name }),
            AuthRequest::RoleDelete { name: role } => {
                header_of!(role_delete, AuthRoleDeleteRequest { role })
            }
            AuthRequest::RoleGrantPermission { role, permission } => {
                let request = AuthRoleGrantPermissionRequest {
                    name: role,
                    perm: Some(requests::permission(permission)),
                };
                header_of!(role_grant_permission, request)
            }
            AuthRequest::RoleRevokePermission { role, range } => {
                let (key, range_end) = requests::pair(range);
                let request = AuthRoleRevokePermissionRequest {
                    role,
                    key,
                    range_end,
                };
                header_of!(role_revoke_permission, request)
            }
        };
        Ok(Reply::Done(header))
    }
}

fn user_add(name: String, credential: Credential) -> AuthUserAddRequest {
    let (password, no_password) = match credential {
        Credential::PasswordHash(password) => (password, false),
        Credential::NoPassword => (String::new(), true),
    };
    AuthUserAddRequest {
        name,
        password,
        options: Some(UserAddOptions { no_password }),
        hashed_password: String::new(),
    }
}

/// A message with a token and the deadline of all calls.
fn with_token<T>(token: Option<&str>, message: T) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    authorize(token, &mut request);
    request
}

/// Puts the token where etcd's clients put it.
pub(crate) fn authorize<T>(token: Option<&str>, request: &mut tonic::Request<T>) {
    if let Some(token) = token {
        let token = token.parse().expect("a token is visible ASCII");
        request.metadata_mut().insert("token", token);
    }
}
