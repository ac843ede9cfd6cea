//! What a node is told and what it tells.

use std::time::Duration;

use quorate_core::Error;

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
    /// The size of the state at which what takes space is refused; `None` is no limit.
    pub quota_bytes: Option<u64>,
    /// Most keys that one step of physical compaction looks at.
    pub compact_step_keys: usize,
    /// Most leases in one replicated batch of renewals or expiries.
    pub lease_batch_max: usize,
    /// How often idle watchers that asked for it are told their revision.
    pub progress_interval: Duration,
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
    pub quota_bytes: Option<u64>,
}
