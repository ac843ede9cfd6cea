//! Whether a client pings too often, by the rules of gRPC for Go, which etcd's clients know.
//!
//! A ping counts as a strike if it comes too soon after the one before: sooner than the server
//! allows where the connection has an open stream, sooner than in two hours where it has none. When
//! the server has sent something on a stream since the last ping, all strikes are forgotten and
//! the ping is allowed. One strike more than allowed ends the connection.

use std::{collections::VecDeque, time::Duration};

use super::frames::{ACK, DATA, END_STREAM, HEADERS, Head, PING, RST_STREAM};
use crate::clock::{self, Instant};

/// A connection may have so many strikes.
const STRIKES_MAX: u32 = 2;

/// Shortest time between two pings of a client without an open stream.
const IDLE_MIN_TIME: Duration = Duration::from_secs(2 * 3600);

/// What one connection has to do with pings.
#[derive(Debug)]
pub(super) struct Pings {
    /// Shortest time between two pings of a client with an open stream.
    min_time: Duration,
    /// The open streams, ascending.
    open: VecDeque<u32>,
    last_stream: u32,
    /// Whether something was sent on a stream since the last ping.
    has_answered: bool,
    last: Option<Instant>,
    strikes: u32,
}

impl Pings {
    pub(super) fn new(min_time: Duration) -> Self {
        Self {
            min_time,
            open: VecDeque::new(),
            last_stream: 0,
            has_answered: false,
            last: None,
            strikes: 0,
        }
    }

    /// The newest stream that the client has opened.
    pub(super) fn last_stream(&self) -> u32 {
        self.last_stream
    }

    /// The client has sent such a frame. Whether that was one ping too many.
    pub(super) fn received(&mut self, head: Head) -> bool {
        match head.kind {
            // Else it ends a stream that is open.
            HEADERS if head.stream > self.last_stream => {
                self.last_stream = head.stream;
                self.open.push_back(head.stream);
            }
            RST_STREAM => self.ended(head.stream),
            PING if !head.has(ACK) => return self.pinged(clock::now()),
            _ => {}
        }
        false
    }

    /// The server has sent such a frame.
    pub(super) fn sent(&mut self, head: Head) {
        match head.kind {
            HEADERS | DATA => {
                self.has_answered = true;
                if head.has(END_STREAM) {
                    self.ended(head.stream);
                }
            }
            RST_STREAM => self.ended(head.stream),
            _ => {}
        }
    }

    fn ended(&mut self, stream: u32) {
        if let Ok(place) = self.open.binary_search(&stream) {
            self.open.remove(place);
        }
    }

    fn pinged(&mut self, now: Instant) -> bool {
        let last = self.last.replace(now);
        if std::mem::take(&mut self.has_answered) {
            self.strikes = 0;
            return false;
        }
        let min_time = match self.open.is_empty() {
            true => IDLE_MIN_TIME,
            false => self.min_time,
        };
        if last.is_some_and(|last| now - last < min_time) {
            self.strikes += 1;
        }
        self.strikes > STRIKES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIVE_SECONDS: Duration = Duration::from_secs(5);

    fn head(kind: u8, flags: u8, stream: u32) -> Head {
        Head {
            kind,
            flags,
            stream,
        }
    }

    /// How many of these pings, each so long after the one before, are let through.
    fn allowed(pings: &mut Pings, gaps_ms: &[u64]) -> usize {
        let mut now = Instant::START;
        let mut too_many = |gap_ms: &u64| {
            now += Duration::from_millis(*gap_ms);
            pings.pinged(now)
        };
        gaps_ms
            .iter()
            .position(&mut too_many)
            .unwrap_or(gaps_ms.len())
    }

    #[test]
    fn with_a_stream_three_pings_may_come_soon_after_another() {
        let mut pings = Pings::new(FIVE_SECONDS);
        pings.received(head(HEADERS, 0, 1));
        assert_eq!(allowed(&mut pings, &[0, 4999, 4999, 4999, 4999]), 3);
    }

    #[test]
    fn pings_at_the_allowed_pace_never_end() {
        let mut pings = Pings::new(FIVE_SECONDS);
        pings.received(head(HEADERS, END_STREAM, 1));
        assert_eq!(allowed(&mut pings, &[5000; 100]), 100);
    }

    #[test]
    fn strikes_are_not_forgotten_for_patience() {
        let mut pings = Pings::new(FIVE_SECONDS);
        pings.received(head(HEADERS, 0, 1));
        assert_eq!(
            allowed(&mut pings, &[0, 1, 9000, 1, 9000, 9000, 1, 9000]),
            6
        );
    }

    #[test]
    fn without_a_stream_the_pace_is_another() {
        let two_hours = 2 * 3600 * 1000;
        let mut pings = Pings::new(FIVE_SECONDS);
        assert_eq!(allowed(&mut pings, &[0, two_hours, two_hours]), 3);
        let mut pings = Pings::new(FIVE_SECONDS);
        assert_eq!(allowed(&mut pings, &[0, 6000, 6000, 6000]), 3);
    }

    #[test]
    fn an_answer_makes_up_for_all_strikes() {
        let mut pings = Pings::new(FIVE_SECONDS);
        for stream in [1, 3, 5, 7, 9] {
            pings.received(head(HEADERS, END_STREAM, stream));
            pings.sent(head(HEADERS, 0, stream));
            pings.sent(head(DATA, 0, stream));
            pings.sent(head(HEADERS, END_STREAM, stream));
            assert_eq!(allowed(&mut pings, &[0, 0, 0]), 3);
        }
        // Nothing was sent any more, and the last three were a ping and two strikes.
        assert_eq!(allowed(&mut pings, &[0]), 0);
    }

    #[test]
    fn a_stream_is_open_until_the_server_ends_it_or_either_resets_it() {
        let mut pings = Pings::new(FIVE_SECONDS);
        for stream in [1, 3, 5, 7] {
            pings.received(head(HEADERS, END_STREAM, stream));
        }
        pings.sent(head(HEADERS, END_STREAM, 3));
        pings.sent(head(RST_STREAM, 0, 3));
        assert_eq!(pings.open, [1, 5, 7]);
        pings.received(head(RST_STREAM, 0, 1));
        pings.sent(head(DATA, END_STREAM, 7));
        assert_eq!(pings.open, [5]);
        // Trailers of a request open nothing.
        pings.received(head(HEADERS, END_STREAM, 1));
        pings.sent(head(RST_STREAM, 0, 5));
        assert!(pings.open.is_empty());
        assert_eq!(pings.last_stream(), 7);
    }

    #[test]
    fn the_answer_to_a_ping_is_none() {
        let mut pings = Pings::new(FIVE_SECONDS);
        assert!((0..10).all(|_| !pings.received(head(PING, ACK, 0))));
        assert_eq!(allowed(&mut pings, &[0, 0, 0, 0]), 3);
    }
}
