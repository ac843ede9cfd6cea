//! Checkpoints: the state at one index, one file each, complete or not there.
//!
//! A checkpoint is written to a temporary file, synced, renamed, and the directory synced. The
//! last two are kept: if the newest one has rotted the one before it takes its place, provided
//! that the log reaches back to it, so purge the log no further than
//! [`Checkpoints::purgeable`]. Checkpoints work on a thread of their own.

use std::sync::{
    Arc, Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};

use quorate_core::probe;

use crate::{
    disk::{Disk, Offloaded},
    runtime,
};

use super::{
    background::{Background, on_thread},
    error::{Context, StorageError},
    log::LogPosition,
    space::Space,
};

mod format;
mod reader;
#[cfg(test)]
#[cfg(not(madsim))]
mod tests;
mod writer;

pub use reader::CheckpointReader;
pub use writer::CheckpointWriter;

pub(super) use format::is_checkpoint_file;

use format::{checkpoint_name, checkpoint_position};

/// How many checkpoints are kept.
const KEPT: usize = 2;

/// A complete checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last entry that it covers.
    pub position: LogPosition,
    /// All of its content.
    pub content: Extent,
}

/// How far a checkpoint's content goes, counted from its beginning. Two of the same position and
/// extent are the same, byte for byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// Number of chunks.
    pub chunks: u64,
    /// Their length together, bytes.
    pub bytes: u64,
    /// Checksum of header, description and all these chunks.
    pub checksum: u32,
}

/// The checkpoints of a data directory. Clones are the same.
#[derive(Clone)]
pub struct Checkpoints {
    shared: Arc<Shared>,
}

struct Shared {
    disk: Offloaded,
    /// Oldest first.
    kept: Mutex<Vec<Checkpoint>>,
    attempts: AtomicU64,
    space: Space,
}

impl Checkpoints {
    /// Finds the checkpoints of a directory, reading all of the newest; one that is damaged is
    /// logged, removed from the list (its file stays, for the curious), and the one before it is
    /// taken.
    pub async fn open(disk: Arc<dyn Disk>, space: Space) -> Result<Self, StorageError> {
        Self::open_on(disk, space, on_thread).await
    }

    async fn open_on(
        disk: Arc<dyn Disk>,
        space: Space,
        mut spawn: impl FnMut(&str, Background) -> Result<(), StorageError> + Send,
    ) -> Result<Self, StorageError> {
        let (disk, operations) = Offloaded::new(disk);
        let operations = async move {
            runtime::give_way();
            operations.await;
        };
        spawn("checkpoint", Box::pin(operations))?;
        let kept = Mutex::new(find(&disk).await?);
        let attempts = AtomicU64::new(0);
        Ok(Self {
            shared: Arc::new(Shared {
                disk,
                kept,
                attempts,
                space,
            }),
        })
    }

    /// The newest checkpoint.
    pub fn latest(&self) -> Option<Checkpoint> {
        self.kept().last().copied()
    }

    /// The log may be purged up to here: every kept checkpoint covers it.
    pub fn purgeable(&self) -> Option<LogPosition> {
        self.kept().first().map(|oldest| oldest.position)
    }

    /// Begins a checkpoint that covers the log up to `position`. `meta` describes it to its
    /// reader, at most 1 MiB.
    pub async fn create(
        &self,
        position: LogPosition,
        meta: &[u8],
    ) -> Result<CheckpointWriter, StorageError> {
        let attempt = self.shared.attempts.fetch_add(1, Ordering::Relaxed);
        CheckpointWriter::create(self.clone(), position, meta, attempt).await
    }

    /// Opens a checkpoint. It can be read to its end even if it is replaced meanwhile.
    pub async fn read(&self, checkpoint: Checkpoint) -> Result<CheckpointReader, StorageError> {
        CheckpointReader::open(self.disk(), checkpoint.position).await
    }

    /// Where whoever writes a checkpoint says whether there is room for it.
    pub(crate) fn space(&self) -> &Space {
        &self.shared.space
    }

    fn disk(&self) -> &dyn Disk {
        &self.shared.disk
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Checkpoint>> {
        self.shared
            .kept
            .lock()
            .expect("nobody panics with the lock held")
    }

    /// Counts a durable checkpoint in, and removes what is one too many.
    async fn add(&self, checkpoint: Checkpoint) {
        let surplus: Vec<_> = {
            let mut kept = self.kept();
            kept.retain(|other| other.position != checkpoint.position);
            kept.push(checkpoint);
            kept.sort_by_key(|kept| kept.position.index);
            let surplus = kept.len().saturating_sub(KEPT);
            kept.drain(..surplus).collect()
        };
        for old in surplus {
            remove(self.disk(), &checkpoint_name(old.position)).await;
        }
    }
}

/// Finds what can be used, newest last, and removes what was never completed.
async fn find(disk: &dyn Disk) -> Result<Vec<Checkpoint>, StorageError> {
    let directory = disk.path("");
    let mut positions = Vec::new();
    for name in disk.list().await.context("list", &directory)? {
        match checkpoint_position(&name) {
            Some(position) => positions.push(position),
            None if is_checkpoint_file(&name) => remove(disk, &name).await,
            None => {}
        }
    }
    // A rename may have been seen, but not been durable, before the last stop.
    disk.sync_dir().await.context("sync", &directory)?;
    let mut kept = Vec::new();
    for position in positions.into_iter().rev() {
        if kept.len() == KEPT {
            remove(disk, &checkpoint_name(position)).await;
            continue;
        }
        match check(disk, position).await {
            Ok(content) => kept.insert(0, Checkpoint { position, content }),
            Err(error @ StorageError::Corrupt { .. }) => {
                probe!(CheckpointDamaged);
                tracing::error!("{error} (an older checkpoint will do if the log reaches back)");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(kept)
}

async fn check(disk: &dyn Disk, position: LogPosition) -> Result<Extent, StorageError> {
    CheckpointReader::open(disk, position).await?.check().await
}

/// Only space is at stake: what cannot be removed now is tried again at the next start.
async fn remove(disk: &dyn Disk, name: &str) {
    if let Err(error) = disk.remove(name).await {
        tracing::warn!("cannot remove {}: {error}", disk.path(name));
    }
}
