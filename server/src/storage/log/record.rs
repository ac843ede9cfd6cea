//! The records of the log: what they say and how they are written. See `FORMAT.md`.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::{LogEntry, LogPosition, state::LogState};

/// One step of the log's history.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Record {
    /// All that the segments before this one would have told; the first record of each segment.
    State(LogState),
    Entry(LogEntry),
    Vote(Bytes),
    Committed(LogPosition),
    /// Entries from this index on are no longer part of the log.
    Truncate {
        from: u64,
    },
    /// Entries up to this one are no longer needed.
    Purge(LogPosition),
}

const KIND_PADDING: u8 = 0;
const KIND_STATE: u8 = 1;
const KIND_ENTRY: u8 = 2;
const KIND_VOTE: u8 = 3;
const KIND_COMMITTED: u8 = 4;
const KIND_TRUNCATE: u8 = 5;
const KIND_PURGE: u8 = 6;

const ENTRY_HEADER_BYTES: usize = 1 + 8 + 8 + 4;
const POSITION_BYTES: usize = 16;

/// Why bytes that passed their checksum are no record.
pub(super) type Malformed = &'static str;

impl Record {
    pub(super) fn encoded_bytes(&self) -> usize {
        match self {
            Self::State(state) => {
                let vote_bytes = state.vote.as_ref().map_or(0, |vote| 4 + vote.len());
                1 + 4 + vote_bytes + 2 * POSITION_BYTES + 8
            }
            Self::Entry(entry) => ENTRY_HEADER_BYTES + entry.payload.len(),
            Self::Vote(vote) => 1 + 4 + vote.len(),
            Self::Committed(_) | Self::Purge(_) => 1 + POSITION_BYTES,
            Self::Truncate { .. } => 1 + 8,
        }
    }

    pub(super) fn encode(&self, out: &mut BytesMut) {
        match self {
            Self::State(state) => encode_state(state, out),
            Self::Entry(entry) => {
                out.put_u8(KIND_ENTRY);
                encode_position(
                    LogPosition {
                        term: entry.term,
                        index: entry.index,
                    },
                    out,
                );
                encode_bytes(&entry.payload, out);
            }
            Self::Vote(vote) => {
                out.put_u8(KIND_VOTE);
                encode_bytes(vote, out);
            }
            Self::Committed(position) => {
                out.put_u8(KIND_COMMITTED);
                encode_position(*position, out);
            }
            Self::Truncate { from } => {
                out.put_u8(KIND_TRUNCATE);
                out.put_u64_le(*from);
            }
            Self::Purge(position) => {
                out.put_u8(KIND_PURGE);
                encode_position(*position, out);
            }
        }
    }

    /// The next record of a batch's body, or `None` at its end. Payloads are slices of `body`.
    pub(super) fn decode(body: &mut Bytes) -> Result<Option<Self>, Malformed> {
        if !body.has_remaining() {
            return Ok(None);
        }
        let record = match body.get_u8() {
            KIND_PADDING if body.iter().all(|byte| *byte == 0) => return Ok(None),
            KIND_STATE => Self::State(decode_state(body)?),
            KIND_ENTRY => {
                let LogPosition { term, index } = decode_position(body)?;
                Self::Entry(LogEntry {
                    term,
                    index,
                    payload: decode_bytes(body)?,
                })
            }
            KIND_VOTE => Self::Vote(decode_bytes(body)?),
            KIND_COMMITTED => Self::Committed(decode_position(body)?),
            KIND_TRUNCATE => Self::Truncate {
                from: body.try_get_u64_le().map_err(|_| TOO_SHORT)?,
            },
            KIND_PURGE => Self::Purge(decode_position(body)?),
            _ => return Err("a record of an unknown kind"),
        };
        Ok(Some(record))
    }
}

const TOO_SHORT: Malformed = "a record that is too short";

// Which of the optional fields of a state are there.
const HAS_VOTE: u8 = 1;
const HAS_COMMITTED: u8 = 2;
const HAS_PURGED: u8 = 4;
const HAS_NEXT_INDEX: u8 = 8;

