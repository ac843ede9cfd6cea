//! Segment files: their names, their header, and reading their batches. See `FORMAT.md`.

use std::{io, sync::Arc};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use quorate_core::planted::{Bug, is_planted};

use crate::disk::{Disk, DiskFile};

use super::{
    super::error::{Context, StorageError},
    batch::{BATCH_HEADER_BYTES, BatchHeader, HeaderAt, Link, find_later_batch, is_intact},
};

/// The header has a sector of its own, so that no torn batch can touch it.
pub(super) const SEGMENT_HEADER_BYTES: u64 = 512;

/// Version of the segment, batch and record formats together.
pub(super) const LOG_FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"QUORALOG";
const PREFIX: &str = "log-";

/// How much is read from a segment at a time.
const READ_BYTES: usize = 256 * 1024;

pub(super) fn segment_name(sequence: u64) -> String {
    format!("{PREFIX}{sequence:016x}")
}

/// The sequence number in a segment's name; `None` for other files.
pub(super) fn segment_sequence(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?;
    let sequence = u64::from_str_radix(digits, 16).ok()?;
    (segment_name(sequence) == name).then_some(sequence)
}

/// A segment's generation: no two segments of a log share one, also in one recycled file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SegmentId {
    pub(super) sequence: u64,
    /// Not known to clients, so that no value they store can look like a batch of the log.
    pub(super) salt: u64,
}

impl SegmentId {
    pub(super) fn name(self) -> String {
        segment_name(self.sequence)
    }

    /// What the checksums of the segment's batches begin with.
    pub(super) fn seed(self) -> u32 {
        let seed = crc32c::crc32c(&self.sequence.to_le_bytes());
        crc32c::crc32c_append(seed, &self.salt.to_le_bytes())
    }

    /// The header of a file of this length, and behind it the empty batch header that ends an empty
    /// segment.
    pub(super) fn encode_header(self, file_bytes: u64) -> Bytes {
        let mut out = BytesMut::new();
        out.put_slice(MAGIC);
        out.put_u32_le(LOG_FORMAT);
        out.put_u32_le(0);
        out.put_u64_le(self.sequence);
        out.put_u64_le(self.salt);
        out.put_u64_le(file_bytes);
        out.resize(SEGMENT_HEADER_BYTES as usize, 0);
        let crc = crc32c::crc32c(&out);
        out[12..16].copy_from_slice(&crc.to_le_bytes());
        out.put_bytes(0, BATCH_HEADER_BYTES);
        out.freeze()
    }

    /// Reads the header of the segment that the file's name promises. A file may have become
    /// longer than it was made, but not shorter.
    fn decode_header(
        name: &str,
        path: &str,
        header: &[u8],
        file_bytes: u64,
    ) -> Result<Self, StorageError> {
        let corrupt_at = |offset, cause: &str| StorageError::Corrupt {
            file: path.to_owned(),
            offset,
            cause: cause.to_owned(),
        };
        let corrupt = |cause| corrupt_at(0, cause);
        if header.len() < SEGMENT_HEADER_BYTES as usize {
            return Err(corrupt("the file ends within its header"));
        }
        let mut fields = header;
        let mut magic = [0; MAGIC.len()];
        fields.copy_to_slice(&mut magic);
        let format = fields.get_u32_le();
        let crc = fields.get_u32_le();
        let id = Self {
            sequence: fields.get_u64_le(),
            salt: fields.get_u64_le(),
        };
        let made_bytes = fields.get_u64_le();
        let mut checked = header[..SEGMENT_HEADER_BYTES as usize].to_vec();
        checked[12..16].fill(0);
        if &magic != MAGIC || crc32c::crc32c(&checked) != crc {
            return Err(corrupt("the segment's header fails its checksum"));
        }
        if format > LOG_FORMAT {
            let file = path.to_owned();
            return Err(StorageError::NewerFormat {
                file,
                found: format,
                known: LOG_FORMAT,
            });
        }
        if id.name() != name {
            return Err(corrupt("the header is that of another segment"));
        }
        if file_bytes < made_bytes {
            let cause = format!("the file ends here, and was made {made_bytes} bytes long");
            return Err(corrupt_at(file_bytes, &cause));
        }
        Ok(id)
    }
}

/// An intact batch and where it was found.
pub(super) struct FoundBatch {
    pub(super) offset: u64,
    pub(super) link: Link,
    pub(super) crc: u32,
    pub(super) body: Bytes,
    /// Where the next batch begins.
    pub(super) end: u64,
}

