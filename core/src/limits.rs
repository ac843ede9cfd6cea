//! Every limit of the core, with its unit. The simulator shrinks the configurable ones at random.

/// Greatest time to live of a lease, seconds (etcd's own bound).
pub const LEASE_TTL_MAX_S: i64 = 9_000_000_000;

/// Most leases in one replicated batch of renewals or expiries.
pub const LEASE_BATCH_MAX: usize = 500;

/// Age, milliseconds, of the oldest keep-alive that is not yet replicated, beyond which the leader
/// answers no further ones. Well above the interval of renewal batches and the time of a commit.
pub const LEASE_UNREPLICATED_MAX_MS: u64 = 2_000;

/// Time, milliseconds, after which a lease that was offered for expiry and is still there is
/// offered again.
pub const LEASE_EXPIRE_RETRY_MS: u64 = 3_000;

/// Most leases that one poll for expired ones looks at in vain: about half a millisecond of work.
pub const LEASE_DUE_LOOKS_MAX: usize = 1_000;

/// Deepest nesting of transactions. etcd bounds it only through protobuf's recursion limit of 100
/// messages, two to a level; a log entry is decoded by recursion and must have a bound of its own.
pub const TXN_DEPTH_MAX: usize = 48;

/// Most operations, and most compares, of a transaction, unless configured (`--max-txn-ops`).
pub const TXN_OPS_MAX_DEFAULT: usize = 128;

/// Most distinct revisions in one replayed watch response (corner case 88).
pub const WATCH_REPLAY_REVISIONS_MAX: usize = 1000;

/// Most bytes of events in one replayed watch response, unless a single revision has more. A client
/// that does not read holds on to one, encoded.
pub const WATCH_REPLAY_BYTES_MAX: usize = 2 << 20;

/// Most bytes of events that wait for one slow watcher before it leaves the live set and catches
/// up from a view instead.
pub const WATCH_BUFFER_BYTES_MAX: usize = 1 << 20;

/// Most responses that wait for one watcher, likewise.
pub const WATCH_BUFFER_RESPONSES_MAX: usize = 128;

/// Most bytes of events that wait on one stream for all of its watchers, likewise.
pub const WATCH_STREAM_BYTES_MAX: usize = 16 << 20;

/// Most answers to requests that wait on one stream before it reads no further requests.
pub const WATCH_STREAM_ANSWERS_MAX: usize = 1024;

/// Most revisions that the hub keeps for watchers that are almost caught up.
pub const WATCH_RECENT_REVISIONS_MAX: usize = 256;

/// Most bytes of events in those revisions.
pub const WATCH_RECENT_BYTES_MAX: usize = 256 << 10;

/// Most watchers that one catch-up serves.
pub const WATCH_CATCH_UP_WATCHERS_MAX: usize = 128;

/// Most events that one catch-up reads, unless the first revision has more.
pub const WATCH_CATCH_UP_EVENTS_MAX: usize = 10_000;

/// Encoded bytes from which a watch response is split for watchers that asked for it, unless
/// configured (`--max-request-bytes` + 512 KiB).
pub const WATCH_FRAGMENT_BYTES_DEFAULT: usize = 1_572_864 + (512 << 10);

/// The limits of a [`crate::watch::Hub`]. The defaults are the constants above; a hub is correct
/// with any values, zeros included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchLimits {
    /// See [`WATCH_REPLAY_REVISIONS_MAX`].
    pub replay_revisions_max: usize,
    /// See [`WATCH_REPLAY_BYTES_MAX`].
    pub replay_bytes_max: usize,
    /// See [`WATCH_BUFFER_BYTES_MAX`].
    pub buffer_bytes_max: usize,
    /// See [`WATCH_BUFFER_RESPONSES_MAX`].
    pub buffer_responses_max: usize,
    /// See [`WATCH_STREAM_BYTES_MAX`].
    pub stream_bytes_max: usize,
    /// See [`WATCH_STREAM_ANSWERS_MAX`].
    pub stream_answers_max: usize,
    /// See [`WATCH_RECENT_REVISIONS_MAX`].
    pub recent_revisions_max: usize,
    /// See [`WATCH_RECENT_BYTES_MAX`].
    pub recent_bytes_max: usize,
    /// See [`WATCH_CATCH_UP_WATCHERS_MAX`].
    pub catch_up_watchers_max: usize,
    /// See [`WATCH_CATCH_UP_EVENTS_MAX`].
    pub catch_up_events_max: usize,
    /// See [`WATCH_FRAGMENT_BYTES_DEFAULT`].
    pub fragment_bytes: usize,
}

impl Default for WatchLimits {
    fn default() -> Self {
        Self {
            replay_revisions_max: WATCH_REPLAY_REVISIONS_MAX,
            replay_bytes_max: WATCH_REPLAY_BYTES_MAX,
            buffer_bytes_max: WATCH_BUFFER_BYTES_MAX,
            buffer_responses_max: WATCH_BUFFER_RESPONSES_MAX,
            stream_bytes_max: WATCH_STREAM_BYTES_MAX,
            stream_answers_max: WATCH_STREAM_ANSWERS_MAX,
            recent_revisions_max: WATCH_RECENT_REVISIONS_MAX,
            recent_bytes_max: WATCH_RECENT_BYTES_MAX,
            catch_up_watchers_max: WATCH_CATCH_UP_WATCHERS_MAX,
            catch_up_events_max: WATCH_CATCH_UP_EVENTS_MAX,
            fragment_bytes: WATCH_FRAGMENT_BYTES_DEFAULT,
        }
    }
}

/// Most keys that one step of physical compaction looks at: about half a millisecond of work.
pub const COMPACT_STEP_KEYS: usize = 200;

/// Bytes of payload in one chunk of a checkpoint.
pub const CHECKPOINT_CHUNK_BYTES: usize = 64 * 1024;
