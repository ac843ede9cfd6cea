//! What every service has at hand.

use std::sync::Arc;

use quorate_core::{
    Command, Response as Outcome, Valid, auth::Author, request::RangeRequest,
    response::RangeResponse,
};

use super::{caller::Caller, errors::ApiError};
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

    /// Who calls, now that something is done in its name.
    ///
    /// # Errors
    /// The caller's token is none, or no more.
    #[allow(clippy::unused_async)]
    pub(super) async fn author(&self, _caller: &Caller) -> Result<Author, ApiError> {
        Ok(Author::Anonymous)
    }

    /// Does what a command says, in the caller's name. The store's revision, and the answer.
    ///
    /// # Errors
    /// As [`Self::author`] and [`Node::propose`].
    pub(super) async fn propose(
        &self,
        caller: &Caller,
        command: Command,
    ) -> Result<(i64, Outcome), ApiError> {
        let author = self.author(caller).await?;
        Ok(self.node.propose(&author, &command).await?)
    }

    /// Reads linearizably, in the caller's name. Not for what may be large.
    ///
    /// # Errors
    /// As [`Self::author`] and [`Node::read_barrier`]; what the caller may not read.
    pub(super) async fn range(
        &self,
        caller: &Caller,
        request: &Valid<RangeRequest>,
    ) -> Result<RangeResponse, ApiError> {
        self.node.read_barrier().await?;
        let author = self.author(caller).await?;
        let view = self.node.view();
        view.authorize_range(&author, request)?;
        Ok(view.range(request)?)
    }
}
