//! Small changes of inputs.

use super::{
    pieces::{self, SEPARATOR},
    random::Random,
};

/// Most bytes that are removed or repeated at a time.
const RUN_BYTES_MAX: usize = 24;

/// Numbers at which something may end, as they are encoded: signed ones alternate, so that those
/// from the end downwards are the least, the greatest, and what comes before them.
const NUMBERS: &[u64] = &[
    0,
    1,
    2,
    127,
    128,
    1 << 31,
    1 << 32,
    9_000_000_000,
    18_000_000_000,
    u64::MAX / 2,
    u64::MAX / 2 + 1,
    u64::MAX - 3,
    u64::MAX - 2,
    u64::MAX - 1,
    u64::MAX,
];

/// See [`super::Target::mutate`].
pub(super) fn mutate(
    input: &mut Vec<u8>,
    piece: Option<fn(&mut Random) -> Vec<u8>>,
    random: &mut Random,
) {
    for _ in 0..1 + random.below(3) {
        match piece.filter(|_| random.below(2) == 0) {
            Some(piece) => change_pieces(input, piece, random),
            None => change_bytes(input, random),
        }
    }
}

fn change_pieces(input: &mut Vec<u8>, new: fn(&mut Random) -> Vec<u8>, random: &mut Random) {
    let mut pieces: Vec<Vec<u8>> = pieces::split(input)
        .into_iter()
        .map(<[u8]>::to_vec)
        .collect();
    let position = random.below(pieces.len());
    let other = random.below(pieces.len());
    match random.below(6) {
        0 if pieces.len() > 1 => {
            pieces.remove(position);
        }
        1 => pieces.swap(position, other),
        2 => pieces.insert(other, pieces[position].clone()),
        3 => pieces[position] = new(random),
        _ => pieces.insert(position, new(random)),
    }
    *input = pieces::join(&pieces);
}

fn change_bytes(input: &mut Vec<u8>, random: &mut Random) {
    let position = random.below(input.len() + 1);
    let rest = input.len() - position;
    let run = random.below(rest.min(RUN_BYTES_MAX) + 1);
    match (random.below(9), input.get_mut(position)) {
        (0, Some(byte)) => *byte ^= 1 << random.below(8),
        (1, Some(byte)) => *byte = random.below(256) as u8,
        (2, Some(byte)) => *byte = byte.wrapping_add(1),
        (3, Some(byte)) => *byte = byte.wrapping_sub(1),
        (4, _) => drop(input.drain(position..position + run)),
        (5, _) => {
            let copied = input[position..position + run].to_vec();
            insert(input, random.below(input.len() + 1), &copied);
        }
        (6, Some(_)) => {
            // In place of a byte: what is there is mostly a number of one.
            input.remove(position);
            insert(input, position, &number(random));
        }
        (7, _) => insert(input, position, &number(random)),
        (8, _) if random.below(4) == 0 => insert(input, position, SEPARATOR),
        _ => input.insert(position, random.below(256) as u8),
    }
}

fn insert(input: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    input.splice(position..position, bytes.iter().copied());
}

/// Seven bits a byte, the lowest first; all but the last have the top bit.
fn number(random: &mut Random) -> Vec<u8> {
    let mut number = NUMBERS[random.below(NUMBERS.len())];
    let mut out = Vec::new();
    while number > 0x7f {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
    out
}
