//! Small files that change as a whole, and the pattern by which they do.

use bytes::Bytes;
use quorate_core::probe;

use crate::disk::Disk;

use super::error::{Context, StorageError};

/// Ends the names of files on their way to completion.
pub(super) const TEMPORARY_SUFFIX: &str = ".tmp";

/// Makes a completed, synced temporary file the one of its final name, durably: after a crash
/// there is the old file or the new one, whole.
pub(super) async fn publish(
    disk: &dyn Disk,
    temporary: &str,
    name: &str,
) -> Result<(), StorageError> {
    let path = disk.path(name);
    disk.rename(temporary, name)
        .await
        .context("rename to", &path)?;
    probe!(FileRenamed);
    disk.sync_dir()
        .await
        .context("sync the directory of", &path)
}

/// Writes a file as a whole, durably.
pub(super) async fn replace(
    disk: &dyn Disk,
    name: &str,
    content: Bytes,
) -> Result<(), StorageError> {
    let temporary = name.to_owned() + TEMPORARY_SUFFIX;
    let path = disk.path(&temporary);
    let file = disk.open(&temporary, true).await.context("create", &path)?;
    // A crash may have left a longer one.
    file.truncate(0).await.context("truncate", &path)?;
    file.write_at(0, content, true)
        .await
        .context("write", &path)?;
    publish(disk, &temporary, name).await
}

/// Reads a file as a whole, as far as `len_max`; `None` if there is none.
pub(super) async fn read(
    disk: &dyn Disk,
    name: &str,
    len_max: usize,
) -> Result<Option<Bytes>, StorageError> {
    let path = disk.path(name);
    let file = match disk.open(name, false).await {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.context("open", &path)?,
    };
    file.read_at(0, len_max)
        .await
        .context("read", &path)
        .map(Some)
}
