//! The product's limits, which a plan shrinks so that a short run reaches them.

use serde::{Deserialize, Serialize};

use super::Stream;

/// Limits of the members, equal on all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knobs {
    /// Log entries since the last checkpoint that cause the next one.
    pub snapshot_entries: u64,
    /// Log entries kept behind a checkpoint for members that lag.
    pub snapshot_keep_entries: u64,
    /// Size of a log segment, bytes.
    pub segment_bytes: u64,
    /// Most keys that one step of physical compaction looks at.
    pub compact_step_keys: u64,
    /// Most bytes that wait for one slow watcher before it has to catch up.
    pub watch_buffer_bytes: u64,
    /// Most responses that wait for one slow watcher, likewise.
    pub watch_buffer_responses: u64,
    /// Most revisions in one replayed watch response.
    pub watch_replay_revisions: u64,
    /// Most leases in one batch of renewals or expiries.
    pub lease_batch: u64,
}

/// What the product has where nobody shrinks it. Checkpoints, which it then writes by the size of the
/// log, come after more entries than a run has.
impl Default for Knobs {
    fn default() -> Self {
        Self {
            snapshot_entries: 10_000,
            snapshot_keep_entries: 5_000,
            segment_bytes: 16 << 20,
            compact_step_keys: 200,
            watch_buffer_bytes: 1 << 20,
            watch_buffer_responses: 128,
            watch_replay_revisions: 1_000,
            lease_batch: 500,
        }
    }
}

impl Knobs {
    /// Each limit between absurdly small and what a run of a thousand entries still reaches, or the
    /// product's default.
    pub(super) fn generate(stream: &mut Stream) -> Self {
        let snapshot_entries = stream.magnitude(10, 500);
        Self {
            snapshot_entries,
            snapshot_keep_entries: stream.between(0, snapshot_entries),
            segment_bytes: stream.magnitude(4 << 10, 1 << 20),
            compact_step_keys: stream.magnitude(1, 500),
            watch_buffer_bytes: stream.magnitude(64, 1 << 20),
            watch_buffer_responses: stream.magnitude(1, 128),
            watch_replay_revisions: stream.magnitude(1, 1000),
            lease_batch: stream.magnitude(1, 500),
        }
    }
}
