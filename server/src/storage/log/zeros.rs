//! Fills files with zeros, so that the log only ever overwrites blocks that exist.

use bytes::Bytes;

use crate::disk::DiskFile;

use super::super::error::{Context, StorageError};

/// How much is written at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// Writes zeros from offset `start` to `end`; durable on return with `sync`.
pub(super) async fn fill(
    file: &dyn DiskFile,
    path: &str,
    start: u64,
    end: u64,
    sync: bool,
) -> Result<(), StorageError> {
    let zeros = Bytes::from(vec![0; PIECE_BYTES.min(end - start) as usize]);
    let mut filled = start;
    while filled < end {
        let len = (end - filled).min(PIECE_BYTES);
        let piece = zeros.slice(..len as usize);
        filled += len;
        file.write_at(filled - len, piece, sync && filled == end)
            .await
            .context("write", path)?;
    }
    Ok(())
}