fn encode_state(state: &LogState, out: &mut BytesMut) {
    let mut fields = 0;
    for (present, bit) in [
        (state.vote.is_some(), HAS_VOTE),
        (state.committed.is_some(), HAS_COMMITTED),
        (state.purged.is_some(), HAS_PURGED),
        (state.next_index.is_some(), HAS_NEXT_INDEX),
    ] {
        fields |= if present { bit } else { 0 };
    }
    out.put_u8(KIND_STATE);
    out.put_u8(fields);
    if let Some(vote) = &state.vote {
        encode_bytes(vote, out);
    }
    for position in [state.committed, state.purged].into_iter().flatten() {
        encode_position(position, out);
    }
    if let Some(next_index) = state.next_index {
        out.put_u64_le(next_index);
    }
}

fn decode_state(body: &mut Bytes) -> Result<LogState, Malformed> {
    let fields = body.try_get_u8().map_err(|_| TOO_SHORT)?;
    if fields & !(HAS_VOTE | HAS_COMMITTED | HAS_PURGED | HAS_NEXT_INDEX) != 0 {
        return Err("a state with unknown fields");
    }
    let mut state = LogState::default();
    if fields & HAS_VOTE != 0 {
        state.vote = Some(decode_bytes(body)?);
    }
    if fields & HAS_COMMITTED != 0 {
        state.committed = Some(decode_position(body)?);
    }
    if fields & HAS_PURGED != 0 {
        state.purged = Some(decode_position(body)?);
    }
    if fields & HAS_NEXT_INDEX != 0 {
        state.next_index = Some(body.try_get_u64_le().map_err(|_| TOO_SHORT)?);
    }
    Ok(state)
}

fn encode_position(position: LogPosition, out: &mut BytesMut) {
    out.put_u64_le(position.term);
    out.put_u64_le(position.index);
}

fn decode_position(body: &mut Bytes) -> Result<LogPosition, Malformed> {
    let term = body.try_get_u64_le().map_err(|_| TOO_SHORT)?;
    let index = body.try_get_u64_le().map_err(|_| TOO_SHORT)?;
    Ok(LogPosition { term, index })
}

fn encode_bytes(bytes: &[u8], out: &mut BytesMut) {
    let len = u32::try_from(bytes.len()).expect("append refuses payloads of 4 GiB");
    out.put_u32_le(len);
    out.put_slice(bytes);
}

fn decode_bytes(body: &mut Bytes) -> Result<Bytes, Malformed> {
    let len = body.try_get_u32_le().map_err(|_| TOO_SHORT)? as usize;
    if body.remaining() < len {
        return Err(TOO_SHORT);
    }
    Ok(body.split_to(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples() -> Vec<Record> {
        let position = LogPosition { term: 3, index: 70 };
        let full = LogState {
            vote: Some(Bytes::from_static(b"vote")),
            committed: Some(position),
            purged: Some(LogPosition { term: 2, index: 60 }),
            next_index: Some(71),
        };
        vec![
            Record::State(LogState::default()),
            Record::State(full),
            Record::Entry(LogEntry {
                term: 3,
                index: 71,
                payload: Bytes::from_static(b"put"),
            }),
            Record::Vote(Bytes::from_static(b"v")),
            Record::Committed(position),
            Record::Truncate { from: 5 },
            Record::Purge(position),
        ]
    }

    #[test]
    fn records_are_read_back_as_written() {
        let mut out = BytesMut::new();
        for record in samples() {
            let before = out.len();
            record.encode(&mut out);
            assert!(out.len() - before <= record.encoded_bytes(), "{record:?}");
        }
        out.put_bytes(0, 7);
        let mut body = out.freeze();
        for record in samples() {
            assert_eq!(Record::decode(&mut body), Ok(Some(record)));
        }
        assert_eq!(Record::decode(&mut body), Ok(None));
    }

    #[test]
    fn a_record_cut_short_is_refused() {
        for record in samples() {
            let mut out = BytesMut::new();
            record.encode(&mut out);
            for len in 1..out.len() {
                let mut body = Bytes::copy_from_slice(&out[..len]);
                assert!(
                    Record::decode(&mut body).is_err(),
                    "{record:?} cut to {len}"
                );
            }
        }
        assert!(Record::decode(&mut Bytes::from_static(&[99])).is_err());
        assert!(
            Record::decode(&mut Bytes::from_static(&[0, 1])).is_err(),
            "padding is zero"
        );
    }
}
