//! How a checkpoint is written. See `FORMAT.md`.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{super::log::LogPosition, Extent};

pub(super) const CHECKPOINT_FORMAT: u32 = 1;
pub(super) const HEADER_BYTES: usize = 40;
pub(super) const CHUNK_HEADER_BYTES: usize = 8;
pub(super) const FOOTER_BYTES: usize = 32;

const MAGIC: &[u8; 8] = b"QUORACHK";
const FOOTER_MAGIC: &[u8; 8] = b"QUORAEND";
const PREFIX: &str = "checkpoint-";

/// Longest description of a checkpoint, bytes.
pub(super) const META_BYTES_MAX: usize = 1 << 20;

/// Longest chunk, bytes.
pub(super) const CHUNK_BYTES_MAX: usize = 64 << 20;

/// Newer checkpoints have greater names.
pub(super) fn checkpoint_name(position: LogPosition) -> String {
    format!("{PREFIX}{:016x}-{:016x}", position.index, position.term)
}

/// What a checkpoint's name says; `None` for other files.
pub(super) fn checkpoint_position(name: &str) -> Option<LogPosition> {
    let (index, term) = name.strip_prefix(PREFIX)?.split_once('-')?;
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    let position = LogPosition {
        term: number(term)?,
        index: number(index)?,
    };
    (checkpoint_name(position) == name).then_some(position)
}

/// Whether a file is a checkpoint, or one that was not completed.
pub(in crate::storage) fn is_checkpoint_file(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The header and the description behind it, and the checksum that the chunks continue.
pub(super) fn encode_header(position: LogPosition, meta: &[u8]) -> (Bytes, u32) {
    let mut out = BytesMut::with_capacity(HEADER_BYTES + meta.len());
    out.put_slice(MAGIC);
    out.put_u32_le(CHECKPOINT_FORMAT);
    out.put_u32_le(0);
    out.put_u64_le(position.term);
    out.put_u64_le(position.index);
    out.put_u64_le(meta.len() as u64);
    out.put_slice(meta);
    let crc = crc32c::crc32c(&out);
    out[12..16].copy_from_slice(&crc.to_le_bytes());
    (out.freeze(), crc)
}

pub(super) struct Header {
    pub(super) format: u32,
    pub(super) crc: u32,
    pub(super) position: LogPosition,
    pub(super) meta_bytes: u64,
}

impl Header {
    /// `None` if it cannot be one.
    pub(super) fn decode(mut bytes: &[u8]) -> Option<Self> {
        if bytes.len() < HEADER_BYTES || !bytes.starts_with(MAGIC) {
            return None;
        }
        bytes.advance(MAGIC.len());
        let (format, crc) = (bytes.get_u32_le(), bytes.get_u32_le());
        let position = LogPosition {
            term: bytes.get_u64_le(),
            index: bytes.get_u64_le(),
        };
        Some(Self {
            format,
            crc,
            position,
            meta_bytes: bytes.get_u64_le(),
        })
    }

    /// Whether header and description together are as they were written.
    pub(super) fn is_intact(&self, header_and_meta: &[u8]) -> bool {
        let crc = crc32c::crc32c(&header_and_meta[..12]);
        let crc = crc32c::crc32c_append(crc, &[0; 4]);
        crc32c::crc32c_append(crc, &header_and_meta[16..]) == self.crc
    }
}

/// What stands before a chunk: its length, and a checksum over everything up to its end.
pub(super) fn encode_chunk_header(
    previous_crc: u32,
    chunk: &[u8],
) -> ([u8; CHUNK_HEADER_BYTES], u32) {
    let len = u32::try_from(chunk.len())
        .expect("chunks are bounded")
        .to_le_bytes();
    let crc = chunk_crc(previous_crc, len, chunk);
    let mut header = [0; CHUNK_HEADER_BYTES];
    header[..4].copy_from_slice(&len);
    header[4..].copy_from_slice(&crc.to_le_bytes());
    (header, crc)
}

pub(super) fn chunk_crc(previous_crc: u32, len: [u8; 4], chunk: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c_append(previous_crc, &len), chunk)
}

impl Extent {
    /// One more chunk, and the checksum behind it.
    pub(super) fn add(&mut self, chunk_bytes: usize, checksum: u32) {
        self.chunks += 1;
        self.bytes += chunk_bytes as u64;
        self.checksum = checksum;
    }
}

/// Ends a checkpoint; begins with four zeros, where a chunk would have its length.
pub(super) fn encode_footer(content: Extent) -> Bytes {
    let mut out = BytesMut::with_capacity(FOOTER_BYTES);
    out.put_u32_le(0);
    out.put_u32_le(0);
    out.put_u64_le(content.chunks);
    out.put_u64_le(content.bytes);
    out.put_slice(FOOTER_MAGIC);
    let crc = crc32c::crc32c_append(content.checksum, &out);
    out[4..8].copy_from_slice(&crc.to_le_bytes());
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_sort_by_age() {
        let older = checkpoint_name(LogPosition {
            term: 9,
            index: 0xff,
        });
        let newer = checkpoint_name(LogPosition {
            term: 3,
            index: 0x100,
        });
        assert_eq!(older, "checkpoint-00000000000000ff-0000000000000009");
        assert!(older < newer);
        assert_eq!(
            checkpoint_position(&newer),
            Some(LogPosition {
                term: 3,
                index: 0x100
            })
        );
        assert_eq!(checkpoint_position(&format!("{newer}.7.tmp")), None);
        assert!(is_checkpoint_file(&format!("{newer}.7.tmp")));
    }
}
