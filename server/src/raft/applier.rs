//! openraft's state machine over the [`Replica`] and the checkpoint files.

use std::{io, sync::Arc, time::Duration};

use futures_util::{Stream, TryStreamExt as _};
use openraft::{
    OptionalSend, RaftSnapshotBuilder,
    alias::SnapshotOf,
    storage::{EntryResponder, RaftStateMachine},
};
use quorate_core::{
    View,
    planted::{Bug, is_planted},
    probe,
};

use super::{
    convert,
    snapshot::{self, StoredSnapshot},
    types::{EntryPayload, LogId, Payload, SnapshotMeta, StoredMembership, TypeConfig},
};
use crate::{
    clock,
    replica::{self, Replica},
    runtime,
    storage::{
        Checkpoint, CheckpointReader, Checkpoints, Need, SPACE_RETRY_INTERVAL, is_out_of_space,
    },
};

/// A checkpoint is written in bursts of this length, and the processor and the disk are left to
/// requests for so many times as long in between.
const ENCODE_BURST: Duration = Duration::from_millis(1);
const ENCODE_REST_FACTOR: u32 = 3;

/// The longest rest: behind a slow sync there is no reason to wait for as long again.
const ENCODE_REST_MAX: Duration = Duration::from_millis(50);

type Snapshot = SnapshotOf<TypeConfig, StoredSnapshot>;

/// Applies committed entries to the replica, writes checkpoints of it, and replaces it by one.
pub(crate) struct Applier {
    replica: Arc<Replica>,
    checkpoints: Checkpoints,
    checkpoint_chunk_bytes: usize,
    last_applied: Option<LogId>,
    membership: StoredMembership,
    /// For planted bugs: whether no entry was applied since the state was restored, and how many
    /// checkpoints were received.
    is_restored: bool,
    received: u64,
}

impl Applier {
    /// `replica` was restored from the newest checkpoint, if there is one.
    pub(super) async fn new(
        replica: Arc<Replica>,
        checkpoints: Checkpoints,
        checkpoint_chunk_bytes: usize,
    ) -> io::Result<Self> {
        let meta = match checkpoints.latest() {
            None => SnapshotMeta::default(),
            Some(latest) => StoredSnapshot::open(&checkpoints, latest).await?.meta()?,
        };
        Ok(Self {
            replica,
            checkpoints,
            checkpoint_chunk_bytes,
            is_restored: meta.last_log_id.is_some(),
            received: 0,
            last_applied: meta.last_log_id,
            membership: meta.last_membership,
        })
    }

    fn apply_one(&mut self, log_id: LogId, payload: EntryPayload) -> io::Result<()> {
        let (index, term) = (convert::entry_index(&log_id), convert::term_of(&log_id));
        match payload {
            EntryPayload::Blank => self.replica.skip(index, term),
            EntryPayload::Normal(Payload(bytes)) => {
                let is_first = std::mem::take(&mut self.is_restored);
                if is_first && is_planted(Bug::EntrySkipped) {
                    self.replica.skip(index, term);
                    self.last_applied = Some(log_id);
                    return Ok(());
                }
                if is_first && is_planted(Bug::AppliedTwice) {
                    self.replica.apply(index, term, bytes.clone())?;
                }
                self.replica.apply(index, term, bytes)?;
                probe!(EntryApplied);
            }
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                self.replica.skip(index, term);
            }
        }
        self.last_applied = Some(log_id);
        Ok(())
    }
}

impl RaftStateMachine<TypeConfig> for Applier {
    type SnapshotData = StoredSnapshot;
    type SnapshotBuilder = CheckpointBuilder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.last_applied, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        while let Some((entry, responder)) = entries.try_next().await? {
            self.apply_one(entry.log_id, entry.payload)?;
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> CheckpointBuilder {
        CheckpointBuilder {
            checkpoints: self.checkpoints.clone(),
            chunk_bytes: self.checkpoint_chunk_bytes,
            replica: self.replica.clone(),
            meta: SnapshotMeta {
                last_log_id: self.last_applied,
                last_membership: self.membership.clone(),
            },
            view: Some(self.replica.view()),
        }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        snapshot: StoredSnapshot,
    ) -> io::Result<()> {
        self.received += 1;
        assert!(self.received < 2 || !is_planted(Bug::SecondCheckpointPanics));
        let machine = replica::restore(snapshot.read()).await?;
        let (index, bytes) = (machine.applied_index(), snapshot.content().bytes);
        tracing::info!(index, bytes, "state replaced by a snapshot");
        probe!(SnapshotInstalled);
        self.replica.replace(machine, bytes);
        self.last_applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let Some(latest) = self.checkpoints.latest() else {
            return Ok(None);
        };
        let snapshot = StoredSnapshot::open(&self.checkpoints, latest).await?;
        Ok(Some(Snapshot {
            meta: snapshot.meta()?,
            snapshot,
        }))
    }
}

/// Writes one checkpoint, from a view, beside the entries that are applied meanwhile.
pub(crate) struct CheckpointBuilder {
    checkpoints: Checkpoints,
    chunk_bytes: usize,
    replica: Arc<Replica>,
    meta: SnapshotMeta,
    /// Until it is written. What only it still holds of an old state may be most of it.
    view: Option<View>,
}

impl RaftSnapshotBuilder<TypeConfig> for CheckpointBuilder {
    type SnapshotData = StoredSnapshot;

    /// Tries again for as long as there is no space: the log stays until there is.
    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let space = self.checkpoints.space();
        let built_before = || io::Error::other("a snapshot was asked for twice");
        let view = self.view.take().ok_or_else(built_before)?;
        let (checkpoint, reader) = loop {
            match self.write(&view).await {
                Err(error) if is_out_of_space(&error) => space.lacks(Need::Checkpoint, &error),
                written => break written?,
            }
            clock::sleep(SPACE_RETRY_INTERVAL).await;
        };
        space.has(Need::Checkpoint);
        let (index, bytes) = (view.applied_index(), checkpoint.content.bytes);
        runtime::drop_apart(view);
        tracing::info!(index, bytes, "checkpoint written");
        self.replica.checkpointed(index, bytes);
        Ok(Snapshot {
            meta: self.meta.clone(),
            snapshot: StoredSnapshot::new(checkpoint, reader),
        })
    }
}

impl CheckpointBuilder {
    async fn write(&self, view: &View) -> io::Result<(Checkpoint, CheckpointReader)> {
        let mut writer = snapshot::begin(&self.checkpoints, &self.meta).await?;
        let (view, chunk_bytes) = (view.clone(), self.chunk_bytes);
        // Encoding takes its time: on a thread of its own it delays no request.
        let write = runtime::dedicated("checkpoint-encode", move || async move {
            runtime::give_way();
            let mut begun = clock::now();
            for chunk in view.checkpoint_in_chunks(chunk_bytes) {
                writer.write(chunk).await?;
                let worked = begun.elapsed();
                if worked >= ENCODE_BURST {
                    clock::sleep((worked * ENCODE_REST_FACTOR).min(ENCODE_REST_MAX)).await;
                    begun = clock::now();
                }
            }
            writer.commit().await
        })?;
        let written = write
            .join()
            .await
            .ok_or_else(|| io::Error::other("encoding panicked"))?;
        Ok(written?)
    }
}
