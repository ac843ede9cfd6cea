//! A member of the cluster, as its services see it: propose, read, watch, keep leases alive.

mod applied_index;
mod event_size;
mod forward;
mod leases;
mod peer_calls;
mod proposals;
mod read_index;
mod upkeep;
mod watches;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use quorate_core::{
    Command, Error, Response, StateMachine, View, codec::encode_command, command::Proposal,
    kv::LeaseId,
};

use self::{forward::Forwarder, leases::LeaseAnswer, proposals::Lost, read_index::ReadQueue};
pub(crate) use self::{
    applied_index::AppliedIndex, leases::LeaseOffice, peer_calls::lease_response,
    proposals::Proposals, watches::Watches,
};
pub(crate) use self::leases::RENEWAL_BATCH_INTERVAL;
pub use self::{leases::LeaseTimes, proposals::Outcome, watches::WatchStream};
use crate::{
    clock,
    peers::Peers,
    proto::peer,
    raft::{Consensus, NotAccepted},
    replica::Replica,
    runtime,
};

/// Pause before a request that found no leader, or one that had just lost its office, tries again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// What etcd counts for the envelope of a proposal against `--max-request-bytes`.
const ENVELOPE_BYTES: usize = 26;

/// Proposals of one member that may wait to be applied. etcd bounds the gap between the committed
/// and the applied index instead, at the same number.
const PROPOSALS_MAX: usize = 5000;

/// Why a request came to nothing, or may have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The state machine refused it.
    #[error(transparent)]
    Refused(#[from] Error),
    /// Nobody leads, or the leader cannot vouch.
    #[error("no leader")]
    NoLeader,
    /// No leader was found for as long as a request may take; nothing was proposed.
    #[error("context deadline exceeded")]
    NotProposed,
    /// No answer for as long as a request may take. A write may still take effect.
    #[error("request timed out")]
    Timeout,
    /// The leader that had the proposal lost its office; it may still take effect.
    #[error("request timed out, possibly due to previous leader failure")]
    LeaderFailed,
    /// The proposal is larger than `--max-request-bytes`.
    #[error("request is too large")]
    TooLarge,
    /// Too many proposals are waiting.
    #[error("too many requests")]
    TooManyRequests,
    /// This member does not lead.
    #[error("not leader")]
    NotLeader,
    /// Leadership cannot go to this member.
    #[error("bad leader transferee")]
    BadLeaderTransferee,
    /// The transfer did not happen in time.
    #[error("request timed out, leader transfer took too long")]
    LeaderTransferTimeout,
    /// The server is stopping.
    #[error("server stopped")]
    Stopped,
}

/// What a request may ask at the most.
#[derive(Clone, Debug)]
pub struct RequestLimits {
    /// `--max-request-bytes`.
    pub max_request_bytes: usize,
    /// `--max-txn-ops`.
    pub max_txn_ops: usize,
    /// Shortest time to live of a lease, seconds; shorter ones are raised to it.
    pub min_lease_ttl_s: i64,
    /// How long a request may wait for consensus.
    pub request_timeout: Duration,
}

/// What a node is made of and how it behaves.
#[derive(Clone, Debug)]
pub struct NodeOptions {
    /// The cluster.
    pub cluster_id: u64,
    /// This member.
    pub member_id: u64,
    /// The founding members, in order of their ids.
    pub members: Vec<Member>,
    /// Its limits.
    pub limits: RequestLimits,
    /// As configured.
    pub election_timeout: Duration,
    /// A checkpoint is begun when this many bytes of log lie behind the last one, or as many as
    /// that one has, whichever is more.
    pub checkpoint_log_bytes: u64,
    /// A checkpoint is also begun after this many entries, where the operator says so.
    pub checkpoint_entries: Option<u64>,
    /// `--quota-backend-bytes`, as Status reports it.
    pub quota_bytes: u64,
    /// Most keys that one step of physical compaction looks at.
    pub compact_step_keys: usize,
    /// Most leases in one replicated batch of renewals or expiries.
    pub lease_batch_max: usize,
}

/// A member of the cluster. One that has not started yet has no name and no client URLs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Member {
    /// Its id.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Where its peers reach it.
    pub peer_urls: Vec<String>,
    /// Where clients reach it.
    pub client_urls: Vec<String>,
    /// Whether it replicates without a vote.
    pub is_learner: bool,
}

