//! What every service has at hand.

use std::sync::Arc;

use quorate_core::{
    Command, Error, Response as Outcome, Valid, View,
    auth::{AuthError, Author},
    planted::{Bug, is_planted},
    probe,
    request::RangeRequest,
    response::RangeResponse,
};

use super::{caller::Caller, errors::ApiError};
use crate::{
    auth::{SimpleToken, SimpleTokens, Tokens},
    clock,
    node::{Node, NodeError},
    proto::etcdserverpb::ResponseHeader,
    runtime::Signal,
};

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

    /// Who calls, as far as this member knows. Nobody needs to say while authentication is off.
    ///
    /// # Errors
    /// [`ApiError::InvalidAuthToken`].
    pub(super) async fn author(&self, caller: &Caller) -> Result<Author, ApiError> {
        if !self.node.with_state(|state| state.auth_enabled()) {
            return Ok(Author::Anonymous);
        }
        let Some(token) = caller.token() else {
            return Ok(Author::Anonymous);
        };
        let author = match &self.node.auth().tokens {
            Tokens::Simple(tokens) => self.simple_author(tokens, token).await,
            Tokens::Jwt(tokens) => tokens
                .verify(token)
                .map(|(name, auth_revision)| Author::User {
                    name,
                    auth_revision,
                }),
        };
        author.ok_or(ApiError::InvalidAuthToken)
    }

    /// A simple token goes with the times: it always stands for the present auth revision. One that
    /// this member may not know yet is waited for (corner case 128).
    async fn simple_author(&self, tokens: &SimpleTokens, token: &str) -> Option<Author> {
        let token = SimpleToken::parse(token)?;
        let applied_index = || self.node.with_state(|state| state.applied_index());
        probe!(TokenAwaited if applied_index() < token.index);
        let known = self.node.applied(token.index);
        let timeout = self.node.limits().request_timeout;
        clock::timeout(timeout, known).await.ok()?;
        let user = tokens.user(token);
        probe!(TokenOver if user.is_none());
        let name = user?.to_string();
        let auth_revision = self.node.with_state(|state| state.auth_revision());
        Some(Author::User {
            name,
            auth_revision,
        })
    }

    /// Who calls, if it may do what is asked. Where this member says no, it asks again when it
    /// knows all that was acknowledged before the call.
    ///
    /// # Errors
    /// As [`Self::author`] and [`Node::read_barrier`], and the reason why not.
    pub(super) async fn permit(
        &self,
        caller: &Caller,
        may: impl Fn(&View, &Author) -> Result<(), Error>,
    ) -> Result<Author, ApiError> {
        match self.permit_here(caller, &may).await {
            Err(ApiError::Node(NodeError::Refused(_)))
                if !is_planted(Bug::RefusedWithoutAsking) => {}
            answer => return answer,
        }
        // Who cannot ask does not know, and says that.
        self.node.read_barrier().await?;
        let answer = self.permit_here(caller, &may).await;
        probe!(AllowedAfterAll if answer.is_ok());
        answer
    }

    async fn permit_here(
        &self,
        caller: &Caller,
        may: impl Fn(&View, &Author) -> Result<(), Error>,
    ) -> Result<Author, ApiError> {
        let author = self.author(caller).await?;
        self.node.with_state(|state| may(state, &author))?;
        Ok(author)
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
        // What will be refused when it is applied need not get into the log.
        let may = |state: &View, author: &Author| {
            if state.auth_enabled() {
                // What only root may, others are refused before anything else is looked at.
                if matches!(command, Command::Compact { .. }) {
                    state.authorize(author, &command)?;
                }
                state.check_alarms(&command)?;
                state.authorize(author, &command)?;
            }
            Ok(())
        };
        let mut author = self.permit(caller, may).await?;
        loop {
            let refusal = match self.node.propose(&author, &command).await {
                Err(NodeError::Refused(Error::Auth(
                    refusal @ (AuthError::AuthOldRevision | AuthError::UserEmpty),
                ))) => refusal,
                answer => return Ok(answer?),
            };
            // Users or roles have changed on the way, without effect on a simple token. Or this
            // member did not yet know that authentication is on and left the token unread.
            let now = self.permit(caller, may).await?;
            if now == author {
                return Err(refusal.into());
            }
            probe!(ProposedForNewRights);
            author = now;
        }
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
