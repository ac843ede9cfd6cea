//! Between openraft's types, the peer wire's messages and the log's bytes.
//!
//! An entry's bytes in the log and on the wire: nothing for a blank entry; [`MEMBERSHIP_TAG`] and
//! an encoded `Membership` message; or an encoded proposal, whose first byte is the proposal
//! format's version and never that tag.

use std::collections::{BTreeMap, BTreeSet};

use bytes::{BufMut, Bytes, BytesMut};
use openraft::{
    entry::RaftEntry as _,
    raft::{
        AppendEntriesRequest, StreamAppendError, StreamAppendResult, TransferLeaderRequest,
        VoteRequest, VoteResponse,
    },
};
use prost::Message as _;

use super::types::{
    CommittedLeaderId, Entry, EntryPayload, LogId, Membership, Payload, Peer, SnapshotMeta,
    StoredMembership, TypeConfig, Vote,
};
use crate::{
    proto::peer,
    storage::{LogEntry, LogPosition},
};

/// First byte of a membership entry's payload.
const MEMBERSHIP_TAG: u8 = 0xff;

/// A message that no correct member sends, or a log entry that no correct member wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed raft message: {0}")]
pub(super) struct Malformed(&'static str);

impl From<Malformed> for tonic::Status {
    fn from(error: Malformed) -> Self {
        Self::invalid_argument(error.to_string())
    }
}

impl From<Malformed> for std::io::Error {
    fn from(error: Malformed) -> Self {
        Self::new(std::io::ErrorKind::InvalidData, error)
    }
}

pub(super) fn log_id(term: u64, index: u64) -> LogId {
    LogId {
        leader_id: CommittedLeaderId::new(term),
        index,
    }
}

pub(super) fn term_of(log_id: &LogId) -> u64 {
    log_id.leader_id.term
}

/// The entry's index as the rest of Quorate counts, from 1 as etcd does; openraft, the log and the
/// peer wire count from 0. An applied index of 0 is "nothing".
pub(super) fn entry_index(log_id: &LogId) -> u64 {
    log_id.index + 1
}

pub(super) fn log_position(log_id: &LogId) -> LogPosition {
    LogPosition {
        term: term_of(log_id),
        index: log_id.index,
    }
}

pub(super) fn log_id_to_wire(log_id: LogId) -> peer::LogId {
    peer::LogId {
        term: term_of(&log_id),
        index: log_id.index,
    }
}

pub(super) fn log_id_from_wire(wire: peer::LogId) -> LogId {
    log_id(wire.term, wire.index)
}

pub(super) fn vote_to_wire(vote: &Vote) -> peer::Vote {
    peer::Vote {
        term: vote.leader_id.term,
        voted_for: vote.leader_id.voted_for,
        committed: vote.committed,
    }
}

pub(super) fn vote_from_wire(wire: Option<peer::Vote>) -> Result<Vote, Malformed> {
    let wire = wire.ok_or(Malformed("no vote"))?;
    Ok(if wire.committed {
        Vote::new_committed(wire.term, wire.voted_for)
    } else {
        Vote::new(wire.term, wire.voted_for)
    })
}

pub(super) fn entry_to_log(entry: Entry) -> LogEntry {
    let payload = match entry.payload {
        EntryPayload::Blank => Bytes::new(),
        EntryPayload::Normal(Payload(bytes)) => bytes,
        EntryPayload::Membership(membership) => {
            let message = membership_to_wire(&membership);
            let mut bytes = BytesMut::with_capacity(1 + message.encoded_len());
            bytes.put_u8(MEMBERSHIP_TAG);
            message.encode(&mut bytes).expect("the buffer grows");
            bytes.freeze()
        }
    };
    LogEntry {
        index: entry.log_id.index,
        term: term_of(&entry.log_id),
        payload,
    }
}

pub(super) fn entry_from_log(entry: LogEntry) -> Result<Entry, Malformed> {
    let payload = match entry.payload.first() {
        None => EntryPayload::Blank,
        Some(&MEMBERSHIP_TAG) => {
            let message = peer::Membership::decode(entry.payload.slice(1..))
                .map_err(|_| Malformed("membership entry"))?;
            EntryPayload::Membership(membership_from_wire(message)?)
        }
        Some(_) => EntryPayload::Normal(Payload(entry.payload)),
    };
    Ok(Entry::new(log_id(entry.term, entry.index), payload))
}

fn entry_to_wire(entry: Entry) -> peer::Entry {
    let LogEntry {
        index,
        term,
        payload,
    } = entry_to_log(entry);
    peer::Entry {
        term,
        index,
        payload,
    }
}

/// Copies the payload: a slice of the request's buffer would keep the whole buffer alive for as
/// long as the entry stays in memory.
fn entry_from_wire(wire: peer::Entry) -> Result<Entry, Malformed> {
    let payload = Bytes::copy_from_slice(&wire.payload);
    entry_from_log(LogEntry {
        index: wire.index,
        term: wire.term,
        payload,
    })
}

fn membership_to_wire(membership: &Membership) -> peer::Membership {
    let configs = membership
        .get_joint_config()
        .iter()
        .map(|voters| peer::Voters {
            ids: voters.iter().copied().collect(),
        })
        .collect();
    let members = membership
        .nodes()
        .map(|(&id, node)| peer::Member {
            id,
            name: node.name.clone(),
            peer_urls: node.peer_urls.clone(),
        })
        .collect();
    peer::Membership { configs, members }
}

fn membership_from_wire(wire: peer::Membership) -> Result<Membership, Malformed> {
    let configs = wire
        .configs
        .into_iter()
        .map(|voters| voters.ids.into_iter().collect())
        .collect::<Vec<BTreeSet<u64>>>();
    let members = wire
        .members
        .into_iter()
        .map(|member| {
            (
                member.id,
                Peer {
                    name: member.name,
                    peer_urls: member.peer_urls,
                },
            )
        })
        .collect::<BTreeMap<_, _>>();
    Membership::new(configs, members).map_err(|_| Malformed("membership"))
}

pub(super) fn stored_membership_to_wire(stored: &StoredMembership) -> peer::StoredMembership {
    peer::StoredMembership {
        log_id: stored.log_id().map(log_id_to_wire),
        membership: Some(membership_to_wire(stored.membership())),
    }
}

pub(super) fn stored_membership_from_wire(
    wire: peer::StoredMembership,
) -> Result<StoredMembership, Malformed> {
    let membership = match wire.membership {
        Some(membership) if !membership.configs.is_empty() => membership_from_wire(membership)?,
        _ => Membership::default(),
    };
    Ok(StoredMembership::new(
        wire.log_id.map(log_id_from_wire),
        membership,
    ))
}

pub(super) fn append_to_wire(request: AppendEntriesRequest<TypeConfig>) -> peer::AppendRequest {
    peer::AppendRequest {
        vote: Some(vote_to_wire(&request.vote)),
        prev_log_id: request.prev_log_id.map(log_id_to_wire),
        entries: request.entries.into_iter().map(entry_to_wire).collect(),
        leader_commit: request.leader_commit.map(log_id_to_wire),
    }
}

pub(super) fn append_from_wire(
    wire: peer::AppendRequest,
) -> Result<AppendEntriesRequest<TypeConfig>, Malformed> {
    let request = AppendEntriesRequest {
        vote: vote_from_wire(wire.vote)?,
        prev_log_id: wire.prev_log_id.map(log_id_from_wire),
        entries: wire
            .entries
            .into_iter()
            .map(entry_from_wire)
            .collect::<Result<_, _>>()?,
        leader_commit: wire.leader_commit.map(log_id_from_wire),
    };
    if has_gap(&request) {
        return Err(Malformed("entries that do not follow each other"));
    }
    Ok(request)
}

/// Whether an entry does not follow the one before it, or the first one what the request builds on.
/// openraft checks this in debug builds alone, and would append them.
pub(super) fn has_gap(request: &AppendEntriesRequest<TypeConfig>) -> bool {
    let first = request.prev_log_id.map_or(0, |log_id| log_id.index + 1);
    (first..)
        .zip(&request.entries)
        .any(|(index, entry)| entry.log_id.index != index)
}

pub(super) fn appended_to_wire(result: StreamAppendResult<TypeConfig>) -> peer::AppendResponse {
    use peer::append_response::Result as Wire;
    let result = match result {
        Ok(log_id) => Wire::Matched(peer::Matched {
            log_id: log_id.map(log_id_to_wire),
        }),
        Err(StreamAppendError::Conflict(log_id)) => Wire::Conflict(log_id_to_wire(log_id)),
        Err(StreamAppendError::HigherVote(vote)) => Wire::HigherVote(vote_to_wire(&vote)),
    };
    peer::AppendResponse {
        result: Some(result),
    }
}

pub(super) fn appended_from_wire(
    wire: peer::AppendResponse,
) -> Result<StreamAppendResult<TypeConfig>, Malformed> {
    use peer::append_response::Result as Wire;
    Ok(
        match wire.result.ok_or(Malformed("empty append response"))? {
            Wire::Matched(matched) => Ok(matched.log_id.map(log_id_from_wire)),
            Wire::Conflict(log_id) => Err(StreamAppendError::Conflict(log_id_from_wire(log_id))),
            Wire::HigherVote(vote) => {
                Err(StreamAppendError::HigherVote(vote_from_wire(Some(vote))?))
            }
        },
    )
}

pub(super) fn vote_request_to_wire(request: &VoteRequest<TypeConfig>) -> peer::VoteRequest {
    peer::VoteRequest {
        vote: Some(vote_to_wire(&request.vote)),
        last_log_id: request.last_log_id.map(log_id_to_wire),
        leadership_transfer: request.leadership_transfer,
    }
}

pub(super) fn vote_request_from_wire(
    wire: peer::VoteRequest,
) -> Result<VoteRequest<TypeConfig>, Malformed> {
    let last_log_id = wire.last_log_id.map(log_id_from_wire);
    let mut request = VoteRequest::new(vote_from_wire(wire.vote)?, last_log_id);
    request.leadership_transfer = wire.leadership_transfer;
    Ok(request)
}

pub(super) fn vote_response_to_wire(response: &VoteResponse<TypeConfig>) -> peer::VoteResponse {
    peer::VoteResponse {
        vote: Some(vote_to_wire(&response.vote)),
        granted: response.vote_granted,
        last_log_id: response.last_log_id.map(log_id_to_wire),
    }
}

pub(super) fn vote_response_from_wire(
    wire: peer::VoteResponse,
) -> Result<VoteResponse<TypeConfig>, Malformed> {
    let last_log_id = wire.last_log_id.map(log_id_from_wire);
    Ok(VoteResponse::new(
        vote_from_wire(wire.vote)?,
        last_log_id,
        wire.granted,
    ))
}

pub(super) fn transfer_to_wire(
    request: &TransferLeaderRequest<TypeConfig>,
) -> peer::TransferLeaderRequest {
    peer::TransferLeaderRequest {
        from_leader: Some(vote_to_wire(request.from_leader())),
        to: *request.to_node_id(),
        last_log_id: request.last_log_id().copied().map(log_id_to_wire),
    }
}

pub(super) fn transfer_from_wire(
    wire: peer::TransferLeaderRequest,
) -> Result<TransferLeaderRequest<TypeConfig>, Malformed> {
    let last_log_id = wire.last_log_id.map(log_id_from_wire);
    Ok(TransferLeaderRequest::new(
        vote_from_wire(wire.from_leader)?,
        wire.to,
        last_log_id,
    ))
}

/// What a checkpoint file says of itself in openraft's terms: the `meta` bytes of its header.
pub(super) fn snapshot_meta_to_bytes(meta: &SnapshotMeta) -> Bytes {
    stored_membership_to_wire(&meta.last_membership)
        .encode_to_vec()
        .into()
}

pub(super) fn snapshot_meta_from_bytes(
    position: LogPosition,
    meta: &[u8],
) -> Result<SnapshotMeta, Malformed> {
    let wire = peer::StoredMembership::decode(meta).map_err(|_| Malformed("checkpoint header"))?;
    Ok(SnapshotMeta {
        last_log_id: Some(log_id(position.term, position.index)),
        last_membership: stored_membership_from_wire(wire)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_seen_wherever_it_is() {
        let request = |prev: Option<u64>, indexes: &[u64]| AppendEntriesRequest {
            vote: Vote::new(1, 1),
            prev_log_id: prev.map(|index| log_id(1, index)),
            entries: indexes
                .iter()
                .map(|&index| Entry {
                    log_id: log_id(1, index),
                    payload: EntryPayload::Blank,
                })
                .collect(),
            leader_commit: None,
        };
        for (prev, indexes) in [(None, &[0, 1][..]), (Some(4), &[5, 6]), (Some(4), &[])] {
            assert!(!has_gap(&request(prev, indexes)), "{prev:?} {indexes:?}");
        }
        for (prev, indexes) in [(None, &[1][..]), (Some(4), &[656]), (Some(4), &[5, 7])] {
            assert!(has_gap(&request(prev, indexes)), "{prev:?} {indexes:?}");
        }
    }
}
