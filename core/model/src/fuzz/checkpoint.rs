//! Bytes as checkpoints.
//!
//! Checksums keep damage out, but no errors of whoever wrote them, and random bytes would never
//! get behind them. So an input is read twice: as it is, and as the records of a checkpoint,
//! chunk by chunk, around which the right checksums are put.

use quorate_core::{Entry, Restore, StateMachine, auth::Author, codec::DecodeError};

use super::{offspring, pieces, random::Random};

/// The tag of the last record.
const END: u8 = 7;

/// Length of a chunk's frame, and of the total behind the last record.
const FRAME_BYTES: usize = 8;
const TOTAL_BYTES: usize = 4;

/// See [`super::Target::run`].
pub(super) fn run(input: &[u8]) -> bool {
    if let Ok(machine) = restore(input, input.len().max(1)) {
        offspring::check(machine);
    }
    let stream = forge(input);
    let Ok(machine) = restore(&stream, 1 + input.len() % 251) else {
        return false;
    };
    machine.validate();
    let written: Vec<u8> = machine.checkpoint().flatten().collect();
    assert_eq!(
        payloads(&written),
        payloads(&stream),
        "each state has one list of records"
    );
    offspring::check(machine);
    true
}

/// The records of a checkpoint of some state.
pub(super) fn seed(random: &mut Random) -> Vec<u8> {
    let mut machine = StateMachine::new();
    for _ in 0..random.below(40) {
        let index = machine.applied_index() + 1;
        machine.apply(Entry {
            index,
            term: 1 + index / 8,
            time_ms: 700 * index,
            author: Author::Member,
            command: random.command(),
        });
    }
    let stream: Vec<u8> = machine.checkpoint().flatten().collect();
    let mut records = payloads(&stream);
    records.truncate(records.len() - TOTAL_BYTES - 1);
    records
}

/// Feeds a stream in pieces of the length given.
pub(super) fn restore(stream: &[u8], piece: usize) -> Result<StateMachine, DecodeError> {
    let mut restore = Restore::new();
    for piece in stream.chunks(piece) {
        restore.feed(piece)?;
    }
    restore.finish()
}

/// Makes chunks of records: adds the last one, and all checksums.
fn forge(records: &[u8]) -> Vec<u8> {
    let pieces = pieces::split(records);
    let mut payloads: Vec<Vec<u8>> = pieces.into_iter().map(<[u8]>::to_vec).collect();
    if let Some(last) = payloads.last_mut() {
        last.push(END);
    }
    let total = crc32c::crc32c(&payloads.concat());
    if let Some(last) = payloads.last_mut() {
        last.extend(total.to_le_bytes());
    }
    let mut stream = Vec::new();
    for (number, payload) in (0_u32..).zip(payloads) {
        let checksum = crc32c::crc32c_append(crc32c::crc32c(&number.to_le_bytes()), &payload);
        stream.extend((payload.len() as u32).to_le_bytes());
        stream.extend(checksum.to_le_bytes());
        stream.extend(payload);
    }
    stream
}

/// What is in the chunks of a stream that consists of whole ones.
fn payloads(stream: &[u8]) -> Vec<u8> {
    let mut payloads = Vec::new();
    let mut rest = stream;
    while let Some(length) = rest.first_chunk() {
        let end = FRAME_BYTES + u32::from_le_bytes(*length) as usize;
        payloads.extend(&rest[FRAME_BYTES..end]);
        rest = &rest[end..];
    }
    payloads
}
