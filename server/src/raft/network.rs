//! The client end of the peer port, as openraft calls it: one connection to each peer, shared by
//! appends, votes and snapshots.

use std::{
    collections::VecDeque,
    future::Future,
    iter,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, stream};
use openraft::{
    OptionalSend, RaftNetworkFactory,
    alias::SnapshotOf,
    base::{BoxFuture, BoxStream},
    errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable},
    network::{
        Backoff, NetBackoff, NetSnapshot, NetStreamAppend, NetTransferLeader, NetVote, RPCOption,
    },
    raft::{
        AppendEntriesRequest, SnapshotResponse, StreamAppendResult, TransferLeaderRequest,
        TransferLeaderResponse, VoteRequest, VoteResponse,
    },
};
use tonic::{Status, Streaming};

use super::{
    convert,
    snapshot::{
        StoredSnapshot,
        send::{self, Broken, Transfers},
    },
    traffic::{self, End, Tap},
    types::{Peer, TypeConfig, Vote},
};
use crate::{
    clock::{self, Instant},
    peers::{PeerClient, Peers},
    proto::peer,
};

/// Pause between two attempts to reach a peer that does not answer.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);

/// Makes the clients.
pub(super) struct Network {
    pub(super) peers: Arc<Peers>,
    pub(super) transfers: Transfers,
    pub(super) tap: Tap,
    /// A request to append that is not answered for so long fails its stream.
    pub(super) append_patience: Duration,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &Peer) -> Link {
        Link {
            client: self.peers.client(target, &node.peer_urls),
            transfers: self.transfers.clone(),
            tap: self.tap.clone(),
            peer: node.name.clone(),
            append_patience: self.append_patience,
        }
    }
}

/// The way to one peer.
pub(super) struct Link {
    client: PeerClient,
    tap: Tap,
    peer: String,
    transfers: Transfers,
    append_patience: Duration,
}

type RpcError = RPCError<TypeConfig>;

/// The peer was not reached or refused: back off.
fn unreachable(status: &Status) -> RpcError {
    RPCError::Unreachable(Unreachable::from_string(status.message()))
}

/// The peer was reached, but did not answer in time: try again at once.
fn timed_out(what: &str) -> RpcError {
    RPCError::Network(NetworkError::from_string(format!(
        "{what}: no answer in time"
    )))
}

