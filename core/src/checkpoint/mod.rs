//! A view as a stream of bytes, and back.
//!
//! ```text
//! stream  = chunk*
//! chunk   = payload length u32 LE | CRC-32C u32 LE of (chunk number u32 LE, payload) | payload
//! payload = record*, a record never crossing chunks
//! records = head, member*, alarm*, auth*, lease*, (key, version+)*, end
//! ```
//!
//! Members, leases and keys ascend by id, id and bytes. Those of
//! alarms, users and roles are in `auth.rs`. A key's versions are its *logical* ones,
//! oldest first, so replicas that have compacted more or less far physically write the same bytes.
//! The keys of leases and the event log are not written: both follow from the versions. The last
//! record holds a checksum of all payloads before it.

mod auth;
mod read;
mod write;

pub use self::{read::Restore, write::Checkpoint};
use crate::view::View;

/// The layout's version, first byte of the head's body.
const CHECKPOINT_VERSION: u8 = 1;

/// How every checkpoint's head begins.
const MAGIC: &[u8; 8] = b"quorate\n";

/// Length of a chunk's frame around the payload.
const FRAME_BYTES: usize = 8;

/// The records, with permanent tags.
mod tag {
    pub(super) const HEAD: u8 = 1;
    pub(super) const MEMBER: u8 = 2;
    pub(super) const LEASE: u8 = 3;
    pub(super) const KEY: u8 = 4;
    pub(super) const PUT: u8 = 5;
    pub(super) const TOMBSTONE: u8 = 6;
    pub(super) const END: u8 = 7;
    pub(super) const ALARM: u8 = 8;
    pub(super) const AUTH: u8 = 9;
    pub(super) const USER: u8 = 10;
    pub(super) const USER_ROLE: u8 = 11;
    pub(super) const ROLE: u8 = 12;
    pub(super) const PERMISSION: u8 = 13;
}

/// The checksum of one chunk. Its number is part of it, so that chunks cannot change places.
fn chunk_checksum(number: u32, payload: &[u8]) -> u32 {
    crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), payload)
}

/// Hashes a view by way of its checkpoint: what is not written there is not state.
pub(crate) fn state_hash(view: &View) -> u64 {
    let mut hash = 0;
    for chunk in view.checkpoint() {
        for word in chunk.chunks(8) {
            let mut bytes = [0; 8];
            bytes[..word.len()].copy_from_slice(word);
            hash = mix(hash ^ u64::from_le_bytes(bytes));
        }
    }
    hash
}

/// Spreads every input bit over the whole word (the finisher of SplitMix64).
fn mix(mut word: u64) -> u64 {
    word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

#[cfg(test)]
mod tests;
