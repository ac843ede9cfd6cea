//! What a member keeps on disk: the log, checkpoints, and whose directory it is.
//!
//! Knows nothing of raft's library and nothing of what entries and checkpoints contain. Everything
//! is checksummed; what was acknowledged and is damaged stops the member with the file, the offset
//! and the remedy ([`StorageError`]). The files' formats are in `FORMAT.md`.
//!
//! [`Directory`] is the way in. Nothing here blocks its caller's thread: the log and the
//! checkpoints have threads of their own.

use std::{collections::BTreeMap, sync::Arc};

use crate::disk::{Disk, Offloaded};

mod background;
mod checkpoint;
mod error;
mod file;
mod identity;
mod log;
mod space;
#[cfg(test)]
#[cfg(not(madsim))]
mod testing;
#[cfg(test)]
#[cfg(not(madsim))]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointReader, CheckpointWriter, Checkpoints, Extent};
pub use error::StorageError;
pub(crate) use error::is_out_of_space;
pub use identity::{Identity, Owner};
pub use log::{Cut, Durable, Log, LogEntry, LogOptions, LogPosition, OnFatal, Recovered};
pub use space::Space;
pub(crate) use space::{Need, SPACE_RETRY_INTERVAL};

/// A data directory that is this member's, not opened yet.
pub struct Directory {
    disk: Arc<dyn Disk>,
    offloaded: Offloaded,
    identity: Identity,
}

impl Directory {
    /// Makes an empty directory `owner`'s, with the random number `instance`, or checks that it is.
    pub async fn claim(
        disk: Arc<dyn Disk>,
        owner: &Owner,
        instance: u64,
    ) -> Result<Self, StorageError> {
        let (offloaded, operations) = Offloaded::new(disk.clone());
        background::on_thread("identity", Box::pin(operations))?;
        let identity = Identity::claim(&offloaded, owner, instance).await?;
        Ok(Self {
            disk,
            offloaded,
            identity,
        })
    }

    /// Whose it is.
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Notes that the member has been let into its cluster, which it has founded together with
    /// these. Durable with [`Self::open`].
    pub fn let_in(&mut self, founders: BTreeMap<u64, u64>) {
        self.identity.founders = founders;
    }

    /// Opens what is in the directory; the first time, that is a new log. Call it only when the
    /// member has been let into its cluster. Fails unless the newest readable checkpoint and the
    /// log together hold every entry.
    pub async fn open(
        mut self,
        options: LogOptions,
        on_fatal: OnFatal,
    ) -> Result<Storage, StorageError> {
        if self.identity.is_member {
            log::check_not_lost(&self.offloaded).await?;
        }
        let space = Space::default();
        let checkpoints = Checkpoints::open(self.disk.clone(), space.clone()).await?;
        let (log, recovered) = Log::open(self.disk, options, space.clone(), on_fatal).await?;
        check_no_gap(checkpoints.latest(), recovered.purged)?;
        if !self.identity.is_member {
            // Only now: a member whose log is not there has lost it.
            let ended = |error| StorageError::Io {
                action: "begin",
                file: "the log".to_owned(),
                source: error,
            };
            log.flush().await.map_err(ended)?;
            self.identity.is_member = true;
            self.identity.write(&self.offloaded).await?;
        }
        Ok(Storage {
            log,
            recovered,
            checkpoints,
            space,
        })
    }
}

/// Everything of a member's data directory.
pub struct Storage {
    /// The log.
    pub log: Log,
    /// What the log said at start.
    pub recovered: Recovered,
    /// The checkpoints.
    pub checkpoints: Checkpoints,
    /// Whether there is room for more.
    pub space: Space,
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
