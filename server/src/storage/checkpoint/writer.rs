//! Writes a checkpoint chunk by chunk.

use std::{io, sync::Arc};

use bytes::{Bytes, BytesMut};
use quorate_core::probe;

use crate::disk::DiskFile;

use super::{
    super::{
        error::{Context, StorageError},
        file::{TEMPORARY_SUFFIX, publish},
        log::LogPosition,
    },
    Checkpoint, CheckpointReader, Checkpoints, Extent,
    format::{
        CHUNK_BYTES_MAX, META_BYTES_MAX, checkpoint_name, encode_chunk_header, encode_footer,
        encode_header,
    },
};

/// How much is written at a time.
const WRITE_BYTES: usize = 1 << 20;

/// How often what is written is synced: a single sync at the end would keep the log's syncs
/// waiting for all of it.
const SYNC_BYTES: u64 = 1 << 20;

/// A checkpoint on its way to disk. It counts only once it is committed; one that is dropped
/// instead leaves a file that the next start removes.
pub struct CheckpointWriter {
    checkpoints: Checkpoints,
    position: LogPosition,
    temporary: String,
    path: String,
    file: Arc<dyn DiskFile>,
    buffer: BytesMut,
    written_bytes: u64,
    synced_bytes: u64,
    content: Extent,
}

impl CheckpointWriter {
    pub(super) async fn create(
        checkpoints: Checkpoints,
        position: LogPosition,
        meta: &[u8],
        attempt: u64,
    ) -> Result<Self, StorageError> {
        // Two writers of one position must not meet in one file.
        let temporary = format!("{}.{attempt}{TEMPORARY_SUFFIX}", checkpoint_name(position));
        let path = checkpoints.disk().path(&temporary);
        let too_long = || io::Error::other("the description is too long");
        if meta.len() > META_BYTES_MAX {
            return Err(too_long()).context("write", &path);
        }
        let file = checkpoints
            .disk()
            .open(&temporary, true)
            .await
            .context("create", &path)?;
        let (header, checksum) = encode_header(position, meta);
        Ok(Self {
            checkpoints,
            position,
            temporary,
            path,
            file,
            buffer: BytesMut::from(header),
            written_bytes: 0,
            synced_bytes: 0,
            content: Extent {
                checksum,
                ..Extent::default()
            },
        })
    }

    /// The last entry that the checkpoint will cover.
    pub fn position(&self) -> LogPosition {
        self.position
    }

    /// What has been written so far.
    pub fn extent(&self) -> Extent {
        self.content
    }

    /// Adds a chunk of the content: of any length, but best about 64 KiB. Readers get it back as
    /// it is, except that an empty one leaves no trace.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), StorageError> {
        self.add(chunk, None).await.map(|_| ())
    }

    /// Adds a chunk that was read from another copy of this checkpoint, behind which that copy's
    /// checksum was `checksum`. False, and nothing is added, where that does not fit: the chunk
    /// is damaged or in a wrong place.
    pub async fn copy(&mut self, chunk: Bytes, checksum: u32) -> Result<bool, StorageError> {
        self.add(chunk, Some(checksum)).await
    }

    async fn add(&mut self, chunk: Bytes, checksum: Option<u32>) -> Result<bool, StorageError> {
        if chunk.is_empty() {
            return Ok(true);
        }
        if chunk.len() > CHUNK_BYTES_MAX {
            let too_long = Err(io::Error::other("a chunk is too long"));
            return too_long.context("write", &self.path);
        }
        let (header, crc) = encode_chunk_header(self.content.checksum, &chunk);
        if checksum.is_some_and(|checksum| checksum != crc) {
            return Ok(false);
        }
        self.buffer.extend_from_slice(&header);
        self.buffer.extend_from_slice(&chunk);
        self.content.add(chunk.len(), crc);
        if self.buffer.len() >= WRITE_BYTES {
            let unsynced_bytes = self.written_bytes + self.buffer.len() as u64 - self.synced_bytes;
            self.write_buffer(unsynced_bytes >= SYNC_BYTES).await?;
        }
        Ok(true)
    }

    /// Makes the checkpoint durable and the newest one, unless there is a newer one. Older ones
    /// than the last two are removed, which may be this one: it comes with a reader that is open.
    pub async fn commit(mut self) -> Result<(Checkpoint, CheckpointReader), StorageError> {
        let footer = encode_footer(self.content);
        self.buffer.extend_from_slice(&footer);
        self.write_buffer(true).await?;
        probe!(CheckpointWritten);
        let disk = self.checkpoints.disk();
        publish(disk, &self.temporary, &checkpoint_name(self.position)).await?;
        probe!(CheckpointPublished);
        let checkpoint = Checkpoint {
            position: self.position,
            content: self.content,
        };
        let reader = CheckpointReader::open(disk, self.position).await?;
        self.checkpoints.add(checkpoint).await;
        Ok((checkpoint, reader))
    }

    /// Removes what has been written, if a write that failed has not done so.
    pub async fn abort(self) -> Result<(), StorageError> {
        match self.checkpoints.disk().remove(&self.temporary).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.context("remove", &self.path),
        }
    }

    async fn write_buffer(&mut self, sync: bool) -> Result<(), StorageError> {
        let bytes = self.buffer.split().freeze();
        let end = self.written_bytes + bytes.len() as u64;
        let written = self.file.write_at(self.written_bytes, bytes, sync).await;
        if let Err(error) = written {
            // What is there takes space for nothing. If it stays, the next start removes it.
            let _ = self.checkpoints.disk().remove(&self.temporary).await;
            return Err(error).context("write", &self.path);
        }
        self.written_bytes = end;
        if sync {
            self.synced_bytes = end;
        }
        Ok(())
    }
}
