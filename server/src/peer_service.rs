//! The peer port: checks that the caller is of this cluster and routes each call to raft or to the
//! node.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use quorate_core::kv::LeaseId;
use tonic::{Request, Response, Status, Streaming};

use crate::{
    admission::Admission,
    node::{Node, lease_response},
    peers::{CLUSTER_ID_KEY, PEER_MESSAGE_BYTES_MAX},
    proto::peer::{self, peer_server},
    raft::CallNumber,
};

/// See the module.
#[derive(Clone)]
pub(crate) struct PeerService {
    admission: Arc<Admission>,
    cluster_id: String,
}

/// The service, ready to be routed. Before the member takes part, others can do no more than
/// introduce themselves.
pub(crate) fn service(
    cluster_id: u64,
    admission: Arc<Admission>,
) -> peer_server::PeerServer<PeerService> {
    let cluster_id = format!("{cluster_id:x}");
    let service = PeerService {
        admission,
        cluster_id,
    };
    peer_server::PeerServer::new(service)
        .max_decoding_message_size(PEER_MESSAGE_BYTES_MAX)
        .max_encoding_message_size(PEER_MESSAGE_BYTES_MAX)
}

impl PeerService {
    fn check<T>(&self, request: Request<T>) -> Result<T, Status> {
        let claimed = request.metadata().get(CLUSTER_ID_KEY);
        if claimed.is_some_and(|claimed| claimed.as_bytes() == self.cluster_id.as_bytes()) {
            return Ok(request.into_inner());
        }
        Err(Status::failed_precondition("cluster ID mismatch"))
    }

    fn node(&self) -> Result<&Arc<Node>, Status> {
        self.admission.node()
    }
}

fn lease_id(request: &peer::LeaseRequest) -> Result<LeaseId, Status> {
    LeaseId::new(request.id).ok_or_else(|| Status::invalid_argument("lease id 0"))
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl peer_server::Peer for PeerService {
    type AppendStream = Answers<peer::AppendResponse>;
    type SnapshotStream = Answers<peer::SnapshotResponse>;
    type ProposeStream = Answers<peer::ProposalRefused>;

    async fn append(
        &self,
        request: Request<Streaming<peer::AppendRequest>>,
    ) -> Result<Response<Self::AppendStream>, Status> {
        let call = CallNumber::of(request.metadata());
        let requests = self.check(request)?;
        Ok(Response::new(Box::pin(
            self.node()?.consensus().service().append(call, requests),
        )))
    }

    async fn vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        let call = CallNumber::of(request.metadata());
        let request = self.check(request)?;
        self.node()?
            .consensus()
            .service()
            .vote(call, request)
            .await
            .map(Response::new)
    }

    async fn pre_vote(
        &self,
        request: Request<peer::VoteRequest>,
    ) -> Result<Response<peer::VoteResponse>, Status> {
        let call = CallNumber::of(request.metadata());
        let request = self.check(request)?;
        self.node()?
            .consensus()
            .service()
            .pre_vote(call, request)
            .await
            .map(Response::new)
    }

    async fn transfer_leader(
        &self,
        request: Request<peer::TransferLeaderRequest>,
    ) -> Result<Response<peer::TransferLeaderResponse>, Status> {
        let call = CallNumber::of(request.metadata());
        let request = self.check(request)?;
        self.node()?
            .consensus()
            .service()
            .transfer_leader(call, request)
            .await
            .map(Response::new)
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<peer::SnapshotRequest>>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let call = CallNumber::of(request.metadata());
        let parts = self.check(request)?;
        Ok(Response::new(
            self.node()?.consensus().service().snapshot(call, parts),
        ))
    }

    async fn propose(
        &self,
        request: Request<Streaming<peer::Proposal>>,
    ) -> Result<Response<Self::ProposeStream>, Status> {
        let proposals = self.check(request)?;
        Ok(Response::new(Box::pin(
            self.node()?.accept_proposals(proposals),
        )))
    }

    async fn read_index(
        &self,
        request: Request<peer::ReadIndexRequest>,
    ) -> Result<Response<peer::ReadIndexResponse>, Status> {
        self.check(request)?;
        let index = self.node()?.read_index_for_peer().await?;
        Ok(Response::new(peer::ReadIndexResponse { index }))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<peer::LeaseRequest>,
    ) -> Result<Response<peer::LeaseResponse>, Status> {
        let id = lease_id(&self.check(request)?)?;
        lease_response(self.node()?.keep_alive_here(id).await).map(Response::new)
    }

    async fn lease_time_to_live(
        &self,
        request: Request<peer::LeaseRequest>,
    ) -> Result<Response<peer::LeaseResponse>, Status> {
        let id = lease_id(&self.check(request)?)?;
        lease_response(self.node()?.time_to_live_here(id).await).map(Response::new)
    }

    async fn introduce(
        &self,
        request: Request<peer::IntroduceRequest>,
    ) -> Result<Response<peer::IntroduceResponse>, Status> {
        let request = self.check(request)?;
        self.admission.answer(request).await.map(Response::new)
    }
}