/// A member's own view of itself and of the cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The leader, if known.
    pub leader: Option<u64>,
    /// The current term.
    pub term: u64,
    /// Newest index known to be committed.
    pub committed_index: u64,
    /// Newest index applied here.
    pub applied_index: u64,
    /// Size of the state, bytes.
    pub db_size_bytes: u64,
    /// The quota, bytes.
    pub quota_bytes: u64,
}

/// See the module.
pub struct Node {
    options: NodeOptions,
    replica: Arc<Replica>,
    consensus: Consensus,
    peers: Arc<Peers>,
    forwarder: Forwarder,
    reads: ReadQueue,
    next_request: AtomicU64,
    stopping: AtomicBool,
}

impl Node {
    /// Puts the parts together and starts the tasks that run as long as the server does.
    /// `first_request` must differ between two runs of one member.
    pub fn start(
        options: NodeOptions,
        replica: Arc<Replica>,
        consensus: Consensus,
        peers: Arc<Peers>,
        first_request: u64,
    ) -> Arc<Self> {
        let node = Arc::new(Self {
            options,
            replica,
            consensus,
            peers,
            forwarder: Forwarder::default(),
            reads: ReadQueue::default(),
            next_request: AtomicU64::new(first_request),
            stopping: AtomicBool::new(false),
        });
        runtime::spawn(node.clone().run_reads());
        runtime::spawn(node.clone().run_leases());
        runtime::spawn(node.clone().run_upkeep());
        node
    }

    /// The cluster's id.
    pub fn cluster_id(&self) -> u64 {
        self.options.cluster_id
    }

    /// This member's id.
    pub fn member_id(&self) -> u64 {
        self.options.member_id
    }

    /// The current term.
    pub fn term(&self) -> u64 {
        self.consensus.leadership().term
    }

    /// The leader, if this member knows one.
    pub fn leader(&self) -> Option<u64> {
        self.consensus.leadership().leader
    }

    /// What requests may ask.
    pub fn limits(&self) -> &RequestLimits {
        &self.options.limits
    }

    pub(crate) fn options(&self) -> &NodeOptions {
        &self.options
    }

    pub(crate) fn replica(&self) -> &Arc<Replica> {
        &self.replica
    }

    pub(crate) fn consensus(&self) -> &Consensus {
        &self.consensus
    }

    pub(crate) fn peers(&self) -> &Peers {
        &self.peers
    }

    fn forwarder(&self) -> &Forwarder {
        &self.forwarder
    }

    fn read_queue(&self) -> &ReadQueue {
        &self.reads
    }

    /// Runs `f` on the state under the read lock: for point reads, never for scans.
    pub fn with_state<T>(&self, f: impl FnOnce(&StateMachine) -> T) -> T {
        self.replica.with_state(f)
    }

    /// An unchanging view of the state, for scans.
    pub fn view(&self) -> View {
        self.replica.view()
    }

    /// Opens a watch stream.
    pub fn watch(&self) -> WatchStream {
        WatchStream::open(self.replica.clone())
    }

    /// Refuses all that comes from now on with [`NodeError::Stopped`], and ends what is waiting.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
        self.replica.proposals.close();
        self.replica.applied_index.close();
        self.replica.watches.close();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// Brings a command into the log and waits until this member has applied it.
    ///
    /// # Errors
    /// [`NodeError::Refused`] where the state machine refused the command: it had no effect.
    /// [`NodeError::Timeout`] and [`NodeError::LeaderFailed`] leave open whether it has one.
    pub async fn propose(self: &Arc<Self>, command: Command) -> Result<(i64, Response), NodeError> {
        let mut encoded = Vec::new();
        encode_command(&command, &mut encoded);
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
        let mut sent = false;
        let attempts = async {
            loop {
                if self.is_stopping() {
                    return Err(NodeError::Stopped);
                }
                let Some(leader) = self.leader() else {
                    clock::sleep(RETRY_INTERVAL).await;
                    continue;
                };
                let heard = self.replica.proposals.wait(request_id);
                sent = true;
                self.send(leader, request_id, command.clone()).await;
                match heard.await {
                    Ok(Ok(outcome)) => return Ok(outcome),
                    Ok(Err(Lost::NotProposed)) => {
                        sent = false;
                        clock::sleep(RETRY_INTERVAL).await;
                    }
                    Ok(Err(Lost::Unknown)) => return Err(NodeError::LeaderFailed),
                    Ok(Err(Lost::Overloaded)) => return Err(NodeError::TooManyRequests),
                    Err(_) => return Err(NodeError::Stopped),
                }
            }
        };
        let result = clock::timeout(self.options.limits.request_timeout, attempts).await;
        self.replica.proposals.forget(request_id);
        match result {
            Ok(result) => result,
            Err(_) if sent => Err(NodeError::Timeout),
            Err(_) => Err(NodeError::NotProposed),
        }
    }

