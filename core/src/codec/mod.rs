//! The encoding of log entries.
//!
//! Written by hand: a log entry lives for years on disks and travels between versions, so its
//! layout is a decision, not a derivation. A proposal is
//!
//! ```text
//! version u8 | request_id u64 LE | time_ms u64 LE | command
//! ```
//!
//! with the leader's stamp at a fixed offset, so that stamping touches nothing else. A command is
//! a tag and its fields; numbers are variable-length, keys and values carry their length. Each
//! value has exactly one encoding. Decoding checks everything that [`Valid`] promises, and fails, but
//! never panics, on any bytes.
//!
//! [`Valid`]: crate::Valid

mod auth;
mod command;
mod request;
pub(crate) mod wire;

use bytes::Bytes;

pub use self::command::{decode_command, encode_command};
pub(crate) use self::{
    auth::{
        decode_alarm, decode_credential, decode_permission, encode_alarm, encode_credential,
        encode_permission,
    },
    command::{decode_lease_id, decode_member, encode_member},
    request::{decode_lease, encode_lease},
};
use crate::{command::Proposal, error::Error};

/// The version that [`Proposal::encode`] writes, and the only one there is so far.
const PROPOSAL_VERSION: u8 = 1;

const REQUEST_ID_OFFSET: usize = 1;
const TIME_OFFSET: usize = 9;
const COMMAND_OFFSET: usize = 17;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end in the middle of something.
    #[error("unexpected end of data")]
    Truncated,
    /// Something follows where nothing should.
    #[error("data goes on after its end")]
    TrailingBytes,
    /// Written by a newer version of Quorate, or not by Quorate.
    #[error("unknown format version {0}")]
    Version(u8),
    /// No such tag here.
    #[error("unknown tag {tag} for {what}")]
    Tag {
        /// What was to be read.
        what: &'static str,
        /// The tag found.
        tag: u8,
    },
    /// A value that its field cannot have, or not written in its one encoding.
    #[error("{0} is out of bounds")]
    Bounds(&'static str),
    /// A request that must not have become a command.
    #[error("invalid request: {0}")]
    Invalid(#[from] Error),
    /// A chunk of a checkpoint is damaged, missing or in the wrong place.
    #[error("checksum does not match")]
    Checksum,
    /// Each part can be read, but together they are no state.
    #[error("inconsistent checkpoint: {0}")]
    Inconsistent(&'static str),
}

impl Proposal {
    /// The bytes of a log entry.
    pub fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(COMMAND_OFFSET + self.command.len());
        out.push(PROPOSAL_VERSION);
        out.extend(self.request_id.to_le_bytes());
        out.extend(self.time_ms.to_le_bytes());
        out.extend(&self.command);
        out.into()
    }

    /// Reads a log entry. The command stays encoded, sharing the buffer; [`decode_command`] reads
    /// it.
    ///
    /// # Errors
    ///
    /// [`DecodeError::Truncated`], [`DecodeError::Version`].
    pub fn decode(encoded: Bytes) -> Result<Self, DecodeError> {
        check_header(&encoded)?;
        let number = |offset| {
            let bytes = encoded[offset..]
                .first_chunk()
                .expect("the header was checked");
            u64::from_le_bytes(*bytes)
        };
        Ok(Self {
            request_id: number(REQUEST_ID_OFFSET),
            time_ms: number(TIME_OFFSET),
            command: encoded.slice(COMMAND_OFFSET..),
        })
    }

    /// Puts the leader's cluster time, milliseconds, into an encoded proposal: in place if nobody
    /// else holds the buffer.
    ///
    /// # Errors
    ///
    /// As [`Self::decode`].
    pub fn stamp(encoded: Bytes, time_ms: u64) -> Result<Bytes, DecodeError> {
        check_header(&encoded)?;
        let mut encoded = encoded
            .try_into_mut()
            .unwrap_or_else(|shared| shared[..].into());
        encoded[TIME_OFFSET..COMMAND_OFFSET].copy_from_slice(&time_ms.to_le_bytes());
        Ok(encoded.freeze())
    }
}

fn check_header(encoded: &[u8]) -> Result<(), DecodeError> {
    match encoded.first() {
        None => Err(DecodeError::Truncated),
        Some(&PROPOSAL_VERSION) if encoded.len() < COMMAND_OFFSET => Err(DecodeError::Truncated),
        Some(&PROPOSAL_VERSION) => Ok(()),
        Some(&version) => Err(DecodeError::Version(version)),
    }
}

#[cfg(test)]
mod tests;
