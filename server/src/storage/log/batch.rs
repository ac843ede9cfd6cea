//! A batch: the records that one write and one sync put down together. See `FORMAT.md`.
//!
//! At most one batch is on its way to disk at any time, so a torn write can only be the last
//! batch. A valid batch with a higher number behind a bad one therefore proves that the bad one
//! was once durable and has rotted.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::record::Record;

pub(super) const BATCH_HEADER_BYTES: usize = 24;

/// Batches begin and end at multiples of this.
pub(super) const BATCH_ALIGNMENT: usize = 8;

/// Behind the last batch stands an empty header, overwritten by the next batch: where it is
/// neither empty nor a batch, something was torn or has rotted.
pub(super) const END_BYTES: usize = BATCH_HEADER_BYTES;

const MAGIC: u32 = u32::from_le_bytes(*b"QBAT");

/// The checksum's bytes come right behind the magic; everything after them is covered.
const CHECKED_FROM: usize = 8;

/// A batch's place in the log's one chain.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Link {
    /// Counts the batches of the whole log, from 1, across segments and restarts.
    pub(super) number: u64,
    /// Checksum of the batch before, 0 for the first.
    pub(super) previous_crc: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct BatchHeader {
    pub(super) link: Link,
    pub(super) crc: u32,
    pub(super) body_bytes: u32,
}

/// What stands where a header could be.
pub(super) enum HeaderAt {
    Empty,
    Header(BatchHeader),
    /// Neither.
    Garbage,
}

impl BatchHeader {
    /// `bytes` may be cut short by the end of the file.
    pub(super) fn decode(mut bytes: &[u8]) -> HeaderAt {
        if bytes.iter().all(|byte| *byte == 0) {
            return HeaderAt::Empty;
        }
        if bytes.len() < BATCH_HEADER_BYTES || bytes.get_u32_le() != MAGIC {
            return HeaderAt::Garbage;
        }
        let crc = bytes.get_u32_le();
        let number = bytes.get_u64_le();
        let body_bytes = bytes.get_u32_le();
        let previous_crc = bytes.get_u32_le();
        HeaderAt::Header(Self {
            link: Link {
                number,
                previous_crc,
            },
            crc,
            body_bytes,
        })
    }

    pub(super) fn batch_bytes(&self) -> u64 {
        BATCH_HEADER_BYTES as u64 + u64::from(self.body_bytes)
    }
}

/// Whether a whole batch, header included, is what was written under `seed`.
pub(super) fn is_intact(seed: u32, header: &BatchHeader, batch: &[u8]) -> bool {
    crc32c::crc32c_append(seed, &batch[CHECKED_FROM..]) == header.crc
}

/// Bytes of the batch that holds these records, its header included.
pub(super) fn batch_bytes(records: &[Record]) -> usize {
    let body_bytes: usize = records.iter().map(Record::encoded_bytes).sum();
    BATCH_HEADER_BYTES + body_bytes.next_multiple_of(BATCH_ALIGNMENT)
}

/// Appends a batch to `out`, with the empty header behind it. Returns the batch's checksum.
pub(super) fn encode_batch<'a>(
    seed: u32,
    link: Link,
    records: impl IntoIterator<Item = &'a Record>,
    out: &mut BytesMut,
) -> u32 {
    debug_assert!(out.is_empty());
    out.put_u32_le(MAGIC);
    out.put_u32_le(0);
    out.put_u64_le(link.number);
    out.put_u32_le(0);
    out.put_u32_le(link.previous_crc);
    for record in records {
        record.encode(out);
    }
    out.put_bytes(0, out.len().next_multiple_of(BATCH_ALIGNMENT) - out.len());
    let body_bytes = u32::try_from(out.len() - BATCH_HEADER_BYTES).expect("append bounds batches");
    out[16..20].copy_from_slice(&body_bytes.to_le_bytes());
    let crc = crc32c::crc32c_append(seed, &out[CHECKED_FROM..]);
    out[4..8].copy_from_slice(&crc.to_le_bytes());
    out.put_bytes(0, END_BYTES);
    crc
}

/// Decodes the records of an intact batch's body.
pub(super) fn decode_records(mut body: Bytes) -> Result<Vec<Record>, &'static str> {
    let mut records = Vec::new();
    while let Some(record) = Record::decode(&mut body)? {
        records.push(record);
    }
    Ok(records)
}

/// The first place at or behind `from` where an intact batch with a number above `number` begins.
pub(super) fn find_later_batch(seed: u32, number: u64, bytes: &[u8], from: usize) -> Option<usize> {
    let first = from.next_multiple_of(BATCH_ALIGNMENT);
    let mut places =
        (first..bytes.len().saturating_sub(BATCH_HEADER_BYTES)).step_by(BATCH_ALIGNMENT);
    places.find(|place| {
        let rest = &bytes[*place..];
        if !rest.starts_with(&MAGIC.to_le_bytes()) {
            return false;
        }
        let HeaderAt::Header(header) = BatchHeader::decode(&rest[..BATCH_HEADER_BYTES]) else {
            return false;
        };
        header.link.number > number
            && header.batch_bytes() <= rest.len() as u64
            && is_intact(seed, &header, &rest[..header.batch_bytes() as usize])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEED: u32 = 7;
    const LINK: Link = Link {
        number: 12,
        previous_crc: 99,
    };

    fn sample() -> BytesMut {
        let records = [
            Record::Vote(Bytes::from_static(b"vote")),
            Record::Truncate { from: 3 },
        ];
        let mut out = BytesMut::new();
        encode_batch(SEED, LINK, &records, &mut out);
        assert_eq!(out.len(), batch_bytes(&records) + END_BYTES);
        out
    }

    fn intact(seed: u32, batch: &[u8]) -> bool {
        match BatchHeader::decode(&batch[..BATCH_HEADER_BYTES]) {
            HeaderAt::Header(header)
                if header.batch_bytes() as usize + END_BYTES == batch.len() =>
            {
                header.link == LINK && is_intact(seed, &header, &batch[..batch.len() - END_BYTES])
            }
            _ => false,
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let good = sample();
        assert!(intact(SEED, &good));
        assert!(!intact(SEED + 1, &good), "of another segment");
        for place in 0..good.len() - END_BYTES {
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[place] ^= 1 << bit;
                assert!(!intact(SEED, &bad), "byte {place} bit {bit}");
            }
        }
    }

    #[test]
    fn a_later_batch_is_found_behind_garbage() {
        let mut bytes = vec![0xff; 40];
        bytes.extend_from_slice(&sample());
        assert_eq!(find_later_batch(SEED, 11, &bytes, 3), Some(40));
        assert_eq!(find_later_batch(SEED, 12, &bytes, 3), None, "not later");
        assert_eq!(
            find_later_batch(SEED + 1, 11, &bytes, 3),
            None,
            "of another segment"
        );
        bytes[70] ^= 1;
        assert_eq!(find_later_batch(SEED, 11, &bytes, 3), None, "not intact");
    }
}
