//! The receiving end of a snapshot transfer: into a temporary checkpoint file as it comes. What a
//! broken transfer leaves is kept for the next one.

use std::{
    future::Future,
    pin::pin,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures_util::{Stream, StreamExt as _};
use openraft::alias::SnapshotOf;
use quorate_core::probe;
use tokio::sync::{Mutex as AsyncMutex, mpsc};
use tonic::Status;

use super::{StoredSnapshot, begin, extent_from_wire, extent_to_wire};
use crate::{
    clock,
    proto::peer::{
        self, SnapshotRequest, SnapshotResponse, snapshot_request::Part,
        snapshot_response::Progress,
    },
    raft::{
        convert,
        types::{Raft, SnapshotMeta, TypeConfig, Vote},
    },
    runtime::{self, Signal},
    storage::{Checkpoint, CheckpointWriter, Checkpoints, Extent, StorageError},
};

/// While the end of a transfer takes its time, the sender is told so often that it goes on.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// Answers that wait for the sender; signs of life beyond that are not needed.
const ANSWERS_WAITING_MAX: usize = 4;

type Answer = Result<SnapshotResponse, Status>;

/// Receives snapshots, one at a time. Clones are the same.
#[derive(Clone)]
pub(in crate::raft) struct Receiver {
    checkpoints: Checkpoints,
    /// Locked by the transfer that is going on.
    partial: Arc<AsyncMutex<Option<Partial>>>,
    /// Ends the transfer that is going on.
    superseded: Arc<Mutex<Signal>>,
}

/// What a broken transfer has left.
struct Partial {
    writer: CheckpointWriter,
    /// All that there was to come.
    content: Extent,
}

/// What the sender has announced.
pub(super) struct Offer {
    pub(super) meta: SnapshotMeta,
    pub(super) content: Extent,
}

impl Receiver {
    pub(in crate::raft) fn new(checkpoints: Checkpoints) -> Self {
        Self {
            checkpoints,
            partial: Arc::default(),
            superseded: Arc::default(),
        }
    }

    /// Answers a call: receives the snapshot and makes it this member's state.
    pub(in crate::raft) fn serve(
        &self,
        raft: Raft,
        mut parts: impl Stream<Item = Result<SnapshotRequest, Status>> + Unpin + Send + 'static,
    ) -> mpsc::Receiver<Answer> {
        let (answers, queue) = mpsc::channel(ANSWERS_WAITING_MAX);
        let receiver = self.clone();
        runtime::spawn(async move {
            let end = receiver.install(&raft, &mut parts, &answers).await;
            let end = end.map(|vote| SnapshotResponse {
                progress: Some(Progress::Installed(convert::vote_to_wire(&vote))),
            });
            // The sender may have gone; it will ask again.
            let _ = answers.send(end).await;
        });
        queue
    }

    async fn install(
        &self,
        raft: &Raft,
        parts: &mut (impl Stream<Item = Result<SnapshotRequest, Status>> + Unpin),
        answers: &mpsc::Sender<Answer>,
    ) -> Result<Vote, Status> {
        let Some(Part::Head(head)) = next_part(parts).await? else {
            return Err(Status::invalid_argument("a snapshot begins with its head"));
        };
        let (vote, offer) = parse_head(head)?;
        // Only what is committed is ever in a snapshot, so keeping it is harmless even if raft then
        // refuses it because its sender leads no more.
        let snapshot = self.receive(&offer, parts, answers).await?;
        let snapshot = SnapshotOf::<TypeConfig, StoredSnapshot> {
            meta: offer.meta,
            snapshot,
        };
        let install = raft.install_full_snapshot(vote, snapshot);
        let response = with_signs_of_life(answers, offer.content, install).await;
        let response = response.map_err(|error| Status::unavailable(error.to_string()))?;
        Ok(response.vote)
    }

    /// Receives a checkpoint into its file, from where the last attempt has ended. A newer call
    /// takes the place of one whose sender may long be gone.
    pub(super) async fn receive(
        &self,
        offer: &Offer,
        parts: &mut (impl Stream<Item = Result<SnapshotRequest, Status>> + Unpin),
        answers: &mpsc::Sender<Answer>,
    ) -> Result<StoredSnapshot, Status> {
        let superseded = self.take_turn();
        let mut kept = self.partial.lock().await;
        if let Some(whole) = self.find_whole(offer) {
            probe!(SnapshotKnown);
            tell(answers, offer.content);
            return self.open(whole).await;
        }
        let mut partial = self.resume(kept.take(), offer).await?;
        tell(answers, partial.writer.extent());
        match partial.copy(parts, &superseded).await {
            Ok(()) => {}
            Err(Ended::Disk(error)) => return Err(cannot_keep(partial, &error).await),
            Err(Ended::Stream(status)) => {
                *kept = Some(partial);
                return Err(status);
            }
        }
        let commit = partial.writer.commit();
        match with_signs_of_life(answers, offer.content, commit).await {
            Ok(whole) => self.open(whole).await,
            Err(error) => Err(report(&error)),
        }
    }

    /// Drops what was kept of a snapshot that ends at `index` or before: it is not needed any more.
    pub(in crate::raft) async fn forget_up_to(&self, index: u64) {
        let Ok(mut kept) = self.partial.try_lock() else {
            return;
        };
        if let Some(partial) = kept.take_if(|kept| kept.writer.position().index <= index) {
            partial.discard().await;
        }
    }

    fn take_turn(&self) -> Signal {
        let turn = Signal::new();
        let mut running = self
            .superseded
            .lock()
            .expect("no holder of this lock panics");
        std::mem::replace(&mut *running, turn.clone()).raise();
        turn
    }

    /// The transfer broke when all was here.
    fn find_whole(&self, offer: &Offer) -> Option<Checkpoint> {
        let last = offer.meta.last_log_id?;
        let offered = Checkpoint {
            position: convert::log_position(&last),
            content: offer.content,
        };
        self.checkpoints
            .latest()
            .filter(|latest| *latest == offered)
    }

    async fn resume(&self, kept: Option<Partial>, offer: &Offer) -> Result<Partial, Status> {
        let position = offer.meta.last_log_id.as_ref().map(convert::log_position);
        if let Some(kept) = kept {
            if Some(kept.writer.position()) == position && kept.content == offer.content {
                probe!(TransferResumed if kept.writer.extent().chunks > 0);
                return Ok(kept);
            }
            kept.discard().await;
        }
        let begun = begin(&self.checkpoints, &offer.meta).await;
        Ok(Partial {
            writer: begun.map_err(|error| report(&error))?,
            content: offer.content,
        })
    }

    async fn open(&self, whole: Checkpoint) -> Result<StoredSnapshot, Status> {
        let snapshot = StoredSnapshot::open(&self.checkpoints, whole).await;
        snapshot.map_err(|error| report(&error))
    }
}

/// Why a transfer ends early.
enum Ended {
    /// What is here is good.
    Stream(Status),
    /// Nothing is known about what is here.
    Disk(StorageError),
}

impl Partial {
    async fn copy(
        &mut self,
        parts: &mut (impl Stream<Item = Result<SnapshotRequest, Status>> + Unpin),
        superseded: &Signal,
    ) -> Result<(), Ended> {
        while self.writer.extent() != self.content {
            let part = tokio::select! {
                biased;
                () = superseded.raised() => {
                    probe!(TransferSuperseded);
                    Err(Status::aborted("a newer call goes on with it"))
                }
                part = next_part(parts) => part,
            };
            let chunk = match part.map_err(Ended::Stream)? {
                Some(Part::Chunk(chunk)) => chunk,
                Some(Part::Head(_)) => {
                    return Err(Ended::Stream(Status::invalid_argument("a second head")));
                }
                None => {
                    let text = "the snapshot ends before its end";
                    return Err(Ended::Stream(Status::data_loss(text)));
                }
            };
            let copied = self.writer.copy(chunk.content, chunk.checksum).await;
            if !copied.map_err(Ended::Disk)? {
                let at = self.writer.extent().chunks;
                let text = format!("chunk {at} of the snapshot was damaged on its way");
                tracing::error!("{text}");
                return Err(Ended::Stream(Status::data_loss(text)));
            }
        }
        Ok(())
    }

    async fn discard(self) {
        if let Err(error) = self.writer.abort().await {
            tracing::warn!("{error}");
        }
    }
}

async fn next_part(
    parts: &mut (impl Stream<Item = Result<SnapshotRequest, Status>> + Unpin),
) -> Result<Option<Part>, Status> {
    match parts.next().await.transpose()? {
        None => Ok(None),
        Some(SnapshotRequest { part: Some(part) }) => Ok(Some(part)),
        Some(SnapshotRequest { part: None }) => {
            Err(Status::invalid_argument("not a part of a snapshot"))
        }
    }
}

/// Tells the sender what is here, unless it has enough to read.
fn tell(answers: &mpsc::Sender<Answer>, have: Extent) {
    let _ = answers.try_send(Ok(SnapshotResponse {
        progress: Some(Progress::Have(extent_to_wire(have))),
    }));
}

async fn with_signs_of_life<T>(
    answers: &mpsc::Sender<Answer>,
    have: Extent,
    work: impl Future<Output = T>,
) -> T {
    let mut work = pin!(work);
    loop {
        match clock::timeout(SIGN_OF_LIFE, &mut work).await {
            Ok(done) => return done,
            Err(_) => tell(answers, have),
        }
    }
}

/// After a failed write nothing is known about the file: the next attempt begins anew.
async fn cannot_keep(partial: Partial, error: &StorageError) -> Status {
    partial.discard().await;
    report(error)
}

fn report(error: &dyn std::fmt::Display) -> Status {
    tracing::error!("cannot keep the snapshot: {error}");
    Status::internal(format!("cannot keep the snapshot: {error}"))
}

fn parse_head(head: peer::SnapshotHead) -> Result<(Vote, Offer), Status> {
    let missing = |what| move || Status::invalid_argument(what);
    let stored = head.membership.ok_or_else(missing("no membership"))?;
    let content = head.content.ok_or_else(missing("no extent"))?;
    let meta = SnapshotMeta {
        last_log_id: head.last_log_id.map(convert::log_id_from_wire),
        last_membership: convert::stored_membership_from_wire(stored)?,
    };
    let content = extent_from_wire(content);
    Ok((convert::vote_from_wire(head.vote)?, Offer { meta, content }))
}
