//! openraft's type parameters, fixed once.

use std::fmt;

use bytes::Bytes;
use openraft::{
    OptionalSend, RaftTypeConfig, alias,
    impls::{BoxedErrorSource, InlineBatch},
    raft::responder::Responder,
    vote::leader_id_std,
};

use super::{applier::Applier, runtime::Runtime};

/// Quorate's instantiation: standard raft leader ids (one leader to a term, as in etcd), and
/// proposals that are opaque bytes until they are applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = Payload;
    type R = ();
    type NodeId = u64;
    type Node = Peer;
    type Term = u64;
    type LeaderId = leader_id_std::LeaderId<u64, u64>;
    type Vote = openraft::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<Payload, u64, Peer>;
    type Entry = openraft::Entry<leader_id_std::CommittedLeaderId<u64>, Self::Payload>;
    type AsyncRuntime = Runtime;
    type Responder<T: OptionalSend + 'static> = Callback<T>;
    type Batch<T: OptionalSend + 'static> = InlineBatch<T>;
    type ErrorSource = BoxedErrorSource;
}

pub(super) type Raft = openraft::Raft<TypeConfig, Applier>;
pub(super) type Entry = alias::EntryOf<TypeConfig>;
pub(super) type EntryPayload = alias::PayloadOf<TypeConfig>;
pub(super) type LogId = alias::LogIdOf<TypeConfig>;
pub(super) type Vote = alias::VoteOf<TypeConfig>;
pub(super) type Membership = openraft::Membership<u64, Peer>;
pub(super) type StoredMembership = alias::StoredMembershipOf<TypeConfig>;
pub(super) type SnapshotMeta = alias::SnapshotMetaOf<TypeConfig>;
pub(super) type CommittedLeaderId = alias::CommittedLeaderIdOf<TypeConfig>;

/// A member as raft's membership entries hold it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// The member's name in `--initial-cluster`.
    pub name: String,
    /// Where its peers reach it.
    pub peer_urls: Vec<String>,
}

/// An encoded [`quorate_core::command::Proposal`].
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Payload(pub(super) Bytes);

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0.len())
    }
}

/// Hears what became of a write, at once and without a task that waits for it.
pub(crate) struct Callback<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Callback<T> {
    pub(super) fn new(f: impl FnOnce(T) + Send + 'static) -> Self {
        Self(Box::new(f))
    }
}

impl<T> Responder<TypeConfig, T> for Callback<T>
where
    T: OptionalSend + 'static,
{
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}
