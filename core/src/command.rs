//! What a log entry asks of the state machine: the one closed list.

use bytes::Bytes;

use crate::{
    alarm::{Alarm, AlarmAction},
    auth::{AuthRequest, Author},
    kv::LeaseId,
    request::{DeleteRangeRequest, PutRequest, TxnRequest},
    validate::Valid,
};

/// A committed log entry, as every replica applies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Position in the log; each is greater than the one before.
    pub index: u64,
    /// Term of the leader that appended the entry.
    pub term: u64,
    /// Cluster time, milliseconds, stamped by that leader. The state machine never lets it go
    /// back: an earlier stamp counts as the last one.
    pub time_ms: u64,
    /// Who asks.
    pub author: Author,
    /// What to do.
    pub command: Command,
}

/// Everything that changes replicated state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Put one key.
    Put(Valid<PutRequest>),
    /// Delete an interval.
    DeleteRange(Valid<DeleteRangeRequest>),
    /// A transaction that may write.
    Txn(Valid<TxnRequest>),
    /// Forget history below a revision.
    Compact {
        /// The oldest revision that stays readable.
        revision: i64,
    },
    /// Create a lease.
    LeaseGrant {
        /// Chosen by the client or, for 0, by the member that received the request.
        id: LeaseId,
        /// Time to live, seconds, already raised to the cluster's minimum.
        ttl_s: i64,
    },
    /// End a lease and delete its keys.
    LeaseRevoke {
        /// The lease.
        id: LeaseId,
    },
    /// Keep-alives that the leader has answered from memory, made durable in one batch.
    LeaseRenew {
        /// At most [`crate::limits::LEASE_BATCH_MAX`].
        renewals: Vec<Renewal>,
    },
    /// Leases whose time is up in the eyes of the leader of `term`. Has no effect in another term.
    LeaseExpire {
        /// The term in which the proposer led.
        term: u64,
        /// At most [`crate::limits::LEASE_BATCH_MAX`].
        ids: Vec<LeaseId>,
    },
    /// Raise or clear an alarm.
    Alarm {
        /// What to do with it.
        action: AlarmAction,
        /// Which one.
        alarm: Alarm,
    },
    /// Change users, roles, permissions, or whether they count.
    Auth(Valid<AuthRequest>),
    /// Give a user, whose password has been checked, a token that all members know. Refused if users
    /// or roles have changed since the check.
    Authenticate {
        /// The user's name.
        user: String,
        /// The auth revision at which the password was right.
        auth_revision: u64,
        /// What nobody else can guess of the token; chosen by the member that was asked.
        secret: String,
    },
    /// A member says under which name and URLs clients reach it, and which data directory it has.
    /// Without effect if the member is known with another one.
    MemberAttributes(MemberAttributes),
    /// The version that all members can speak, "3.5.0" for instance.
    ClusterVersion {
        /// The version.
        version: String,
    },
}

/// A keep-alive that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Renewal {
    /// The lease.
    pub id: LeaseId,
    /// Cluster time, milliseconds, at which it was renewed.
    pub renewed_at_ms: u64,
}

/// How clients reach a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberAttributes {
    /// The member's id.
    pub member_id: u64,
    /// Its human-readable name.
    pub name: String,
    /// Its advertised client URLs.
    pub client_urls: Vec<String>,
    /// The random number of its data directory. A member that has voted must not come back with
    /// another directory, so the first one that is told counts for good.
    pub instance: u64,
}

/// A command with what the log carries beside it, in its encoded form (see [`crate::codec`]).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// Names the request on the member that received it; that member answers its client when it
    /// applies the entry with this id. Has no influence on state.
    pub request_id: u64,
    /// Cluster time stamp, milliseconds; 0 until the leader has stamped it.
    pub time_ms: u64,
    /// The encoding of the command and of who asks.
    pub command: Bytes,
}
