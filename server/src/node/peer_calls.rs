//! What other members ask of this one, apart from raft's own calls.

use std::sync::Arc;

use futures_util::Stream;
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::{Node, leases::LeaseAnswer};
use crate::{
    proto::peer::{self, proposal_refused::Reason},
    raft::NotAccepted,
    runtime,
};

impl Node {
    /// Appends what a follower forwards; answers with those that were refused.
    pub(crate) fn accept_proposals(
        self: &Arc<Self>,
        mut proposals: Streaming<peer::Proposal>,
    ) -> impl Stream<Item = Result<peer::ProposalRefused, Status>> + Send + use<> {
        // Refusals are few and small, and each answers one proposal of a bounded queue.
        let (refusals, mut refused) = mpsc::unbounded_channel();
        let node = self.clone();
        runtime::spawn(async move {
            while let Ok(Some(peer::Proposal {
                request_id,
                command,
            })) = proposals.message().await
            {
                let refusals = refusals.clone();
                let refuse = move |reason| {
                    let reason = match reason {
                        NotAccepted::NotLeader => Reason::NotLeader,
                        NotAccepted::UnknownOutcome => Reason::UnknownOutcome,
                    };
                    let reason = reason.into();
                    let _ = refusals.send(Ok(peer::ProposalRefused { request_id, reason }));
                };
                node.append(request_id, command, refuse).await;
            }
        });
        futures_util::stream::poll_fn(move |cx| refused.poll_recv(cx))
    }

    /// A read index for a follower.
    pub(crate) async fn read_index_for_peer(&self) -> Result<u64, Status> {
        if self.leader() != Some(self.member_id()) {
            return Err(Status::failed_precondition("not leader"));
        }
        self.read_index()
            .await
            .map_err(|error| Status::unavailable(error.to_string()))
    }
}

/// The leader's answer to a follower about a lease.
pub(crate) fn lease_response(answer: LeaseAnswer) -> Result<peer::LeaseResponse, Status> {
    match answer {
        LeaseAnswer::Unavailable | LeaseAnswer::Replicate => {
            Err(Status::failed_precondition("not leader"))
        }
        LeaseAnswer::Gone => Ok(peer::LeaseResponse { lease: None }),
        LeaseAnswer::Alive(times) => Ok(peer::LeaseResponse {
            lease: Some(peer::LeaseTimes {
                ttl_s: times.ttl_s,
                granted_ttl_s: times.granted_ttl_s,
            }),
        }),
    }
}