    async fn send(self: &Arc<Self>, leader: u64, request_id: u64, command: bytes::Bytes) {
        if leader != self.member_id() {
            self.forward(leader, peer::Proposal { request_id, command });
            return;
        }
        let replica = self.replica.clone();
        let refused = move |reason| {
            replica.proposals.lost(request_id, match reason {
                NotAccepted::NotLeader => Lost::NotProposed,
                NotAccepted::UnknownOutcome | NotAccepted::Stopped => Lost::Unknown,
            });
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
            refused(NotAccepted::NotLeader);
            return;
        };
        let time_ms = self.replica.leases.stamp_ms(term, self.applied_ms());
        let proposal = Proposal { request_id, time_ms, command };
        self.consensus.propose(proposal.encode(), Some(term), refused).await;
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
        encode_command(command, &mut encoded);
        let request_id = self.next_request.fetch_add(1, Ordering::Relaxed);
        let time_ms = self.replica.leases.stamp_ms(term, self.applied_ms());
        let proposal = Proposal { request_id, time_ms, command: encoded.into() };
        self.consensus.propose(proposal.encode(), Some(term), refused).await;
    }

    /// Renews a lease, here or at the leader. `None` where there is no such lease any more.
    ///
    /// # Errors
    /// [`NodeError::NoLeader`] where no leader that may vouch is found in time.
    pub async fn lease_keep_alive(&self, id: LeaseId) -> Result<Option<LeaseTimes>, NodeError> {
        self.ask_leader(|leader| async move {
            if leader == self.member_id() {
                return self.keep_alive_here(id).await;
            }
            let Some(peer) = self.peers.get(leader) else { return LeaseAnswer::Unavailable };
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
                return self.time_to_live_here(id);
            }
            let Some(peer) = self.peers.get(leader) else { return LeaseAnswer::Unavailable };
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

    /// All members, in order of their ids.
    pub fn members(&self) -> Vec<Member> {
        self.with_state(|state| {
            let describe = |founder: &Member| {
                let known = state.member_attributes().find(|known| known.member_id == founder.id);
                Member {
                    id: founder.id,
                    peer_urls: founder.peer_urls.clone(),
                    name: known.map(|known| known.name.clone()).unwrap_or_default(),
                    client_urls: known.map(|known| known.client_urls.clone()).unwrap_or_default(),
                    is_learner: founder.is_learner,
                }
            };
            self.options.members.iter().map(describe).collect()
        })
    }

    /// Number of members.
    pub(crate) fn member_count(&self) -> usize {
        self.options.members.len()
    }

    /// This member's status; needs no other member.
    pub fn status(&self) -> Status {
        let leadership = self.consensus.leadership();
        let (applied_index, db_size_bytes) =
            self.with_state(|state| (state.applied_index(), state.size_bytes()));
        Status {
            leader: leadership.leader,
            term: leadership.term,
            committed_index: self.consensus.committed_index().max(applied_index),
            applied_index,
            db_size_bytes,
            quota_bytes: self.options.quota_bytes,
        }
    }

    /// Hands leadership to another member and waits until it has it.
    ///
    /// # Errors
    /// [`NodeError::NotLeader`], [`NodeError::BadLeaderTransferee`] for an unknown member or a
    /// learner, [`NodeError::LeaderTransferTimeout`].
    pub async fn transfer_leader(&self, to: u64) -> Result<(), NodeError> {
        if self.leader() != Some(self.member_id()) {
            return Err(NodeError::NotLeader);
        }
        let known = self.options.members.iter().any(|member| member.id == to && !member.is_learner);
        if !known {
            return Err(NodeError::BadLeaderTransferee);
        }
        if to == self.member_id() {
            return Ok(());
        }
        self.consensus.transfer_leader(to).await;
        let taken = async {
            while self.leader() != Some(to) {
                clock::sleep(RETRY_INTERVAL).await;
            }
        };
        clock::timeout(self.options.limits.request_timeout, taken)
            .await
            .map_err(|_| NodeError::LeaderTransferTimeout)
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
