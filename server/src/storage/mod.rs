//! What a member keeps on disk: the log, checkpoints, and whose directory it is.
//!
//! Knows nothing of raft's library and nothing of what entries and checkpoints contain. Everything
//! is checksummed; what was acknowledged and is damaged stops the member with the file, the offset
//! and the remedy ([`StorageError`]). The files' formats are in `FORMAT.md`.
//!
//! [`Storage::open`] is the way in. Nothing here blocks its caller's thread: the log and the
//! checkpoints have threads of their own.

use std::sync::Arc;

use crate::disk::Disk;

mod background;
mod checkpoint;
mod error;
mod file;
mod identity;
mod log;
#[cfg(test)]
#[cfg(not(madsim))]
mod testing;
#[cfg(test)]
#[cfg(not(madsim))]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointReader, CheckpointWriter, Checkpoints, Extent};
pub use error::StorageError;
pub use identity::Identity;
pub use log::{Cut, Durable, Log, LogEntry, LogOptions, LogPosition, OnFatal, Recovered};

/// Everything of a member's data directory.
pub struct Storage {
    /// The log.
    pub log: Log,
    /// What the log said at start.
    pub recovered: Recovered,
    /// The checkpoints.
    pub checkpoints: Checkpoints,
}

impl Storage {
    /// Opens a data directory that is `identity`'s, or becomes it. Fails unless the newest
    /// readable checkpoint and the log together hold every entry.
    pub async fn open(
        disk: Arc<dyn Disk>,
        identity: &Identity,
        options: LogOptions,
        on_fatal: OnFatal,
    ) -> Result<Self, StorageError> {
        let (offloaded, operations) = crate::disk::Offloaded::new(disk.clone());
        background::on_thread("identity", Box::pin(operations))?;
        identity.establish(&offloaded).await?;
        let checkpoints = Checkpoints::open(disk.clone()).await?;
        let (log, recovered) = Log::open(disk, options, on_fatal).await?;
        check_no_gap(checkpoints.latest(), recovered.purged)?;
        Ok(Self {
            log,
            recovered,
            checkpoints,
        })
    }
}

/// The log has to go on where the checkpoint ends, or before.
fn check_no_gap(
    checkpoint: Option<Checkpoint>,
    purged: Option<LogPosition>,
) -> Result<(), StorageError> {
    let Some(purged) = purged else { return Ok(()) };
    let covered = checkpoint.map(|checkpoint| checkpoint.position.index);
    if covered >= Some(purged.index) {
        return Ok(());
    }
    let checkpoint = covered.map_or("none".to_owned(), |index| format!("at index {index}"));
    Err(StorageError::Gap {
        purged_index: purged.index,
        checkpoint,
    })
}

/// Whether a file's name says that the directory is in use.
fn is_data(name: &str) -> bool {
    checkpoint::is_checkpoint_file(name) || log::is_segment_file(name)
}
