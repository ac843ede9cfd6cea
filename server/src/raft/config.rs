//! What openraft is told of times and sizes.

use std::time::Duration;

use openraft::{Config, SnapshotPolicy};

use super::consensus::ConsensusOptions;

/// The longest that a stored checkpoint may take from the first byte sent to the answer.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(3600);

/// A request to append that is not answered within this many heartbeat intervals fails its stream,
/// unless an election takes longer: a slow disk takes several for an fsync.
const APPEND_PATIENCE_HEARTBEATS: u32 = 10;

/// How long the answer to a request to append may take.
pub(super) fn append_patience(options: &ConsensusOptions) -> Duration {
    let heartbeats = options.heartbeat_interval * APPEND_PATIENCE_HEARTBEATS;
    heartbeats.max(options.election_timeout / 2)
}

/// openraft's configuration.
///
/// # Errors
/// The times do not fit together.
pub(super) fn config(options: &ConsensusOptions) -> std::io::Result<Config> {
    // openraft waits for the leader's lease, which is as long as the longest timeout, and then for
    // a timeout drawn at random.
    let (shortest, longest) = (options.election_timeout / 2, options.election_timeout);
    Config {
        cluster_name: "quorate".to_owned(),
        // See `heartbeat`. It looks at its election timers at 13/64 of the interval: ten times in an
        // election timeout, as etcd with its default flags.
        enable_heartbeat: false,
        heartbeat_interval: millis(shortest) - 1,
        election_timeout_min: millis(shortest),
        election_timeout_max: millis(longest),
        enable_pre_vote: Some(true),
        enable_leader_restore: Some(options.leader_restore),
        // A follower whose log is shorter than the leader remembers is sent what it lacks, rather
        // than never again anything.
        allow_log_reversion: Some(true),
        // Checkpoints are started by size, by `Node`; see `Consensus::checkpoint`.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: options.catchup_entries,
        // A follower gets a checkpoint only where the log does not reach back far enough.
        replication_lag_threshold: u64::MAX,
        max_payload_entries: options.append_entries_max,
        install_snapshot_timeout: millis(SNAPSHOT_TIMEOUT),
        // Batching belongs to the log's flusher.
        api_batch_linger_ms: 0,
        ..Default::default()
    }
    .validate()
    .map_err(std::io::Error::other)
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    #[test]
    fn all_intervals_that_the_flags_allow_fit_together() {
        for (heartbeat_ms, election_ms) in [
            (1, 5),
            (1, 6),
            (20, 100),
            (100, 500),
            (100, 1_000),
            (100, 50_000),
            (10_000, 50_000),
        ] {
            let options = ConsensusOptions {
                member_id: 1,
                heartbeat_interval: Duration::from_millis(heartbeat_ms),
                election_timeout: Duration::from_millis(election_ms),
                catchup_entries: 1,
                append_entries_max: 1,
                checkpoint_chunk_bytes: 1,
                leader_restore: false,
            };
            let config = config(&options).expect("sound");
            // The answer to a heartbeat that takes longer than an interval counts.
            assert!(config.heartbeat_interval >= heartbeat_ms, "{config:?}");
            assert!(append_patience(&options) >= Duration::from_millis(config.heartbeat_interval));
        }
    }
}
