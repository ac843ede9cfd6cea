//! A member of the cluster, as its services see it: propose, read, watch, keep leases alive.

mod applied_index;
mod defragment;
mod event_size;
mod forward;
mod lease_calls;
mod leases;
mod load;
mod peer_calls;
mod proposals;
mod propose;
mod quota;
mod read_index;
mod space;
mod types;
mod upkeep;
mod watches;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64},
    },
    time::Duration,
};

use quorate_core::{StateMachine, View};

pub(crate) use self::{
    applied_index::AppliedIndex,
    leases::{LeaseOffice, RENEWAL_BATCH_INTERVAL},
    peer_calls::lease_response,
    proposals::Proposals,
    quota::{lease_cost, put_cost},
    watches::Watches,
};
use self::{forward::Forwarder, quota::Quota, read_index::ReadQueue};
pub use self::{
    leases::LeaseTimes,
    load::Load,
    proposals::Outcome,
    types::{Member, NodeError, NodeOptions, RequestLimits, Status},
    watches::WatchStream,
};
use crate::{
    auth::Auth,
    clock,
    peers::Peers,
    raft::{Consensus, RaftState},
    replica::Replica,
    runtime::{self, Signal},
    storage::Space,
};

/// Pause before a request that found no leader, or one that had just lost its office, tries again.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// Clients are served after so long even if no leader is known; etcd 3.5 would let them wait.
const READY_TIMEOUT: Duration = Duration::from_secs(5);

/// See the module.
pub struct Node {
    options: NodeOptions,
    replica: Arc<Replica>,
    consensus: Consensus,
    peers: Arc<Peers>,
    forwarder: Forwarder,
    reads: ReadQueue,
    next_request: AtomicU64,
    stopping: Signal,
    space: Space,
    quota: Quota,
    /// Whether a proposal may have to be refused for an alarm, or for lack of space.
    refusing: AtomicBool,
}

impl Node {
    /// Puts the parts together and starts the tasks that run as long as the server does.
    /// `first_request` must differ between two runs of one member.
    pub fn start(
        options: NodeOptions,
        replica: Arc<Replica>,
        consensus: Consensus,
        peers: Arc<Peers>,
        space: Space,
        first_request: u64,
    ) -> Arc<Self> {
        let node = Arc::new(Self {
            quota: Quota::new(options.quota_bytes),
            options,
            replica,
            consensus,
            peers,
            forwarder: Forwarder::default(),
            reads: ReadQueue::default(),
            next_request: AtomicU64::new(first_request),
            stopping: Signal::new(),
            space,
            refusing: AtomicBool::new(false),
        });
        runtime::spawn(node.clone().run_reads());
        runtime::spawn(node.clone().run_leases());
        runtime::spawn(node.clone().run_upkeep());
        runtime::spawn(node.clone().run_deadlines());
        runtime::spawn(node.clone().run_space());
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

    /// What raft holds now; `None` where it has stopped.
    pub async fn raft_state(&self) -> Option<RaftState> {
        self.consensus.state().await
    }

    /// The leader, if this member knows one.
    pub fn leader(&self) -> Option<u64> {
        self.consensus.leadership().leader
    }

    /// Returns when a leader is known, when the node stops, or after [`READY_TIMEOUT`].
    pub(crate) async fn leader_known(self: Arc<Self>) {
        let known = async {
            while self.leader().is_none() && !self.is_stopping() {
                clock::sleep(RETRY_INTERVAL).await;
            }
        };
        let _ = clock::timeout(READY_TIMEOUT, known).await;
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

    /// What tells who a client is.
    pub(crate) fn auth(&self) -> &Auth {
        &self.replica.auth
    }

    /// Runs `f` on the state under the read lock: for point reads, never for scans.
    pub fn with_state<T>(&self, f: impl FnOnce(&StateMachine) -> T) -> T {
        self.replica.with_state(f)
    }

    /// An unchanging view of the state, for scans.
    pub fn view(&self) -> View {
        self.replica.view()
    }

    /// Waits until this member has applied `index`, or stops.
    pub(crate) async fn applied(&self, index: u64) {
        self.replica.applied_index.reached(index).await;
    }

    /// Opens a watch stream.
    pub fn watch(&self) -> WatchStream {
        WatchStream::open(self.replica.clone())
    }

    /// Refuses all that comes from now on with [`NodeError::Stopped`], and ends what is waiting.
    pub fn stop(&self) {
        self.stopping.raise();
        self.replica.proposals.close();
        self.replica.applied_index.close();
        self.replica.watches.close();
    }

    fn is_stopping(&self) -> bool {
        self.stopping.is_raised()
    }

    /// All members, in order of their ids.
    pub fn members(&self) -> Vec<Member> {
        self.with_state(|state| {
            let describe = |founder: &Member| {
                let known = state
                    .member_attributes()
                    .find(|known| known.member_id == founder.id);
                Member {
                    id: founder.id,
                    peer_urls: founder.peer_urls.clone(),
                    name: known.map(|known| known.name.clone()).unwrap_or_default(),
                    client_urls: known
                        .map(|known| known.client_urls.clone())
                        .unwrap_or_default(),
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
        let known = self
            .options
            .members
            .iter()
            .any(|member| member.id == to && !member.is_learner);
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
