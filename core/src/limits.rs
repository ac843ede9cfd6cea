//! Every limit of the core, with its unit. The simulator shrinks the configurable ones at random.

/// Greatest time to live of a lease, seconds (etcd's own bound).
pub const LEASE_TTL_MAX_S: i64 = 9_000_000_000;

/// Most leases in one replicated batch of renewals or expiries.
pub const LEASE_BATCH_MAX: usize = 500;

/// Deepest nesting of transactions. etcd bounds it only through protobuf's recursion limit of 100
/// messages, two to a level; a log entry is decoded by recursion and must have a bound of its own.
pub const TXN_DEPTH_MAX: usize = 48;

/// Most operations, and most compares, of a transaction, unless configured (`--max-txn-ops`).
pub const TXN_OPS_MAX_DEFAULT: usize = 128;

/// Most distinct revisions in one replayed watch response (corner case 88).
pub const WATCH_REPLAY_REVISIONS_MAX: usize = 1000;

/// Most bytes of events that wait for one slow watcher before it leaves the live set and catches
/// up from a view instead.
pub const WATCH_BUFFER_BYTES_MAX: usize = 1 << 20;

/// Most responses that wait for one watcher, likewise.
pub const WATCH_BUFFER_RESPONSES_MAX: usize = 128;

/// Most keys that one step of physical compaction looks at: about half a millisecond of work.
pub const COMPACT_STEP_KEYS: usize = 200;

/// Bytes of payload in one chunk of a checkpoint.
pub const CHECKPOINT_CHUNK_BYTES: usize = 64 * 1024;
