//! Reads a checkpoint chunk by chunk, checking each before it is handed out.

use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{Disk, DiskFile};

use super::{
    super::{
        error::{Context, StorageError},
        log::LogPosition,
    },
    Extent,
    format::{
        CHECKPOINT_FORMAT, CHUNK_BYTES_MAX, CHUNK_HEADER_BYTES, FOOTER_BYTES, HEADER_BYTES, Header,
        META_BYTES_MAX, checkpoint_name, chunk_crc, encode_footer,
    },
};

/// How much is read at a time.
const READ_BYTES: usize = 1 << 20;

/// Streams one checkpoint. A chunk that is handed out is as it was written, and in its place; that
/// it was the last one is known when `next` returns `None`. A clone goes on from the same place
/// by itself; the open file serves all of them, even when its name is gone.
#[derive(Clone)]
pub struct CheckpointReader {
    path: String,
    file: Arc<dyn DiskFile>,
    file_bytes: u64,
    offset: u64,
    window: Bytes,
    window_offset: u64,
    position: LogPosition,
    meta: Bytes,
    /// Header and description together, bytes.
    header_bytes: u64,
    read: Extent,
    ended: bool,
}

impl CheckpointReader {
    pub(super) async fn open(disk: &dyn Disk, position: LogPosition) -> Result<Self, StorageError> {
        let name = checkpoint_name(position);
        let path = disk.path(&name);
        let file = disk.open(&name, false).await.context("open", &path)?;
        let file_bytes = file.size_bytes().await.context("read", &path)?;
        let mut reader = Self {
            path,
            file,
            file_bytes,
            offset: 0,
            window: Bytes::new(),
            window_offset: 0,
            position,
            meta: Bytes::new(),
            header_bytes: 0,
            read: Extent::default(),
            ended: false,
        };
        reader.read_header().await?;
        Ok(reader)
    }

    /// The last entry that the checkpoint covers.
    pub fn position(&self) -> LogPosition {
        self.position
    }

    /// The description given when it was written.
    pub fn meta(&self) -> &Bytes {
        &self.meta
    }

    /// The next chunk, or `None` behind the last one, once the end has been checked too.
    pub async fn next(&mut self) -> Result<Option<Bytes>, StorageError> {
        if self.ended {
            return Ok(None);
        }
        let header = self.read(CHUNK_HEADER_BYTES).await?;
        if header.len() < CHUNK_HEADER_BYTES {
            return Err(self.corrupt("the file ends before its footer"));
        }
        let mut len = [0; 4];
        len.copy_from_slice(&header[..4]);
        let chunk_bytes = u32::from_le_bytes(len) as usize;
        if chunk_bytes == 0 {
            return self.read_footer().await.map(|()| None);
        }
        if chunk_bytes > CHUNK_BYTES_MAX {
            return Err(self.corrupt("a chunk is longer than any can be"));
        }
        let framed = self.read(CHUNK_HEADER_BYTES + chunk_bytes).await?;
        if framed.len() < CHUNK_HEADER_BYTES + chunk_bytes {
            return Err(self.corrupt("the file ends within a chunk"));
        }
        let chunk = framed.slice(CHUNK_HEADER_BYTES..);
        let crc = chunk_crc(self.read.checksum, len, &chunk);
        if framed[4..8] != crc.to_le_bytes() {
            return Err(self.corrupt("a chunk fails its checksum"));
        }
        self.read.add(chunk_bytes, crc);
        self.offset += framed.len() as u64;
        Ok(Some(chunk))
    }

    /// How far it has been read.
    pub fn extent(&self) -> Extent {
        self.read
    }

    /// Goes on behind `read`, which some reader of the same checkpoint came to. If it was another
    /// one, the next chunk does not continue it, and counts as damaged.
    pub fn skip_to(&mut self, read: Extent) {
        let frames = read.chunks.saturating_mul(CHUNK_HEADER_BYTES as u64);
        let content = frames.saturating_add(read.bytes);
        self.offset = self.header_bytes.saturating_add(content);
        self.window = Bytes::new();
        self.window_offset = self.offset;
        self.read = read;
    }

    /// Reads everything; returns the extent of the content.
    pub(super) async fn check(mut self) -> Result<Extent, StorageError> {
        while self.next().await?.is_some() {}
        Ok(self.read)
    }

    async fn read_header(&mut self) -> Result<(), StorageError> {
        let bytes = self.read(HEADER_BYTES).await?;
        let header = Header::decode(&bytes).ok_or_else(|| self.corrupt("not a checkpoint"))?;
        if header.meta_bytes > META_BYTES_MAX as u64 {
            return Err(self.corrupt("the description is longer than any can be"));
        }
        let header_bytes = HEADER_BYTES + header.meta_bytes as usize;
        let bytes = self.read(header_bytes).await?;
        if bytes.len() < header_bytes || !header.is_intact(&bytes) {
            return Err(self.corrupt("the header fails its checksum"));
        }
        if header.format > CHECKPOINT_FORMAT {
            let (file, found) = (self.path.clone(), header.format);
            return Err(StorageError::NewerFormat {
                file,
                found,
                known: CHECKPOINT_FORMAT,
            });
        }
        if header.position != self.position {
            return Err(self.corrupt("the header is that of another checkpoint"));
        }
        self.meta = Bytes::copy_from_slice(&bytes[HEADER_BYTES..]);
        self.read.checksum = header.crc;
        self.header_bytes = header_bytes as u64;
        self.offset = self.header_bytes;
        Ok(())
    }

    async fn read_footer(&mut self) -> Result<(), StorageError> {
        let footer = self.read(FOOTER_BYTES).await?;
        if footer != encode_footer(self.read) {
            return Err(self.corrupt("the footer does not fit what is before it"));
        }
        if self.offset + FOOTER_BYTES as u64 != self.file_bytes {
            return Err(self.corrupt("something stands behind the footer"));
        }
        self.ended = true;
        Ok(())
    }

    /// The bytes from here on, fewer where the file ends.
    async fn read(&mut self, len: usize) -> Result<Bytes, StorageError> {
        let start = (self.offset - self.window_offset) as usize;
        if start + len <= self.window.len() {
            return Ok(self.window.slice(start..start + len));
        }
        let window = self.file.read_at(self.offset, len.max(READ_BYTES)).await;
        self.window = window.context("read", &self.path)?;
        self.window_offset = self.offset;
        Ok(self.window.slice(..len.min(self.window.len())))
    }

    fn corrupt(&self, cause: &str) -> StorageError {
        StorageError::Corrupt {
            file: self.path.clone(),
            offset: self.offset,
            cause: cause.to_owned(),
        }
    }
}
