//! A checkpoint as raft sees it: a snapshot with its place in the log and the membership there.

use std::io;

use bytes::Bytes;
use futures_util::{Stream, stream};

use super::{convert, types::SnapshotMeta};
use crate::storage::{Checkpoint, CheckpointReader, Checkpoints};

/// A complete checkpoint on this member's disk. openraft's snapshot data.
#[derive(Clone)]
pub(crate) struct StoredSnapshot {
    checkpoints: Checkpoints,
    checkpoint: Checkpoint,
}

impl StoredSnapshot {
    pub(super) fn new(checkpoints: Checkpoints, checkpoint: Checkpoint) -> Self {
        Self {
            checkpoints,
            checkpoint,
        }
    }

    /// Opens it. A snapshot that is read to its end is whole: each chunk and the end are checked.
    pub(super) async fn read(&self) -> io::Result<CheckpointReader> {
        self.checkpoints
            .read(self.checkpoint)
            .await
            .map_err(io::Error::other)
    }

    /// How long its file is.
    pub(super) fn size_bytes(&self) -> u64 {
        self.checkpoint.size_bytes
    }

    /// Where in the log it stands.
    pub(super) async fn meta(&self) -> io::Result<SnapshotMeta> {
        let reader = self.read().await?;
        Ok(convert::snapshot_meta_from_bytes(
            reader.position(),
            reader.meta(),
        )?)
    }

    /// Its content.
    pub(super) fn chunks(self) -> impl Stream<Item = io::Result<Bytes>> + Send {
        stream::try_unfold((self, None), |(snapshot, reader)| async move {
            let mut reader = match reader {
                Some(reader) => reader,
                None => snapshot.read().await?,
            };
            let chunk = reader.next().await.map_err(io::Error::other)?;
            Ok(chunk.map(|chunk| (chunk, (snapshot, Some(reader)))))
        })
    }
}

/// Writes a checkpoint that covers the log up to the one that `meta` names.
pub(super) async fn begin(
    checkpoints: &Checkpoints,
    meta: &SnapshotMeta,
) -> io::Result<crate::storage::CheckpointWriter> {
    let last = meta
        .last_log_id
        .ok_or_else(|| io::Error::other("a snapshot of nothing"))?;
    let header = convert::snapshot_meta_to_bytes(meta);
    let position = convert::log_position(&last);
    Ok(checkpoints.create(position, &header).await?)
}
