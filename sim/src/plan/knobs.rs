//! The product's limits, which a plan shrinks so that a short run reaches them.

use quorate_core::limits;
use serde::{Deserialize, Serialize};

use super::Stream;

/// Limits of the members, equal on all. What a plan leaves out is as in the product.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Knobs {
    /// Log entries since the last checkpoint that cause the next one.
    pub snapshot_entries: u64,
    /// Log entries kept behind a checkpoint for members that lag.
    pub snapshot_keep_entries: u64,
    /// Size of a log segment, bytes.
    pub segment_bytes: u64,
    /// Most bytes of entries that are on disk and kept in memory, too.
    pub log_cache_bytes: u64,
    /// Most bytes of entries that wait for the disk.
    pub log_queue_bytes: u64,
    /// Most bytes of entries that are synced at once.
    pub log_batch_bytes: u64,
    /// Most purged segments that are kept to be used again.
    pub log_spare_segments: u64,
    /// Most entries in one message to a follower.
    pub append_entries: u64,
    /// Size of a checkpoint's chunks, bytes.
    pub checkpoint_chunk_bytes: u64,
    /// Most keys that one step of physical compaction looks at.
    pub compact_step_keys: u64,
    /// Most bytes that wait for one slow watcher before it has to catch up.
    pub watch_buffer_bytes: u64,
    /// Most responses that wait for one slow watcher, likewise.
    pub watch_buffer_responses: u64,
    /// Most revisions in one replayed watch response.
    pub watch_replay_revisions: u64,
    /// Most bytes of events in one replayed watch response.
    pub watch_replay_bytes: u64,
    /// Most bytes of events that wait on one stream for all of its watchers.
    pub watch_stream_bytes: u64,
    /// Most answers that wait on one stream before it reads no further requests.
    pub watch_stream_answers: u64,
    /// Most revisions that are kept for watchers that are almost caught up.
    pub watch_recent_revisions: u64,
    /// Most bytes of events in those.
    pub watch_recent_bytes: u64,
    /// Most watchers that one catch-up serves.
    pub watch_catch_up_watchers: u64,
    /// Most events that one catch-up reads.
    pub watch_catch_up_events: u64,
    /// Size from which a response is split for watchers that asked for it, bytes.
    pub watch_fragment_bytes: u64,
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
            log_cache_bytes: 64 << 20,
            log_queue_bytes: 64 << 20,
            log_batch_bytes: 4 << 20,
            log_spare_segments: 4,
            append_entries: 1_024,
            checkpoint_chunk_bytes: limits::CHECKPOINT_CHUNK_BYTES as u64,
            compact_step_keys: limits::COMPACT_STEP_KEYS as u64,
            watch_buffer_bytes: limits::WATCH_BUFFER_BYTES_MAX as u64,
            watch_buffer_responses: limits::WATCH_BUFFER_RESPONSES_MAX as u64,
            watch_replay_revisions: limits::WATCH_REPLAY_REVISIONS_MAX as u64,
            watch_replay_bytes: limits::WATCH_REPLAY_BYTES_MAX as u64,
            watch_stream_bytes: limits::WATCH_STREAM_BYTES_MAX as u64,
            watch_stream_answers: limits::WATCH_STREAM_ANSWERS_MAX as u64,
            watch_recent_revisions: limits::WATCH_RECENT_REVISIONS_MAX as u64,
            watch_recent_bytes: limits::WATCH_RECENT_BYTES_MAX as u64,
            watch_catch_up_watchers: limits::WATCH_CATCH_UP_WATCHERS_MAX as u64,
            watch_catch_up_events: limits::WATCH_CATCH_UP_EVENTS_MAX as u64,
            watch_fragment_bytes: limits::WATCH_FRAGMENT_BYTES_DEFAULT as u64,
            lease_batch: limits::LEASE_BATCH_MAX as u64,
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
            log_cache_bytes: stream.magnitude(1, 1 << 20) - 1,
            log_queue_bytes: stream.magnitude(1, 1 << 20),
            log_batch_bytes: stream.magnitude(1, 1 << 20),
            log_spare_segments: stream.between(0, 4),
            append_entries: stream.magnitude(1, 1_024),
            compact_step_keys: stream.magnitude(1, 500),
            watch_buffer_bytes: stream.magnitude(64, 1 << 20),
            watch_buffer_responses: stream.magnitude(1, 128),
            watch_replay_revisions: stream.magnitude(1, 1000),
            lease_batch: stream.magnitude(1, 500),
            watch_replay_bytes: stream.magnitude(64, 2 << 20),
            watch_stream_bytes: stream.magnitude(64, 16 << 20),
            watch_stream_answers: stream.magnitude(1, 1024),
            watch_recent_revisions: stream.magnitude(1, 256),
            watch_recent_bytes: stream.magnitude(64, 256 << 10),
            watch_catch_up_watchers: stream.magnitude(1, 128),
            watch_catch_up_events: stream.magnitude(1, 10_000),
            watch_fragment_bytes: stream.magnitude(64, 2 << 20),
            checkpoint_chunk_bytes: stream.magnitude(64, 64 << 10),
        }
    }
}
