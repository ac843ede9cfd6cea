//! The sending end of a snapshot transfer: one call, chunk by chunk out of the file, never faster
//! than the receiver takes them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::{Stream, StreamExt as _, stream};
use openraft::alias::SnapshotOf;
use tokio::sync::mpsc;
use tonic::Status;

use super::{StoredSnapshot, extent_from_wire, extent_to_wire};
use crate::{
    clock::{self, Instant},
    peers::PeerClient,
    proto::peer::{
        self, SnapshotRequest, SnapshotResponse, snapshot_request::Part,
        snapshot_response::Progress,
    },
    raft::{
        convert,
        traffic::End,
        types::{TypeConfig, Vote},
    },
    storage::{CheckpointReader, Extent, StorageError},
};

/// A receiver that takes no chunk and gives no sign of life for so long is given up. What it has
/// it keeps: the next call goes on from there.
const STALL: Duration = Duration::from_secs(10);

/// For so long after the last chunk that a peer took, its transfer counts as going on: time for a
/// broken connection to be made again.
const GOING_ON: Duration = Duration::from_secs(30);

/// Chunks that are read ahead of the transport.
const CHUNKS_AHEAD: usize = 1;

/// What the rest of the server should know of transfers to other members. Clones share it.
#[derive(Clone, Default)]
pub(in crate::raft) struct Transfers(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// When a peer last took a chunk.
    moved: Mutex<Option<Instant>>,
    damaged: AtomicBool,
}

impl Transfers {
    fn moved(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.moved.lock().expect("no holder of this lock panics")
    }

    /// Whether a peer is taking a snapshot, or was a moment ago and is likely to go on.
    pub(in crate::raft) fn are_going_on(&self) -> bool {
        let moved = *self.moved();
        moved.is_some_and(|moved| moved.elapsed() < GOING_ON)
    }

    /// Whether a checkpoint that had to be sent turned out to be damaged since the last question.
    pub(in crate::raft) fn take_damaged(&self) -> bool {
        self.0.damaged.swap(false, Ordering::Relaxed)
    }
}

/// Why a transfer broke.
#[derive(Debug, thiserror::Error)]
pub(in crate::raft) enum Broken {
    /// The peer was not reached, or ended the transfer.
    #[error("{}", .0.message())]
    Refused(#[from] Status),
    /// The peer gives no sign of life.
    #[error("no answer in time")]
    Silent,
    /// This member's own file cannot be read.
    #[error(transparent)]
    Unreadable(StorageError),
}

/// Sends a snapshot; returns the receiver's vote once the snapshot is its state.
pub(in crate::raft) async fn send(
    client: PeerClient,
    vote: Vote,
    snapshot: SnapshotOf<TypeConfig, StoredSnapshot>,
    transfers: Transfers,
    end: End,
) -> Result<Vote, Broken> {
    let content = snapshot.snapshot.content();
    let head = peer::SnapshotHead {
        vote: Some(convert::vote_to_wire(&vote)),
        last_log_id: snapshot.meta.last_log_id.map(convert::log_id_to_wire),
        membership: Some(convert::stored_membership_to_wire(
            &snapshot.meta.last_membership,
        )),
        content: Some(extent_to_wire(content)),
    };
    let (parts, mut queue) = mpsc::channel(CHUNKS_AHEAD);
    // Chained in front of the queue, the head cannot be late.
    let head = SnapshotRequest {
        part: Some(Part::Head(head)),
    };
    let chunks = stream::poll_fn(move |cx| queue.poll_recv(cx));
    let mut client = client.rpc();
    end.sent(|| {
        let last = snapshot
            .meta
            .last_log_id
            .as_ref()
            .map_or(0, convert::entry_index);
        format!("snapshot last={last} bytes={}", content.bytes)
    });
    let call = client.snapshot(end.request(stream::iter([head]).chain(chunks)));
    let answers = match clock::timeout(STALL, call).await {
        Ok(answers) => answers?.into_inner(),
        Err(_) => return Err(Broken::Silent),
    };
    let transfer = Transfer::new(answers, transfers);
    transfer.run(snapshot.snapshot.read(), content, parts).await
}

/// One call, once it has begun.
pub(super) struct Transfer<A> {
    answers: A,
    transfers: Transfers,
    /// Chunks that the peer has taken.
    taken: Arc<AtomicU64>,
}

impl<A: Stream<Item = Result<SnapshotResponse, Status>> + Unpin> Transfer<A> {
    pub(super) fn new(answers: A, transfers: Transfers) -> Self {
        Self {
            answers,
            transfers,
            taken: Arc::default(),
        }
    }

