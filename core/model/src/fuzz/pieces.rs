//! Inputs that consist of pieces. What lies between two of them is found again wherever bytes were
//! added or removed, which lengths ahead of them would not survive.

/// Between two pieces. Rare in what is encoded: such bytes begin no number that is likely, and no
/// text.
pub(super) const SEPARATOR: &[u8] = b"\xfe\xfd";

/// The pieces, at least one.
pub(super) fn split(input: &[u8]) -> Vec<&[u8]> {
    let mut pieces = Vec::new();
    let mut rest = input;
    while let Some(end) = find(rest) {
        pieces.push(&rest[..end]);
        rest = &rest[end + SEPARATOR.len()..];
    }
    pieces.push(rest);
    pieces
}

/// The input that has these pieces.
pub(super) fn join<P: AsRef<[u8]>>(pieces: &[P]) -> Vec<u8> {
    let mut input = Vec::new();
    for (position, piece) in pieces.iter().enumerate() {
        if position > 0 {
            input.extend(SEPARATOR);
        }
        input.extend(piece.as_ref());
    }
    input
}

fn find(input: &[u8]) -> Option<usize> {
    let mut windows = input.windows(SEPARATOR.len());
    windows.position(|window| window == SEPARATOR)
}
