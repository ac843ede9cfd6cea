//! What every service has at hand.

use std::sync::Arc;

use crate::{node::Node, proto::etcdserverpb::ResponseHeader, runtime::Signal};

/// The node and the signal that ends streams. Clones share both.
#[derive(Clone)]
pub(super) struct Context {
    pub(super) node: Arc<Node>,
    pub(super) stop: Signal,
}

impl Context {
    pub(super) fn new(node: Arc<Node>, stop: Signal) -> Self {
        Self { node, stop }
    }

    /// The header of a response that tells `revision` (contract api.md §1.1).
    pub(super) fn header(&self, revision: i64) -> ResponseHeader {
        ResponseHeader {
            cluster_id: self.node.cluster_id(),
            member_id: self.node.member_id(),
            revision,
            raft_term: self.node.term(),
        }
    }

    /// The same with the store's present revision on this member.
    pub(super) fn header_now(&self) -> ResponseHeader {
        self.header(self.store_revision())
    }

    /// The store's present revision on this member.
    pub(super) fn store_revision(&self) -> i64 {
        self.node.with_state(|state| state.revision())
    }
}
