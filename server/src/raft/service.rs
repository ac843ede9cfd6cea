//! The server end of raft's own calls on the peer port. [`crate::peer_service`] routes them here.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _, stream};
use openraft::raft::VoteResponse;
use tonic::{Status, Streaming};

use super::{
    contact::LeaderContact,
    convert,
    snapshot::receive::Receiver,
    traffic::{self, CallNumber, End, Tap},
    types::{Raft, TypeConfig},
};
use crate::proto::peer;

/// Answers raft's calls from other members.
#[derive(Clone)]
pub struct RaftService {
    pub(super) raft: Raft,
    pub(super) snapshots: Receiver,
    pub(super) contact: LeaderContact,
    pub(super) tap: Tap,
}

fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

/// What is answered to one who asked for a vote.
fn answered(
    kind: &str,
    end: &End,
    response: Result<VoteResponse<TypeConfig>, impl std::fmt::Display>,
) -> Result<peer::VoteResponse, Status> {
    let response = convert::vote_response_to_wire(&response.map_err(stopped)?);
    end.sent(|| traffic::voted(kind, &response));
    Ok(response)
}

impl RaftService {
    /// This member's end of a call whose one request has arrived.
    fn asked(&self, call: CallNumber) -> End {
        let end = self.tap.answer(call);
        end.arrived();
        end
    }

    /// Appends each request's entries; answers in order. A broken or malformed request stream ends
    /// the answers.
    pub fn append(
        &self,
        call: CallNumber,
        requests: Streaming<peer::AppendRequest>,
    ) -> Pin<Box<dyn Stream<Item = Result<peer::AppendResponse, Status>> + Send>> {
        let end = self.tap.answer(call);
        let parts = (requests, self.contact.clone(), end.clone());
        let requests = stream::unfold(parts, |(mut requests, contact, end)| async move {
            let request = requests.message().await.ok()??;
            end.arrived();
            let request = convert::append_from_wire(request).ok()?;
            contact.heard(request.vote.leader_id.term);
            Some((request, (requests, contact, end)))
        });
        let answers = self.raft.stream_append(Box::pin(requests));
        Box::pin(answers.map(move |answer| {
            let answer = answer.map(convert::appended_to_wire).map_err(stopped)?;
            end.sent(|| traffic::appended(&answer));
            Ok(answer)
        }))
    }

    /// Asks for this member's vote.
    pub async fn vote(
        &self,
        call: CallNumber,
        request: peer::VoteRequest,
    ) -> Result<peer::VoteResponse, Status> {
        let end = self.asked(call);
        let request = convert::vote_request_from_wire(request)?;
        answered("vote", &end, self.raft.vote(request).await)
    }

    /// Asks whether this member would vote; changes nothing.
    pub async fn pre_vote(
        &self,
        call: CallNumber,
        request: peer::VoteRequest,
    ) -> Result<peer::VoteResponse, Status> {
        let end = self.asked(call);
        let request = convert::vote_request_from_wire(request)?;
        answered("pre-vote", &end, self.raft.pre_vote(request).await)
    }

    /// Lets this member, or another, stand for election at once.
    pub async fn transfer_leader(
        &self,
        call: CallNumber,
        request: peer::TransferLeaderRequest,
    ) -> Result<peer::TransferLeaderResponse, Status> {
        let end = self.asked(call);
        let request = convert::transfer_from_wire(request)?;
        let answer = self
            .raft
            .handle_transfer_leader(request)
            .await
            .map_err(stopped)?;
        let declined = answer
            .err()
            .map(|error| error.to_string())
            .unwrap_or_default();
        end.sent(|| "hand-over-answer".to_owned());
        Ok(peer::TransferLeaderResponse { declined })
    }

    /// Receives a checkpoint into a file and makes it this member's state.
    pub fn snapshot(
        &self,
        call: CallNumber,
        parts: Streaming<peer::SnapshotRequest>,
    ) -> Pin<Box<dyn Stream<Item = Result<peer::SnapshotResponse, Status>> + Send>> {
        self.asked(call);
        let mut answers = self.snapshots.serve(self.raft.clone(), parts);
        Box::pin(stream::poll_fn(move |cx| answers.poll_recv(cx)))
    }
}
