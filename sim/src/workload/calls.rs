//! Requests in the history's words as calls of the members' services.

use std::time::Duration;

use quorate_server::{
    proto::etcdserverpb::{
        AuthenticateRequest, CompactionRequest, LeaseGrantRequest, LeaseKeepAliveRequest,
        LeaseRevokeRequest, LeaseTimeToLiveRequest, ResponseHeader, auth_client::AuthClient,
        kv_client::KvClient, lease_client::LeaseClient,
    },
    wire::Channel,
};
use tonic::Status;

use super::{administration, convert, queueing, users};
use crate::history::{Body, Request, Response};

/// What every request of a client comes with.
#[derive(Clone)]
pub(super) struct Manner {
    /// How long the client waits.
    pub(super) timeout: Duration,
    /// Its token, if it has one.
    pub(super) token: Option<String>,
}

impl Manner {
    /// A request with gRPC's own deadline, as etcd's clients send it.
    pub(super) fn within<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = self.open(message);
        request.set_timeout(self.timeout);
        request
    }

    /// A request that may take as long as it likes.
    pub(super) fn open<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        if let Some(token) = &self.token {
            let token = token.parse().expect("tokens are plain text");
            request.metadata_mut().insert("token", token);
        }
        request
    }
}

/// An answer, and the token that came with it.
pub(super) type Answer = (Response, Option<String>);

/// Carries `request` out at the other end of `channel`.
pub(super) async fn call(
    channel: Channel,
    request: Request,
    manner: Manner,
) -> Result<Answer, Status> {
    match request {
        Request::Put(_)
        | Request::Delete(_)
        | Request::Range(_)
        | Request::Txn(_)
        | Request::Compact(_) => {
            let response = call_kv(KvClient::new(channel), request, manner).await?;
            Ok((response, None))
        }
        Request::LeaseGrant { .. }
        | Request::LeaseRevoke(_)
        | Request::LeaseKeepAlive(_)
        | Request::LeaseTimeToLive(_) => {
            let response = call_lease(LeaseClient::new(channel), request, manner).await?;
            Ok((response, None))
        }
        Request::Login { user, password } => {
            log_in(AuthClient::new(channel), user, password, manner).await
        }
        Request::Auth(change) => {
            let header = administration::call(AuthClient::new(channel), change, manner).await?;
            Ok((answer(header, Some(Body::Auth))?, None))
        }
        Request::Queue(call) => {
            let (header, body) = queueing::call(channel, call.call(), manner).await?;
            Ok((answer(header, body.map(Body::Queue))?, None))
        }
    }
}

async fn log_in(
    mut auth: AuthClient<Channel>,
    name: String,
    password: u64,
    manner: Manner,
) -> Result<Answer, Status> {
    let password = users::password(password);
    let request = manner.within(AuthenticateRequest { name, password });
    let response = auth.authenticate(request).await?.into_inner();
    let body = Body::Login {
        index: index(&response.token),
    };
    Ok((answer(response.header, Some(body))?, Some(response.token)))
}

/// The log position in a simple token, `LETTERS.INDEX`; a signed one has another dot.
fn index(token: &str) -> Option<u64> {
    let (_, index) = token.split_once('.')?;
    index.parse().ok()
}

async fn call_kv(
    mut kv: KvClient<Channel>,
    request: Request,
    manner: Manner,
) -> Result<Response, Status> {
    let (header, body) = match &request {
        Request::Put(put) => {
            let response = kv.put(manner.within(convert::put(put))).await?.into_inner();
            (response.header, Some(convert::put_body(&response)))
        }
        Request::Delete(delete) => {
            let call = kv.delete_range(manner.within(convert::delete(delete)));
            let response = call.await?.into_inner();
            (response.header, Some(convert::delete_body(&response)))
        }
        Request::Range(range) => {
            let response = kv
                .range(manner.within(convert::range(range)))
                .await?
                .into_inner();
            (response.header, Some(convert::range_body(&response)))
        }
        Request::Txn(txn) => {
            let response = kv.txn(manner.within(convert::txn(txn))).await?.into_inner();
            (response.header, convert::txn_body(&response))
        }
        Request::Compact(revision) => {
            let compact = CompactionRequest {
                revision: *revision,
                physical: false,
            };
            let response = kv.compact(manner.within(compact)).await?.into_inner();
            (response.header, Some(Body::Compact))
        }
        _ => unreachable!("leases have another service"),
    };
    answer(header, body)
}

async fn call_lease(
    mut leases: LeaseClient<Channel>,
    request: Request,
    manner: Manner,
) -> Result<Response, Status> {
    let (header, body) = match request {
        Request::LeaseGrant { lease, ttl_s } => {
            let grant = LeaseGrantRequest {
                id: lease,
                ttl: ttl_s,
            };
            let response = leases.lease_grant(manner.within(grant)).await?.into_inner();
            (
                response.header,
                Body::LeaseGrant {
                    lease: response.id,
                    ttl_s: response.ttl,
                },
            )
        }
        Request::LeaseRevoke(lease) => {
            let revoke = LeaseRevokeRequest { id: lease };
            let response = leases
                .lease_revoke(manner.within(revoke))
                .await?
                .into_inner();
            (response.header, Body::LeaseRevoke)
        }
        Request::LeaseKeepAlive(lease) => {
            let once = futures_util::stream::iter([LeaseKeepAliveRequest { id: lease }]);
            let mut responses = leases
                .lease_keep_alive(manner.open(once))
                .await?
                .into_inner();
            let response = responses.message().await?;
            let response = response.ok_or_else(|| Status::unknown("no answer"))?;
            (
                response.header,
                Body::LeaseKeepAlive {
                    ttl_s: response.ttl,
                },
            )
        }
        Request::LeaseTimeToLive(lease) => {
            let question = LeaseTimeToLiveRequest {
                id: lease,
                keys: false,
            };
            let response = leases
                .lease_time_to_live(manner.within(question))
                .await?
                .into_inner();
            let (ttl_s, granted_ttl_s) = (response.ttl, response.granted_ttl);
            (
                response.header,
                Body::LeaseTimeToLive {
                    ttl_s,
                    granted_ttl_s,
                },
            )
        }
        _ => unreachable!("keys have another service"),
    };
    answer(header, Some(body))
}

/// An answer that lacks what every answer has is the server's fault.
fn answer(header: Option<ResponseHeader>, body: Option<Body>) -> Result<Response, Status> {
    let (header, body) = header.zip(body).expect("every answer is complete");
    Ok(Response {
        revision: header.revision,
        body,
    })
}
