//! A caller with its token, and short forms of calls.

use std::time::Duration;

use tonic::{Request, Response, Status, Streaming};

use crate::{
    api::tests::support::requests,
    proto::etcdserverpb::{
        auth_client::AuthClient, cluster_client::ClusterClient, kv_client::KvClient,
        lease_client::LeaseClient, maintenance_client::MaintenanceClient,
        watch_client::WatchClient, *,
    },
    wire::Channel,
};

/// Deadline of a call.
const CALL_TIMEOUT: Duration = Duration::from_secs(20);

/// Somebody who asks.
#[derive(Clone)]
pub(super) struct Asker {
    /// The name by which it goes.
    pub(super) name: &'static str,
    pub(super) token: Option<String>,
    pub(super) channel: Channel,
}

impl Asker {
    /// A request with the token.
    pub(super) fn ask<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(CALL_TIMEOUT);
        if let Some(token) = &self.token {
            let token = token.parse().expect("a token is a metadata value");
            request.metadata_mut().insert("token", token);
        }
        request
    }

    pub(super) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone())
    }

    pub(super) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone())
    }

    pub(super) fn auth(&self) -> AuthClient<Channel> {
        AuthClient::new(self.channel.clone())
    }

    pub(super) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel.clone())
    }

    pub(super) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel.clone())
    }

    pub(super) async fn txn(&self, txn: TxnRequest) -> Result<Response<TxnResponse>, Status> {
        self.kv().txn(self.ask(txn)).await
    }

    pub(super) async fn range_stream(&self, range: RangeRequest) -> Result<(), Status> {
        let stream = self.kv().range_stream(self.ask(range)).await?;
        first_of(stream.into_inner()).await.map(drop)
    }

    pub(super) async fn revoke(&self, id: i64) -> Result<Response<LeaseRevokeResponse>, Status> {
        let request = self.ask(LeaseRevokeRequest { id });
        self.lease().lease_revoke(request).await
    }

    pub(super) async fn time_to_live(
        &self,
        id: i64,
        keys: bool,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let request = self.ask(LeaseTimeToLiveRequest { id, keys });
        self.lease().lease_time_to_live(request).await
    }

    pub(super) async fn keep_alive(&self, id: i64) -> Result<(), Status> {
        let (sender, stream) = requests();
        sender
            .try_send(LeaseKeepAliveRequest { id })
            .expect("an empty queue");
        let answers = self.lease().lease_keep_alive(self.ask(stream)).await?;
        first_of(answers.into_inner()).await.map(drop)
    }

    /// A refusal comes in-band.
    pub(super) async fn watch(&self, create: WatchCreateRequest) -> Result<(), Status> {
        let (sender, stream) = requests();
        let create = watch_request::RequestUnion::CreateRequest(create);
        sender
            .try_send(WatchRequest {
                request_union: Some(create),
            })
            .expect("an empty queue");
        let mut client = WatchClient::new(self.channel.clone());
        let answers = client.watch(self.ask(stream)).await?;
        let created = first_of(answers.into_inner()).await?;
        match created.canceled {
            true => Err(Status::unknown(created.cancel_reason)),
            false => Ok(()),
        }
    }
}

/// The first message of a stream.
pub(super) async fn first_of<T>(mut stream: Streaming<T>) -> Result<T, Status> {
    let first = stream.message().await?;
    first.ok_or_else(|| Status::unknown("the stream has ended"))
}

/// A watcher of an interval.
pub(super) fn create(key: &'static str, end: &'static str) -> WatchCreateRequest {
    WatchCreateRequest {
        key: key.into(),
        range_end: end.into(),
        ..Default::default()
    }
}

/// What the caller hears.
pub(super) fn told<T>(answer: Result<T, Status>) -> Result<(), String> {
    answer
        .map(drop)
        .map_err(|status| status.message().to_owned())
}
