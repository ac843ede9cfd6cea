//! Who leads, and what it proclaims, as a stream.

use std::pin::Pin;

use futures_util::stream;
use quorate_core::{
    kv::{Event, KeyRange, KeyValue},
    planted::{Bug, is_planted},
    request::RangeRequest,
};
use tonic::{Request, Status};

use super::leader_response;
use crate::{
    api::{
        ResponseStream,
        caller::Caller,
        context::Context,
        errors::ApiError,
        metadata,
        queue::{self, Events},
        watch,
    },
    node::NodeError,
    proto::v3electionpb::{LeaderRequest, LeaderResponse},
};

/// Begins with who leads now, if anybody does.
pub(super) fn open(
    context: &Context,
    caller: Caller,
    request: Request<LeaderRequest>,
) -> ResponseStream<LeaderResponse> {
    let requires_leader = metadata::requires_leader(request.metadata());
    let observation = Observation {
        over: Box::pin(watch::over(context.clone(), requires_leader)),
        view: View {
            context: context.clone(),
            caller,
            range: queue::below(&request.get_ref().name),
            leader: None,
        },
    };
    Box::pin(stream::unfold(Some(observation), Observation::respond))
}

struct Observation {
    view: View,
    /// Ends when the stream must.
    over: Pin<Box<dyn Future<Output = NodeError> + Send>>,
}

impl Observation {
    /// The next response, or the end: a function for [`stream::unfold`].
    async fn respond(
        observation: Option<Self>,
    ) -> Option<(Result<LeaderResponse, Status>, Option<Self>)> {
        let mut observation = observation?;
        let next = tokio::select! {
            biased;
            error = &mut observation.over => Err(error.into()),
            next = observation.view.next() => next,
        };
        match next {
            Ok(response) => Some((Ok(response), Some(observation))),
            Err(error @ ApiError::Node(NodeError::Stopped | NodeError::NoLeader)) => {
                Some((Err(error.into()), None))
            }
            // As in etcd, a stream that cannot go on ends without a word, be it that the caller
            // may not read.
            Err(_) => None,
        }
    }
}

/// What was seen last.
struct View {
    context: Context,
    caller: Caller,
    /// Where the candidates' keys are.
    range: KeyRange,
    /// What happens to the leader's key; `None` while nobody is known to lead.
    leader: Option<Events>,
}

impl View {
    async fn next(&mut self) -> Result<LeaderResponse, ApiError> {
        loop {
            let Some(leader) = &mut self.leader else {
                let (kv, revision) = self.next_leader().await?;
                let range = KeyRange::Key(kv.key.clone());
                let misses = i64::from(is_planted(Bug::ObserverMissesNext));
                let from = revision + 1 + misses;
                self.leader = Some(Events::of(&self.context, range, from));
                return Ok(leader_response(&self.context, kv, revision));
            };
            match leader.next().await? {
                Event::Put { kv, .. } => {
                    let revision = kv.mod_revision;
                    return Ok(leader_response(&self.context, kv, revision));
                }
                Event::Delete { .. } => self.leader = None,
            }
        }
    }

    /// Who leads at a revision: the holder of the first key, or the first to put one. Whether the
    /// caller may watch the keys is asked by reading them.
    async fn next_leader(&self) -> Result<(KeyValue, i64), ApiError> {
        let first: RangeRequest = queue::first_of(self.range.clone());
        let read = queue::read(&self.context, &self.caller, first).await?;
        if let Some(kv) = read.kvs.into_iter().next() {
            return Ok((kv, read.revision));
        }
        let mut events = Events::of(&self.context, self.range.clone(), read.revision + 1);
        loop {
            if let Event::Put { kv, .. } = events.next().await? {
                let revision = kv.mod_revision;
                return Ok((kv, revision));
            }
        }
    }
}
