//! What applying a command or reading gives back.

use bytes::Bytes;

use crate::{
    alarm::Alarm,
    kv::{KeyValue, LeaseId},
};

/// The answer to one command, when it succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// To a put.
    Put(PutResponse),
    /// To a delete range.
    DeleteRange(DeleteRangeResponse),
    /// To a transaction.
    Txn(TxnResponse),
    /// To a compaction; its physical part goes on behind it.
    Compact,
    /// To a lease grant.
    LeaseGrant {
        /// The lease's id.
        id: LeaseId,
        /// The granted time to live, seconds.
        ttl_s: i64,
    },
    /// To a lease revoke.
    LeaseRevoke,
    /// To a batch of renewals.
    LeaseRenew,
    /// To a batch of expiries.
    LeaseExpire {
        /// Number of leases that were still there and ended with this entry. 0 where the proposal
        /// came from an earlier term.
        expired: usize,
    },
    /// To raising or clearing an alarm.
    Alarm {
        /// The alarm, unless one that was not there was to be cleared.
        alarm: Option<Alarm>,
    },
    /// To a change of the auth state.
    Auth,
    /// To a user's authentication.
    Authenticate {
        /// The user's token from now on: its secret, a dot, and the log index of the entry.
        token: String,
    },
    /// To a member publishing its name and client URLs.
    MemberAttributes,
    /// To a change of the cluster version.
    ClusterVersion,
}

/// To a range read. `revision` of a nested answer is the revision visible to it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeResponse {
    /// Store revision at the time of the read, not the one asked for.
    pub revision: i64,
    /// The key-values.
    pub kvs: Vec<KeyValue>,
    /// Whether the limit left some out.
    pub more: bool,
    /// Number of keys in the interval at that revision, before limit and filters.
    pub count: i64,
}

/// The first keys of an interval.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The key-values, by key ascending.
    pub kvs: Vec<KeyValue>,
    /// Whether the interval has more keys behind them.
    pub more: bool,
}

/// To a put.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutResponse {
    /// The put's main revision.
    pub revision: i64,
    /// The key before, if asked for and there.
    pub prev_kv: Option<KeyValue>,
}

/// To a delete range.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRangeResponse {
    /// The delete's main revision, or the store's where nothing has changed.
    pub revision: i64,
    /// Number of keys deleted.
    pub deleted: i64,
    /// The keys before, if asked for, in key order.
    pub prev_kvs: Vec<KeyValue>,
}

/// To a transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnResponse {
    /// Store revision after the transaction; 0 in a nested answer, as in etcd.
    pub revision: i64,
    /// Whether all compares held.
    pub succeeded: bool,
    /// One answer for each operation of the branch that was taken, in order.
    pub responses: Vec<OpResponse>,
}

/// The answer to one operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpResponse {
    /// To a read.
    Range(RangeResponse),
    /// To a put.
    Put(PutResponse),
    /// To a delete range.
    DeleteRange(DeleteRangeResponse),
    /// To a nested transaction.
    Txn(TxnResponse),
}

/// A lease as the replicated state holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseInfo {
    /// The lease's id.
    pub id: LeaseId,
    /// Granted time to live, seconds.
    pub ttl_s: i64,
    /// Cluster time, milliseconds, of the grant or of the last *replicated* renewal.
    pub renewed_at_ms: u64,
    /// The keys attached to it, in key order.
    pub keys: Vec<Bytes>,
}

/// A checksum of the key space at a revision, by etcd's definition (contract api.md §9.3). Only
/// those with equal revisions can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// CRC-32C over the versions up to `revision`; of those up to the compact revision, over what is
    /// live at `revision`.
    pub hash: u32,
    /// The main revision hashed.
    pub revision: i64,
    /// The compact revision, -1 for none (corner case 72).
    pub compact_revision: i64,
}
