//! The way of a command into the log, and back as an outcome.

use std::sync::{Arc, atomic::Ordering};

use quorate_core::{
    Command, Response,
    auth::Author,
    codec::encode_command,
    command::Proposal,
    planted::{Bug, is_planted},
    probe,
};

use super::{Node, NodeError, Outcome, RETRY_INTERVAL, proposals::Lost};
use crate::{clock, proto::peer, raft::NotAccepted};

/// What etcd counts against `--max-request-bytes` beyond an encoded command, so that a put of a large
/// value is refused at the same size.
const ENVELOPE_BYTES: usize = 15;

/// Proposals of one member that may wait to be applied. etcd bounds the gap between the committed
/// and the applied index instead, at the same number.
pub(super) const PROPOSALS_MAX: usize = 5000;

impl Node {
    /// Brings a command of `author` into the log and waits until this member has applied it.
    ///
    /// # Errors
    /// [`NodeError::Refused`] where the state machine refused the command: it had no effect.
    /// [`NodeError::Timeout`] and [`NodeError::LeaderFailed`] leave open whether it has one.
    pub async fn propose(
        self: &Arc<Self>,
        author: &Author,
        command: &Command,
    ) -> Result<(i64, Response), NodeError> {
        self.check_space(command).await?;
        let mut encoded = Vec::new();
        encode_command(author, command, &mut encoded);
        if encoded.len() + ENVELOPE_BYTES > self.options.limits.max_request_bytes {
            return Err(NodeError::TooLarge);
        }
        if self.replica.proposals.len() >= PROPOSALS_MAX {
            return Err(NodeError::TooManyRequests);
        }
        let outcome = self.propose_encoded(encoded.into()).await?;
        Ok((outcome.revision, outcome.result?))
    }

    async fn propose_encoded(
        self: &Arc<Self>,
        command: bytes::Bytes,
    ) -> Result<Outcome, NodeError> {
        let request_id = self.next_request.fetch_add(1, Ordering::Relaxed);
        let timeout = self.options.limits.request_timeout;
        let deadline = clock::now() + timeout;
        loop {
            if self.is_stopping() {
                return Err(NodeError::Stopped);
            }
            if clock::now() >= deadline {
                return Err(NodeError::NotProposed);
            }
            let Some(leader) = self.leader() else {
                clock::sleep(RETRY_INTERVAL).await;
                continue;
            };
            let heard = self.replica.proposals.wait(request_id, deadline);
            let send = self.send(leader, request_id, command.clone());
            // As a rule raft takes it at once, and this sets no timer.
            if clock::timeout(timeout, send).await.is_err() {
                self.replica.proposals.lost(request_id, Lost::Overdue);
            }
            let heard = match is_planted(Bug::ProposedAgain) {
                false => heard.await,
                true => match clock::timeout(self.options.election_timeout, heard).await {
                    Ok(heard) => heard,
                    Err(clock::Elapsed) => continue,
                },
            };
            return match heard {
                Ok(Ok(outcome)) => Ok(outcome),
                Ok(Err(Lost::NotProposed)) => {
                    probe!(ProposalOfferedAgain);
                    clock::sleep(RETRY_INTERVAL).await;
                    continue;
                }
                Ok(Err(Lost::Unknown)) => {
                    probe!(ProposalUnknown);
                    Err(NodeError::LeaderFailed)
                }
                Ok(Err(Lost::Overloaded)) => Err(NodeError::TooManyRequests),
                Ok(Err(Lost::Overdue)) => Err(NodeError::Timeout),
                Err(_) => Err(NodeError::Stopped),
            };
        }
    }

    async fn send(self: &Arc<Self>, leader: u64, request_id: u64, command: bytes::Bytes) {
        if leader != self.member_id() {
            probe!(ProposalForwarded);
            self.forward(
                leader,
                peer::Proposal {
                    request_id,
                    command,
                },
            );
            return;
        }
        let replica = self.replica.clone();
        let refused = move |reason| {
            replica.proposals.lost(
                request_id,
                match reason {
                    NotAccepted::NotLeader => Lost::NotProposed,
                    NotAccepted::UnknownOutcome => Lost::Unknown,
                },
            );
        };
        self.append(request_id, command, refused).await;
    }

    /// Stamps a command and puts it into this leader's log.
    pub(crate) async fn append(
        &self,
        request_id: u64,
        command: bytes::Bytes,
        refused: impl FnOnce(NotAccepted) + Send + 'static,
    ) {
        let Some(term) = self.consensus.leading_term() else {
            probe!(ProposalRefused);
            refused(NotAccepted::NotLeader);
            return;
        };
        let time_ms = self.replica.leases.stamp_ms(term, self.applied_ms());
        let proposal = Proposal {
            request_id,
            time_ms,
            command,
        };
        self.consensus
            .propose(proposal.encode(), Some(term), refused)
            .await;
    }

    /// Proposes on the leader's own behalf; what becomes of it is seen in the state, or heard by
    /// `refused`.
    pub(crate) async fn propose_as_leader(
        &self,
        term: u64,
        command: &Command,
        refused: impl FnOnce(NotAccepted) + Send + 'static,
    ) {
        let mut encoded = Vec::new();
        encode_command(&Author::Member, command, &mut encoded);
        let request_id = self.next_request.fetch_add(1, Ordering::Relaxed);
        let time_ms = self.replica.leases.stamp_ms(term, self.applied_ms());
        let proposal = Proposal {
            request_id,
            time_ms,
            command: encoded.into(),
        };
        self.consensus
            .propose(proposal.encode(), Some(term), refused)
            .await;
    }
}
