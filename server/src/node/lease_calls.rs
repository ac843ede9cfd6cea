//! Questions about leases that only the leader can answer: asked here, or of the leader.

use std::future::Future;

use quorate_core::kv::LeaseId;

use super::{LeaseTimes, Node, NodeError, RETRY_INTERVAL, leases::LeaseAnswer};
use crate::{clock, proto::peer};

impl Node {
    /// Renews a lease, here or at the leader. `None` where there is no such lease any more.
    ///
    /// # Errors
    /// [`NodeError::NoLeader`] where no leader that may vouch is found in time.
    pub async fn lease_keep_alive(&self, id: LeaseId) -> Result<Option<LeaseTimes>, NodeError> {
        self.ask_leader(|leader| async move {
            if leader == self.member_id() {
                return self.keep_alive_here(id).await;
            }
            let Some(peer) = self.peers.get(leader) else {
                return LeaseAnswer::Unavailable;
            };
            let request = peer::LeaseRequest { id: id.get() };
            lease_answer(peer.rpc().lease_keep_alive(request).await)
        })
        .await
    }

    /// What remains of a lease, by the leader's clock. `None` where there is no such lease.
    ///
    /// # Errors
    /// [`NodeError::NoLeader`] where no leader that may vouch is found in time.
    pub async fn lease_time_to_live(&self, id: LeaseId) -> Result<Option<LeaseTimes>, NodeError> {
        self.ask_leader(|leader| async move {
            if leader == self.member_id() {
                return self.time_to_live_here(id).await;
            }
            let Some(peer) = self.peers.get(leader) else {
                return LeaseAnswer::Unavailable;
            };
            let request = peer::LeaseRequest { id: id.get() };
            lease_answer(peer.rpc().lease_time_to_live(request).await)
        })
        .await
    }

    async fn ask_leader<F, A>(&self, ask: F) -> Result<Option<LeaseTimes>, NodeError>
    where
        F: Fn(u64) -> A,
        A: Future<Output = LeaseAnswer>,
    {
        let attempts = async {
            loop {
                if self.is_stopping() {
                    return Err(NodeError::Stopped);
                }
                if let Some(leader) = self.leader() {
                    match clock::timeout(self.options.election_timeout, ask(leader)).await {
                        Ok(LeaseAnswer::Alive(times)) => return Ok(Some(times)),
                        Ok(LeaseAnswer::Gone) => return Ok(None),
                        Ok(LeaseAnswer::Unavailable | LeaseAnswer::Replicate) | Err(_) => {}
                    }
                }
                clock::sleep(RETRY_INTERVAL).await;
            }
        };
        clock::timeout(self.options.limits.request_timeout, attempts)
            .await
            .unwrap_or(Err(NodeError::NoLeader))
    }
}

fn lease_answer(
    answer: Result<tonic::Response<peer::LeaseResponse>, tonic::Status>,
) -> LeaseAnswer {
    match answer {
        Err(_) => LeaseAnswer::Unavailable,
        Ok(response) => match response.into_inner().lease {
            None => LeaseAnswer::Gone,
            Some(lease) => LeaseAnswer::Alive(LeaseTimes {
                ttl_s: lease.ttl_s,
                granted_ttl_s: lease.granted_ttl_s,
            }),
        },
    }
}
