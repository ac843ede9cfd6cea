//! One client's way to the members: calls with a deadline, recorded.

use std::{collections::BTreeMap, future::Future, time::Duration};

use quorate_server::{
    clock,
    proto::etcdserverpb::{
        AlarmRequest, AlarmType, AuthRoleAddRequest, AuthRoleDeleteRequest, CompactionRequest,
        LeaseGrantRequest, LeaseKeepAliveRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest,
        ResponseHeader, alarm_request::AlarmAction, auth_client::AuthClient, kv_client::KvClient,
        lease_client::LeaseClient, maintenance_client::MaintenanceClient,
        watch_client::WatchClient,
    },
    wire::{Channel, ChannelOptions},
};
use tonic::{Code, Status};

use super::convert;
use crate::{
    cluster::client_authority,
    history::{Body, Outcome, Request, Response, What},
    plan::AlarmName,
    recorder::Recorder,
};

/// A dial takes no longer than this.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);

/// Longest pause between dials that fail.
const BACKOFF_MAX: Duration = Duration::from_millis(300);

/// Silence after which a client looks whether its member is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_millis(1_000);

/// What is refused while an alarm is raised, in etcd's words.
const ALARMED: [&str; 2] = [
    "etcdserver: mvcc: database space exceeded",
    "etcdserver: corrupt cluster",
];

/// A client of the cluster, at one member at a time.
pub struct Session {
    client: u64,
    members: u64,
    member: u64,
    timeout: Duration,
    channels: BTreeMap<u64, Channel>,
    recorder: Recorder,
    newest: i64,
}

impl Session {
    /// Client number `client` of a cluster of `members`, beginning at `member`.
    pub fn new(
        client: u64,
        members: u64,
        member: u64,
        timeout: Duration,
        recorder: Recorder,
    ) -> Self {
        Self {
            client,
            members,
            member,
            timeout,
            channels: BTreeMap::new(),
            recorder,
            newest: 0,
        }
    }

    /// The client's number.
    pub fn client(&self) -> u64 {
        self.client
    }

    /// The member that it talks to.
    pub fn member(&self) -> u64 {
        self.member
    }

    /// The newest revision that it has been told.
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// Talks to this member from now on.
    pub fn go_to(&mut self, member: u64) {
        self.member = member;
    }

    /// Talks to the next member from now on.
    pub fn go_on(&mut self) {
        self.member = self.member % self.members + 1;
    }

    fn channel(&mut self) -> Channel {
        let member = self.member;
        let dial = || {
            let authority = client_authority(member).parse();
            let options = ChannelOptions {
                connect_timeout: CONNECT_TIMEOUT,
                backoff_max: BACKOFF_MAX,
                keep_alive_interval: KEEP_ALIVE_INTERVAL,
                keep_alive_while_idle: false,
                ..ChannelOptions::default()
            };
            Channel::new(authority.expect("an address with a port"), options)
        };
        self.channels.entry(member).or_insert_with(dial).clone()
    }

    /// A client of the Watch service at the present member.
    pub(super) fn watch(&mut self) -> WatchClient<Channel> {
        WatchClient::new(self.channel())
    }

    /// Sends a request, waits for its outcome, and records both.
    pub async fn execute(&mut self, request: Request) -> Outcome {
        let op = self.recorder.next_op();
        self.recorder.push(What::Invoke {
            op,
            client: self.client,
            member: self.member,
            request: request.clone(),
        });
        let called = clock::timeout(self.timeout, self.call(&request)).await;
        let outcome = match called {
            Ok(Ok(response)) => Outcome::Ok(response),
            Ok(Err(status)) => outcome(&status),
            Err(clock::Elapsed) => Outcome::Unknown("no answer in time".into()),
        };
        if let Outcome::Ok(response) = &outcome {
            self.newest = self.newest.max(response.revision);
        }
        self.recorder.push(What::Return {
            op,
            outcome: outcome.clone(),
        });
        outcome
    }

    /// Adds a role or removes it. Nothing is recorded: what came of it is in the state.
    pub async fn change_roles(&mut self, adds: bool, role: String) {
        let mut auth = AuthClient::new(self.channel());
        let timeout = self.timeout;
        let call = async {
            if adds {
                let add = AuthRoleAddRequest { name: role };
                auth.role_add(within(add, timeout)).await.map(drop)
            } else {
                let delete = AuthRoleDeleteRequest { role };
                auth.role_delete(within(delete, timeout)).await.map(drop)
            }
        };
        let _ = clock::timeout(timeout, call).await;
    }

