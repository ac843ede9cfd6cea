//! The heads of HTTP/2's frames in a stream of bytes, whatever its pieces.

/// What a client of HTTP/2 sends before its first frame.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const HEAD_BYTES: usize = 9;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;

/// Of a PING: it answers one.
pub(super) const ACK: u8 = 1;
/// Of HEADERS and DATA: nothing follows on this stream.
pub(super) const END_STREAM: u8 = 1;

/// The error code of a GOAWAY that tells a client to ask less often.
const ENHANCE_YOUR_CALM: u32 = 0xb;

/// What stands before a frame's payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Where one direction of a connection is, in frames.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// The beginning of a head, of which the rest has not come yet.
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    payload_left: usize,
}

impl Frames {
    /// Goes on by `bytes`; calls `found` with the head of each frame that begins in them.
    pub(super) fn advance(&mut self, mut bytes: &[u8], mut found: impl FnMut(Head)) {
        loop {
            let skipped = self.payload_left.min(bytes.len());
            self.payload_left -= skipped;
            bytes = &bytes[skipped..];
            if bytes.is_empty() {
                return;
            }
            let taken = (HEAD_BYTES - self.head_bytes).min(bytes.len());
            let (more, rest) = bytes.split_at(taken);
            self.head[self.head_bytes..][..taken].copy_from_slice(more);
            self.head_bytes += taken;
            bytes = rest;
            if self.head_bytes < HEAD_BYTES {
                return;
            }
            self.head_bytes = 0;
            let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = self.head;
            self.payload_left = u32::from_be_bytes([0, l0, l1, l2]) as usize;
            let stream = u32::from_be_bytes([s0 & 0x7f, s1, s2, s3]);
            found(Head {
                kind,
                flags,
                stream,
            });
        }
    }

    /// How many bytes may follow without the next frame being begun; 0 between two frames.
    pub(super) fn bytes_of_frame_left(&self) -> usize {
        match self.head_bytes {
            0 => self.payload_left,
            begun => HEAD_BYTES - begun,
        }
    }
}

/// A GOAWAY that tells why.
pub(super) fn go_away_calmly(last_stream: u32, reason: &str) -> Vec<u8> {
    let length = (8 + reason.len()) as u32;
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([GOAWAY, 0, 0, 0, 0, 0]);
    frame.extend(last_stream.to_be_bytes());
    frame.extend(ENHANCE_YOUR_CALM.to_be_bytes());
    frame.extend(reason.as_bytes());
    frame
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, payload: usize) -> Vec<u8> {
        let mut bytes = (payload as u32).to_be_bytes()[1..].to_vec();
        bytes.extend([kind, flags]);
        // The reserved bit is to be ignored.
        bytes.extend((stream | 1 << 31).to_be_bytes());
        bytes.extend(vec![0xff; payload]);
        bytes
    }

    #[test]
    fn heads_are_found_whatever_the_pieces() {
        let frames = [
            (HEADERS, END_STREAM, 1, 3),
            (DATA, 0, 1, 0),
            (PING, 0, 0, 8),
            (DATA, END_STREAM, 1, 70_000),
            (RST_STREAM, 0, 3, 4),
        ];
        let sent = frames.map(|(kind, flags, stream, payload)| frame(kind, flags, stream, payload));
        let expected = frames.map(|(kind, flags, stream, _)| Head {
            kind,
            flags,
            stream,
        });
        let bytes = sent.concat();
        for piece in [1, 2, 8, 9, 10, 17, 4096, bytes.len()] {
            let mut position = Frames::default();
            let mut heads = Vec::new();
            for piece in bytes.chunks(piece) {
                position.advance(piece, |head| heads.push(head));
            }
            assert_eq!(heads, expected);
            assert_eq!(position.bytes_of_frame_left(), 0);
        }
    }

    #[test]
    fn a_frame_is_over_when_its_last_byte_is_there() {
        let mut position = Frames::default();
        let mut left = Vec::new();
        for byte in frame(PING, 0, 0, 2) {
            position.advance(&[byte], |_| {});
            left.push(position.bytes_of_frame_left());
        }
        // First what lacks of the head, then the payload.
        assert_eq!(left, [8, 7, 6, 5, 4, 3, 2, 1, 2, 1, 0]);
    }
}
