//! A client's own lease, and the stream that keeps it alive.

use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use crate::{
    channel::Channel,
    client::LEASE_TTL_S,
    proto::etcdserverpb::{
        LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse, lease_client::LeaseClient,
    },
};

pub(crate) struct KeepAlive {
    id: i64,
    requests: mpsc::Sender<LeaseKeepAliveRequest>,
    answers: Streaming<LeaseKeepAliveResponse>,
}

impl KeepAlive {
    /// Grants a lease and renews it once.
    pub(crate) async fn open(client: &mut LeaseClient<Channel>) -> Result<Self, Status> {
        let grant = LeaseGrantRequest {
            ttl: LEASE_TTL_S,
            id: 0,
        };
        let id = client.lease_grant(grant).await?.into_inner().id;
        let (requests, mut queue) = mpsc::channel(1);
        // The first request is there before the call: a server may answer nothing, not even with
        // headers, until it comes.
        let _ = requests.send(LeaseKeepAliveRequest { id }).await;
        let stream = futures_util::stream::poll_fn(move |cx| queue.poll_recv(cx));
        let mut answers = client.lease_keep_alive(stream).await?.into_inner();
        answers.message().await?;
        Ok(Self {
            id,
            requests,
            answers,
        })
    }

    /// One round trip.
    pub(crate) async fn renew(&mut self) -> Result<(), Status> {
        let request = LeaseKeepAliveRequest { id: self.id };
        // A stream that has ended says so below.
        let _ = self.requests.send(request).await;
        match self.answers.message().await? {
            Some(answer) if answer.ttl > 0 => Ok(()),
            Some(_) => Err(Status::not_found("the lease is gone")),
            None => Err(Status::unavailable("the stream has ended")),
        }
    }
}