    /// Goes on from where the receiver is, and waits until it has made the snapshot its state.
    pub(super) async fn run(
        mut self,
        reader: CheckpointReader,
        content: Extent,
        parts: mpsc::Sender<SnapshotRequest>,
    ) -> Result<Vote, Broken> {
        let Progress::Have(have) = self.next_answer().await? else {
            return Err(Status::internal("a snapshot was installed before it was sent").into());
        };
        let have = extent_from_wire(have);
        let (index, bytes, from_byte) = (reader.position().index, content.bytes, have.bytes);
        tracing::info!(index, bytes, from_byte, "sending a snapshot");
        let feed = Feed {
            parts,
            transfers: self.transfers.clone(),
            taken: self.taken.clone(),
        };
        let mut feed = std::pin::pin!(feed.run(reader, have));
        let mut fed = false;
        loop {
            tokio::select! {
                biased;
                answer = self.next_answer() => {
                    if let Progress::Installed(vote) = answer? {
                        *self.transfers.moved() = None;
                        tracing::info!(index, sent_bytes = bytes - from_byte, "snapshot sent");
                        let vote = convert::vote_from_wire(Some(vote));
                        return vote.map_err(|error| Broken::Refused(error.into()));
                    }
                }
                done = &mut feed, if !fed => {
                    done?;
                    fed = true;
                }
            }
        }
    }

    /// The receiver's next word. As long as it takes chunks it need not say anything.
    async fn next_answer(&mut self) -> Result<Progress, Broken> {
        loop {
            let taken = self.taken.load(Ordering::Relaxed);
            match clock::timeout(STALL, self.answers.next()).await {
                Ok(Some(answer)) => {
                    let progress = answer?.progress;
                    return progress.ok_or_else(|| Status::internal("an empty answer").into());
                }
                Ok(None) => return Err(Status::unavailable("the transfer was ended").into()),
                Err(_) if self.taken.load(Ordering::Relaxed) == taken => {
                    return Err(Broken::Silent);
                }
                Err(_) => {}
            }
        }
    }
}

/// The way of the chunks into the call.
struct Feed {
    parts: mpsc::Sender<SnapshotRequest>,
    transfers: Transfers,
    taken: Arc<AtomicU64>,
}

impl Feed {
    /// Hands out the chunks behind `have`, each when there is room for it.
    async fn run(self, mut reader: CheckpointReader, have: Extent) -> Result<(), Broken> {
        reader.skip_to(have);
        loop {
            let content = match reader.next().await {
                Ok(Some(content)) => content,
                Ok(None) => return Ok(()),
                Err(error) => {
                    tracing::error!(%error, "cannot read the checkpoint that a peer needs");
                    self.transfers.0.damaged.store(true, Ordering::Relaxed);
                    return Err(Broken::Unreadable(error));
                }
            };
            let chunk = peer::SnapshotChunk {
                content,
                checksum: reader.extent().checksum,
            };
            let part = SnapshotRequest {
                part: Some(Part::Chunk(chunk)),
            };
            if self.parts.send(part).await.is_err() {
                // The call has ended; the answers say why.
                return Ok(());
            }
            self.taken.fetch_add(1, Ordering::Relaxed);
            *self.transfers.moved() = Some(clock::now());
        }
    }
}
