//! The server end of raft's own calls on the peer port. [`crate::peer_service`] routes them here.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _, stream};
use openraft::alias::SnapshotOf;
use tonic::{Status, Streaming};

use super::{
    contact::LeaderContact,
    convert,
    snapshot::{self, StoredSnapshot},
    types::{Raft, SnapshotMeta, TypeConfig, Vote},
};
use crate::{proto::peer, storage::Checkpoints};

/// Answers raft's calls from other members.
#[derive(Clone)]
pub struct RaftService {
    pub(super) raft: Raft,
    pub(super) checkpoints: Checkpoints,
    pub(super) contact: LeaderContact,
}

fn stopped(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

impl RaftService {
    /// Appends each request's entries; answers in order. A broken or malformed request stream ends
    /// the answers.
    pub fn append(
        &self,
        requests: Streaming<peer::AppendRequest>,
    ) -> Pin<Box<dyn Stream<Item = Result<peer::AppendResponse, Status>> + Send>> {
        let parts = (requests, self.contact.clone());
        let requests = stream::unfold(parts, |(mut requests, contact)| async move {
            let request = requests.message().await.ok()??;
            let request = convert::append_from_wire(request).ok()?;
            contact.heard(request.vote.leader_id.term);
            Some((request, (requests, contact)))
        });
        let answers = self.raft.stream_append(Box::pin(requests));
        Box::pin(answers.map(|answer| answer.map(convert::appended_to_wire).map_err(stopped)))
    }

    /// Asks for this member's vote.
    pub async fn vote(&self, request: peer::VoteRequest) -> Result<peer::VoteResponse, Status> {
        let request = convert::vote_request_from_wire(request)?;
        let response = self.raft.vote(request).await.map_err(stopped)?;
        Ok(convert::vote_response_to_wire(&response))
    }

    /// Asks whether this member would vote; changes nothing.
    pub async fn pre_vote(&self, request: peer::VoteRequest) -> Result<peer::VoteResponse, Status> {
        let request = convert::vote_request_from_wire(request)?;
        let response = self.raft.pre_vote(request).await.map_err(stopped)?;
        Ok(convert::vote_response_to_wire(&response))
    }

    /// Lets this member, or another, stand for election at once.
    pub async fn transfer_leader(
        &self,
        request: peer::TransferLeaderRequest,
    ) -> Result<peer::TransferLeaderResponse, Status> {
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
        Ok(peer::TransferLeaderResponse { declined })
    }

    /// Receives a checkpoint into a file and makes it this member's state.
    pub async fn snapshot(
        &self,
        mut parts: Streaming<peer::SnapshotRequest>,
    ) -> Result<peer::SnapshotResponse, Status> {
        use peer::snapshot_request::Part;
        let Some(peer::SnapshotRequest {
            part: Some(Part::Head(head)),
        }) = parts.message().await?
        else {
            return Err(Status::invalid_argument("a snapshot begins with its head"));
        };
        let (vote, meta) = parse_head(head)?;
        let snapshot = self.receive(&meta, parts).await?;
        let snapshot = SnapshotOf::<TypeConfig, StoredSnapshot> { meta, snapshot };
        let response = self
            .raft
            .install_full_snapshot(vote, snapshot)
            .await
            .map_err(stopped)?;
        Ok(peer::SnapshotResponse {
            vote: Some(convert::vote_to_wire(&response.vote)),
        })
    }

    /// Only what is committed is ever in a snapshot, so keeping it is harmless even if raft then
    /// refuses it because its sender leads no more.
    async fn receive(
        &self,
        meta: &SnapshotMeta,
        mut parts: Streaming<peer::SnapshotRequest>,
    ) -> Result<StoredSnapshot, Status> {
        use peer::snapshot_request::Part;
        let kept = |error: &dyn std::fmt::Display| {
            Status::internal(format!("cannot keep the snapshot: {error}"))
        };
        let mut writer = snapshot::begin(&self.checkpoints, meta)
            .await
            .map_err(|error| kept(&error))?;
        while let Some(part) = parts.message().await? {
            let Some(Part::Chunk(chunk)) = part.part else {
                return Err(Status::invalid_argument("not a chunk of a snapshot"));
            };
            writer.write(chunk).await.map_err(|error| kept(&error))?;
        }
        let checkpoint = writer.commit().await.map_err(|error| kept(&error))?;
        Ok(StoredSnapshot::new(self.checkpoints.clone(), checkpoint))
    }
}

fn parse_head(head: peer::SnapshotHead) -> Result<(Vote, SnapshotMeta), Status> {
    let stored = head
        .membership
        .ok_or_else(|| Status::invalid_argument("no membership"))?;
    let meta = SnapshotMeta {
        last_log_id: head.last_log_id.map(convert::log_id_from_wire),
        last_membership: convert::stored_membership_from_wire(stored)?,
    };
    Ok((convert::vote_from_wire(head.vote)?, meta))
}