/// What stands at the reader's place.
pub(super) enum Scan {
    Batch(FoundBatch),
    /// An empty header: the segment ends here.
    End,
    /// No intact batch, for this reason.
    Bad(&'static str),
}

/// Reads a segment batch by batch.
pub(super) struct SegmentReader {
    pub(super) id: SegmentId,
    /// How to name the file to the operator.
    pub(super) path: String,
    file: Arc<dyn DiskFile>,
    file_bytes: u64,
    offset: u64,
    window: Bytes,
    window_offset: u64,
}

impl SegmentReader {
    /// Opens a segment and checks its header. The reader stands at the first batch.
    pub(super) async fn open(disk: &dyn Disk, name: &str) -> Result<Self, StorageError> {
        let path = disk.path(name);
        let file = disk.open(name, false).await.context("open", &path)?;
        let file_bytes = file.size_bytes().await.context("read", &path)?;
        let header = file
            .read_at(0, SEGMENT_HEADER_BYTES as usize)
            .await
            .context("read", &path)?;
        let id = SegmentId::decode_header(name, &path, &header, file_bytes)?;
        let (offset, window, window_offset) = (SEGMENT_HEADER_BYTES, Bytes::new(), 0);
        Ok(Self {
            id,
            path,
            file,
            file_bytes,
            offset,
            window,
            window_offset,
        })
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// Goes on reading at a batch that was found before.
    pub(super) fn seek(&mut self, offset: u64) {
        self.offset = offset;
    }

    /// Looks at the batch here and moves behind it if it is intact.
    pub(super) async fn next(&mut self) -> Result<Scan, StorageError> {
        let header = match BatchHeader::decode(&self.read(BATCH_HEADER_BYTES as u64).await?) {
            HeaderAt::Empty => return Ok(Scan::End),
            HeaderAt::Garbage => return Ok(Scan::Bad("no batch begins here")),
            HeaderAt::Header(header) => header,
        };
        if header.batch_bytes() > self.file_bytes - self.offset {
            return Ok(Scan::Bad("the batch is longer than the file"));
        }
        let batch = self.read(header.batch_bytes()).await?;
        let is_intact = is_intact(self.id.seed(), &header, &batch);
        if batch.len() as u64 != header.batch_bytes()
            || !(is_intact || is_planted(Bug::TornBatchAccepted))
        {
            return Ok(Scan::Bad("the batch fails its checksum"));
        }
        let offset = self.offset;
        self.offset += header.batch_bytes();
        let body = batch.slice(BATCH_HEADER_BYTES..);
        let BatchHeader { link, crc, .. } = header;
        Ok(Scan::Batch(FoundBatch {
            offset,
            link,
            crc,
            body,
            end: self.offset,
        }))
    }

    /// Whether a batch later than `number` stands anywhere from here on: proof that what is here
    /// was once durable.
    pub(super) async fn has_later_batch(&mut self, number: u64) -> Result<bool, StorageError> {
        let rest = self
            .read(self.file_bytes.saturating_sub(self.offset))
            .await?;
        // Places are multiples of the alignment in the file, and so is `self.offset`.
        Ok(find_later_batch(self.id.seed(), number, &rest, 0).is_some())
    }

    /// The bytes from here on, fewer where the file ends.
    async fn read(&mut self, len: u64) -> Result<Bytes, StorageError> {
        let len = usize::try_from(len).expect("a segment fits into memory");
        if let Some(bytes) = self.in_window(len) {
            return Ok(bytes);
        }
        let read = self.file.read_at(self.offset, len.max(READ_BYTES)).await;
        self.window = read.context("read", &self.path)?;
        self.window_offset = self.offset;
        Ok(self.window.slice(..len.min(self.window.len())))
    }

    fn in_window(&self, len: usize) -> Option<Bytes> {
        let start = usize::try_from(self.offset.checked_sub(self.window_offset)?).ok()?;
        let end = start.checked_add(len)?;
        (end <= self.window.len()).then(|| self.window.slice(start..end))
    }

    /// Overwrites what is here and makes it durable. With empty bytes, only makes it durable.
    pub(super) async fn overwrite(
        &mut self,
        offset: u64,
        bytes: Bytes,
    ) -> Result<(), StorageError> {
        self.window = Bytes::new();
        self.file
            .write_at(offset, bytes, true)
            .await
            .context("write", &self.path)
    }

    /// Bytes of this segment as they are stored.
    pub(super) async fn raw(&self, offset: u64, len: u64) -> Result<Bytes, StorageError> {
        let len = usize::try_from(len)
            .map_err(io::Error::other)
            .context("read", &self.path)?;
        self.file
            .read_at(offset, len)
            .await
            .context("read", &self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: SegmentId = SegmentId {
        sequence: 0x1f,
        salt: 5,
    };

    #[test]
    fn names_are_read_back() {
        assert_eq!(ID.name(), "log-000000000000001f");
        assert_eq!(segment_sequence(&ID.name()), Some(0x1f));
        for other in [
            "log-1f",
            "log-000000000000001F",
            "log-000000000000001f.new",
            "lock",
        ] {
            assert_eq!(segment_sequence(other), None, "{other}");
        }
    }

    #[test]
    fn a_damaged_header_is_refused() {
        let good = ID.encode_header(2048);
        let decode = |header: &[u8], file_bytes| {
            SegmentId::decode_header(&ID.name(), "f", header, file_bytes)
        };
        assert_eq!(decode(&good, 2048).unwrap(), ID);
        assert_eq!(decode(&good, 4096).unwrap(), ID, "it has been extended");
        for place in 0..SEGMENT_HEADER_BYTES as usize {
            let mut bad = good.to_vec();
            bad[place] ^= 0x10;
            assert!(decode(&bad, 2048).is_err(), "byte {place}");
        }
        assert!(decode(&good[..100], 100).is_err());
        let error = decode(&good, 2047).unwrap_err().to_string();
        assert!(error.contains("corrupt at offset 2047"), "{error}");
        let other = "log-0000000000000020";
        assert!(SegmentId::decode_header(other, "f", &good, 2048).is_err());
    }

    #[test]
    fn generations_have_different_seeds() {
        let next = SegmentId {
            sequence: ID.sequence + 1,
            ..ID
        };
        let salted = SegmentId {
            salt: ID.salt + 1,
            ..ID
        };
        assert_ne!(ID.seed(), next.seed());
        assert_ne!(ID.seed(), salted.seed());
    }
}