    /// Raises an alarm of a member or disarms it. Nothing is recorded.
    ///
    /// # Errors
    /// It was refused, or nobody knows.
    pub async fn alarm(
        &mut self,
        raises: bool,
        alarm: AlarmName,
        member_id: u64,
    ) -> Result<(), Outcome> {
        let action = match raises {
            true => AlarmAction::Activate,
            false => AlarmAction::Deactivate,
        };
        let alarm = match alarm {
            AlarmName::NoSpace => AlarmType::Nospace,
            AlarmName::Corrupt => AlarmType::Corrupt,
        };
        let request = AlarmRequest {
            action: action.into(),
            member_id,
            alarm: alarm.into(),
        };
        let mut maintenance = MaintenanceClient::new(self.channel());
        let call = maintenance.alarm(within(request, self.timeout));
        match clock::timeout(self.timeout, call).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) => Err(outcome(&status)),
            Err(clock::Elapsed) => Err(Outcome::Unknown("no answer in time".into())),
        }
    }

    fn call(
        &mut self,
        request: &Request,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Response, Status>> + Send>> {
        let channel = self.channel();
        let request = request.clone();
        match request {
            Request::Put(_)
            | Request::Delete(_)
            | Request::Range(_)
            | Request::Txn(_)
            | Request::Compact(_) => {
                Box::pin(call_kv(KvClient::new(channel), request, self.timeout))
            }
            _ => Box::pin(call_lease(LeaseClient::new(channel), request, self.timeout)),
        }
    }
}

/// A request with gRPC's own deadline, as etcd's clients send it.
fn within<T>(message: T, timeout: Duration) -> tonic::Request<T> {
    let mut request = tonic::Request::new(message);
    request.set_timeout(timeout);
    request
}

async fn call_kv(
    mut kv: KvClient<Channel>,
    request: Request,
    timeout: Duration,
) -> Result<Response, Status> {
    let (header, body) = match &request {
        Request::Put(put) => {
            let response = kv
                .put(within(convert::put(put), timeout))
                .await?
                .into_inner();
            (response.header, Some(convert::put_body(&response)))
        }
        Request::Delete(delete) => {
            let call = kv.delete_range(within(convert::delete(delete), timeout));
            let response = call.await?.into_inner();
            (response.header, Some(convert::delete_body(&response)))
        }
        Request::Range(range) => {
            let response = kv
                .range(within(convert::range(range), timeout))
                .await?
                .into_inner();
            (response.header, Some(convert::range_body(&response)))
        }
        Request::Txn(txn) => {
            let response = kv
                .txn(within(convert::txn(txn), timeout))
                .await?
                .into_inner();
            (response.header, convert::txn_body(&response))
        }
        Request::Compact(revision) => {
            let compact = CompactionRequest {
                revision: *revision,
                physical: false,
            };
            let response = kv.compact(within(compact, timeout)).await?.into_inner();
            (response.header, Some(Body::Compact))
        }
        _ => unreachable!("leases have another service"),
    };
    answer(header, body)
}

async fn call_lease(
    mut leases: LeaseClient<Channel>,
    request: Request,
    timeout: Duration,
) -> Result<Response, Status> {
    let (header, body) = match request {
        Request::LeaseGrant { lease, ttl_s } => {
            let grant = LeaseGrantRequest {
                id: lease,
                ttl: ttl_s,
            };
            let response = leases
                .lease_grant(within(grant, timeout))
                .await?
                .into_inner();
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
                .lease_revoke(within(revoke, timeout))
                .await?
                .into_inner();
            (response.header, Body::LeaseRevoke)
        }
        Request::LeaseKeepAlive(lease) => {
            let once = futures_util::stream::iter([LeaseKeepAliveRequest { id: lease }]);
            let mut responses = leases.lease_keep_alive(once).await?.into_inner();
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
                .lease_time_to_live(within(question, timeout))
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

/// What a client can conclude: some refusals say that nothing happened, everything else leaves
/// that open.
fn outcome(status: &Status) -> Outcome {
    let text = status.message().replace('\n', " ");
    let refused = matches!(
        status.code(),
        Code::InvalidArgument | Code::NotFound | Code::FailedPrecondition | Code::OutOfRange
    );
    // No connection, so nothing was sent.
    let unsent = status.code() == Code::Unavailable && text.starts_with("cannot connect to ");
    // An alarm is raised: nothing is written.
    let alarmed = ALARMED.contains(&text.as_str());
    if refused || unsent || alarmed {
        Outcome::Failed(text)
    } else {
        Outcome::Unknown(text)
    }
}
