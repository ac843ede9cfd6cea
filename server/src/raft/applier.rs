//! openraft's state machine over the [`Replica`] and the checkpoint files.

use std::{io, sync::Arc};

use futures_util::{Stream, TryStreamExt as _};
use openraft::{
    EntryPayload, OptionalSend, RaftSnapshotBuilder,
    storage::{EntryResponder, RaftStateMachine},
};

use super::{
    convert,
    types::{LogId, Payload, SnapshotMeta, StoredMembership, TypeConfig},
};
use crate::{
    replica::Replica,
    storage::{Checkpoint, Checkpoints},
};

type Snapshot = openraft::alias::SnapshotOf<TypeConfig, Checkpoint>;

/// Applies committed entries to the replica, writes checkpoints of it, and replaces it by one.
pub(crate) struct Applier {
    replica: Arc<Replica>,
    checkpoints: Checkpoints,
    last_applied: Option<LogId>,
    membership: StoredMembership,
}

impl Applier {
    /// `restored` is the checkpoint that the replica was restored from, if any.
    pub(super) fn new(
        replica: Arc<Replica>,
        checkpoints: Checkpoints,
        restored: Option<&Checkpoint>,
    ) -> io::Result<Self> {
        let (last_applied, membership) = match restored {
            None => (None, StoredMembership::default()),
            Some(checkpoint) => {
                let meta = meta_of(checkpoint)?;
                (meta.last_log_id, meta.last_membership)
            }
        };
        Ok(Self { replica, checkpoints, last_applied, membership })
    }

    fn apply_one(&mut self, log_id: LogId, payload: EntryPayloadOf) -> io::Result<()> {
        let term = convert::term_of(&log_id);
        match payload {
            EntryPayload::Blank => self.replica.skip(log_id.index, term),
            EntryPayload::Normal(Payload(bytes)) => {
                self.replica.apply(log_id.index, term, bytes)?;
            }
            EntryPayload::Membership(membership) => {
                self.membership = StoredMembership::new(Some(log_id), membership);
                self.replica.skip(log_id.index, term);
            }
        }
        self.last_applied = Some(log_id);
        Ok(())
    }
}

type EntryPayloadOf = super::types::EntryPayload;

fn meta_of(checkpoint: &Checkpoint) -> io::Result<SnapshotMeta> {
    let (term, index) = (checkpoint.term(), checkpoint.index());
    Ok(convert::snapshot_meta_from_bytes(term, index, checkpoint.meta())?)
}

impl RaftStateMachine<TypeConfig> for Applier {
    type SnapshotData = Checkpoint;
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
            replica: self.replica.clone(),
            meta: SnapshotMeta {
                last_log_id: self.last_applied,
                last_membership: self.membership.clone(),
            },
            view: self.replica.view(),
        }
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta,
        checkpoint: Checkpoint,
    ) -> io::Result<()> {
        let machine = crate::replica::restore(&checkpoint).await?;
        self.checkpoints.adopt(checkpoint).await?;
        self.replica.replace(machine);
        self.last_applied = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let Some(checkpoint) = self.checkpoints.latest() else { return Ok(None) };
        Ok(Some(Snapshot { meta: meta_of(&checkpoint)?, snapshot: checkpoint }))
    }
}

/// Writes one checkpoint, from a view, beside the entries that are applied meanwhile.
pub(crate) struct CheckpointBuilder {
    checkpoints: Checkpoints,
    replica: Arc<Replica>,
    meta: SnapshotMeta,
    view: quorate_core::View,
}

impl RaftSnapshotBuilder<TypeConfig> for CheckpointBuilder {
    type SnapshotData = Checkpoint;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let log_id = self
            .meta
            .last_log_id
            .ok_or_else(|| io::Error::other("a checkpoint of a state without any entry"))?;
        let header = convert::snapshot_meta_to_bytes(&self.meta);
        let (term, view) = (convert::term_of(&log_id), self.view.clone());
        let checkpoint =
            self.checkpoints.write(term, log_id.index, header, view.checkpoint()).await?;
        self.replica.checkpointed(log_id.index, checkpoint.len());
        Ok(Snapshot { meta: self.meta.clone(), snapshot: checkpoint })
    }
}
