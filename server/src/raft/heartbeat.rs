//! Heartbeats of a leader.
//!
//! openraft waits for the answer to a heartbeat no longer than until the next one is due. Where a
//! round trip takes longer than that no heartbeat would ever count: an idle leader could confirm no
//! read, and would be taken for one that has lost its majority. Links between continents are like
//! that with `--heartbeat-interval` as it is by default, and etcd gets along with them. So openraft's
//! own heartbeats are off, its interval is [`patience`], and [`send`] sends them.

use std::time::Duration;

use super::consensus::Consensus;
use crate::clock;

/// The answer to a heartbeat may take so many intervals. openraft looks at its election timers at
/// 13/64 of its interval, which is then about every heartbeat, as in etcd.
const PATIENCE_INTERVALS: u32 = 5;

/// How long the answer to a heartbeat may take: openraft's own interval, which must be shorter than
/// the shortest election timeout.
pub(super) fn patience(interval: Duration, shortest_election: Duration) -> Duration {
    let longest = shortest_election.saturating_sub(Duration::from_millis(1));
    (interval * PATIENCE_INTERVALS).min(longest)
}

/// Sends a heartbeat at each interval while this member leads, until raft stops.
pub(super) async fn send(consensus: Consensus, interval: Duration) {
    while !consensus.is_stopped() {
        clock::sleep(interval).await;
        if consensus.leading_term().is_some() {
            consensus.heartbeat().await;
        }
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_before_the_earliest_election() {
        let ms = Duration::from_millis;
        assert_eq!(patience(ms(100), ms(500)), ms(499));
        assert_eq!(patience(ms(100), ms(5_000)), ms(500));
        assert_eq!(patience(ms(20), ms(50)), ms(49));
    }
}
