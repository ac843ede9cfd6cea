//! Heartbeats of a leader.
//!
//! openraft waits for the answer to a heartbeat no longer than until the next one is due. Where a
//! round trip takes longer than that no heartbeat would ever count: an idle leader could confirm no
//! read, and would be taken for one that has lost its majority. Links between continents are like
//! that with `--heartbeat-interval` as it is by default, and etcd gets along with them. So openraft's
//! own heartbeats are off, its interval is a patience ([`config`](super::config)) of about half an
//! election timeout, and [`send`] sends them.

use std::time::Duration;

use super::consensus::Consensus;
use crate::clock;

/// Sends a heartbeat at each interval while this member leads, until raft stops.
pub(super) async fn send(consensus: Consensus, interval: Duration) {
    while !consensus.is_stopped() {
        clock::sleep(interval).await;
        if consensus.leading_term().is_some() {
            consensus.heartbeat().await;
        }
    }
}
