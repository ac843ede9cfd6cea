//! A checkpoint as raft sees it: a snapshot with its place in the log and the membership there.
//!
//! `send` and `receive` are the two ends of its way to another member.

use std::io;

use super::{convert, types::SnapshotMeta};
use crate::{
    proto::peer,
    storage::{Checkpoint, CheckpointReader, CheckpointWriter, Checkpoints, Extent},
};

pub(super) mod receive;
pub(super) mod send;
#[cfg(test)]
#[cfg(not(madsim))]
mod tests;

/// A complete checkpoint on this member's disk, its file open: it can be read to its end even when
/// newer ones have replaced it. openraft's snapshot data.
#[derive(Clone)]
pub(crate) struct StoredSnapshot {
    content: Extent,
    /// At the beginning.
    reader: CheckpointReader,
}

impl StoredSnapshot {
    /// One that was written just now.
    pub(super) fn new(checkpoint: Checkpoint, reader: CheckpointReader) -> Self {
        Self {
            content: checkpoint.content,
            reader,
        }
    }

    pub(super) async fn open(
        checkpoints: &Checkpoints,
        checkpoint: Checkpoint,
    ) -> io::Result<Self> {
        let reader = checkpoints.read(checkpoint).await;
        Ok(Self::new(checkpoint, reader.map_err(io::Error::other)?))
    }

    /// Reads it. A snapshot that is read to its end is whole: each chunk and the end are checked.
    pub(super) fn read(&self) -> CheckpointReader {
        self.reader.clone()
    }

    /// All of its content.
    pub(super) fn content(&self) -> Extent {
        self.content
    }

    /// Where in the log it stands.
    pub(super) fn meta(&self) -> io::Result<SnapshotMeta> {
        let (position, meta) = (self.reader.position(), self.reader.meta());
        Ok(convert::snapshot_meta_from_bytes(position, meta)?)
    }
}

/// Writes a checkpoint that covers the log up to the one that `meta` names.
pub(super) async fn begin(
    checkpoints: &Checkpoints,
    meta: &SnapshotMeta,
) -> io::Result<CheckpointWriter> {
    let last = meta
        .last_log_id
        .ok_or_else(|| io::Error::other("a snapshot of nothing"))?;
    let header = convert::snapshot_meta_to_bytes(meta);
    let position = convert::log_position(&last);
    Ok(checkpoints.create(position, &header).await?)
}

fn extent_to_wire(extent: Extent) -> peer::SnapshotExtent {
    peer::SnapshotExtent {
        chunks: extent.chunks,
        bytes: extent.bytes,
        checksum: extent.checksum,
    }
}

fn extent_from_wire(wire: peer::SnapshotExtent) -> Extent {
    Extent {
        chunks: wire.chunks,
        bytes: wire.bytes,
        checksum: wire.checksum,
    }
}