async fn within<T>(
    limit: Duration,
    what: &str,
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, RpcError> {
    match clock::timeout(limit, call).await {
        Ok(Ok(response)) => Ok(response.into_inner()),
        Ok(Err(status)) => Err(unreachable(&status)),
        Err(_) => Err(timed_out(what)),
    }
}

fn malformed(error: convert::Malformed) -> RpcError {
    unreachable(&error.into())
}

/// A receiver that said nothing may go on at once; anything else takes a moment to pass.
fn broken(error: Broken) -> RpcError {
    match error {
        Broken::Silent => timed_out("snapshot"),
        other => RPCError::Unreachable(Unreachable::from_string(other.to_string())),
    }
}

impl NetBackoff<TypeConfig> for Link {
    fn backoff(&self) -> Option<Backoff> {
        Some(Backoff::new(iter::repeat(RETRY_INTERVAL)))
    }
}

impl NetVote<TypeConfig> for Link {
    async fn vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let request = convert::vote_request_to_wire(&request);
        let mut client = self.client.rpc();
        let end = self.tap.call(&self.peer);
        end.sent(|| traffic::vote("vote", &request));
        let call = client.vote(end.request(request));
        let response = within(option.hard_ttl(), "vote", call).await?;
        end.arrived();
        convert::vote_response_from_wire(response).map_err(malformed)
    }

    async fn pre_vote(
        &mut self,
        request: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RpcError> {
        let request = convert::vote_request_to_wire(&request);
        let mut client = self.client.rpc();
        let end = self.tap.call(&self.peer);
        end.sent(|| traffic::vote("pre-vote", &request));
        let call = client.pre_vote(end.request(request));
        let response = within(option.hard_ttl(), "pre-vote", call).await?;
        end.arrived();
        convert::vote_response_from_wire(response).map_err(malformed)
    }
}

impl NetTransferLeader<TypeConfig> for Link {
    async fn transfer_leader(
        &mut self,
        request: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RpcError> {
        let request = convert::transfer_to_wire(&request);
        let mut client = self.client.rpc();
        let end = self.tap.call(&self.peer);
        end.sent(|| "hand-over".to_owned());
        let call = client.transfer_leader(end.request(request));
        let response = within(option.hard_ttl(), "leader transfer", call).await?;
        end.arrived();
        if !response.declined.is_empty() {
            tracing::info!(reason = response.declined, "peer declined the leadership");
        }
        Ok(Ok(()))
    }
}

impl NetSnapshot<TypeConfig> for Link {
    type SnapshotData = StoredSnapshot;

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf<TypeConfig, StoredSnapshot>,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let end = self.tap.call(&self.peer);
        let transfers = self.transfers.clone();
        let send = send::send(self.client.clone(), vote, snapshot, transfers, end);
        let vote = tokio::select! {
            biased;
            closed = cancel => return Err(StreamingError::Closed(closed)),
            sent = send => sent.map_err(broken)?,
        };
        Ok(SnapshotResponse::new(vote))
    }
}

/// When each request that is not answered yet was sent. openraft puts no limit on the wait for an
/// answer: a silent peer would hold replication up for ever.
#[derive(Clone, Default)]
struct Unanswered(Arc<Mutex<VecDeque<Instant>>>);

impl Unanswered {
    fn sent(&self) {
        self.0
            .lock()
            .expect("no holder of this lock panics")
            .push_back(clock::now());
    }

    fn answered(&self) {
        self.0
            .lock()
            .expect("no holder of this lock panics")
            .pop_front();
    }

    fn oldest(&self) -> Option<Duration> {
        self.0
            .lock()
            .expect("no holder of this lock panics")
            .front()
            .map(|sent| sent.elapsed())
    }
}

impl NetStreamAppend<TypeConfig> for Link {
    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RpcError>>, RpcError>,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        let patience = self.append_patience;
        let unanswered = Unanswered::default();
        let sent = unanswered.clone();
        let gap = Arc::new(AtomicBool::new(false));
        let found = gap.clone();
        let whole = input.take_while(move |request| {
            let has_gap = convert::has_gap(request);
            found.fetch_or(has_gap, Ordering::Relaxed);
            std::future::ready(!has_gap)
        });
        let end = self.tap.call(&self.peer);
        let leaving = end.clone();
        let requests = whole.map(move |request| {
            sent.sent();
            let request = convert::append_to_wire(request);
            leaving.sent(|| traffic::append(&request));
            request
        });
        let requests = end.request(requests);
        Box::pin(async move {
            let mut client = self.client.rpc();
            let answers = match within(patience, "append", client.append(requests)).await {
                Ok(answers) => answers,
                Err(error) => {
                    // openraft backs off when the stream of requests is polled. A call that never
                    // gets so far would be made again at once, for as long as the peer is down.
                    clock::sleep(RETRY_INTERVAL).await;
                    return Err(error);
                }
            };
            let answers = AppendAnswers {
                answers,
                unanswered,
                patience,
                gap,
                end,
            };
            let stream = stream::unfold(
                Some(answers),
                |answers| async move { answers?.next().await },
            );
            Ok(Box::pin(stream) as BoxStream<'s, _>)
        })
    }
}

struct AppendAnswers {
    answers: Streaming<peer::AppendResponse>,
    unanswered: Unanswered,
    patience: Duration,
    /// The requests ended because entries that they needed are purged.
    gap: Arc<AtomicBool>,
    end: End,
}

type AppendAnswer = Result<StreamAppendResult<TypeConfig>, RpcError>;

impl AppendAnswers {
    /// The next answer, with what is left of the stream; an error or a refusal ends it.
    async fn next(mut self) -> Option<(AppendAnswer, Option<Self>)> {
        loop {
            match clock::timeout(self.patience, self.answers.message()).await {
                Ok(Ok(Some(answer))) => {
                    self.unanswered.answered();
                    self.end.arrived();
                    return Some(match convert::appended_from_wire(answer) {
                        Ok(Ok(matched)) => (Ok(Ok(matched)), Some(self)),
                        Ok(Err(refused)) => (Ok(Err(refused)), None),
                        Err(error) => (Err(malformed(error)), None),
                    });
                }
                // As an error this lets openraft think again, and send a snapshot.
                Ok(Ok(None)) if self.gap.load(Ordering::Relaxed) => {
                    let error = Unreachable::from_string("the entries to send are purged");
                    return Some((Err(RPCError::Unreachable(error)), None));
                }
                Ok(Ok(None)) => return None,
                Ok(Err(status)) => return Some((Err(unreachable(&status)), None)),
                Err(_) => {
                    if self
                        .unanswered
                        .oldest()
                        .is_some_and(|age| age >= self.patience)
                    {
                        return Some((Err(timed_out("append")), None));
                    }
                }
            }
        }
    }
}
