//! The log's limits, each with its unit. The simulator shrinks them.

/// Size of a segment. A batch that does not fit gets a segment of its own, longer than this.
const SEGMENT_BYTES: u64 = 16 << 20;

/// Entries kept in memory for replication and apply.
const CACHE_BYTES_MAX: usize = 64 << 20;

/// Entries accepted but not yet on disk; appends wait for room.
const QUEUE_BYTES_MAX: usize = 64 << 20;

/// Most bytes written and synced at once, unless a single append is longer.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Purged segments kept for recycling; further ones are removed.
const SPARE_SEGMENTS_MAX: usize = 4;

/// Limits of a log.
#[derive(Clone, Debug)]
pub struct LogOptions {
    /// Size of a segment file, bytes.
    pub segment_bytes: u64,
    /// Most memory for entries that are on disk already, bytes.
    pub cache_bytes_max: usize,
    /// Most memory for entries that are not yet on disk, bytes. Appends wait beyond it.
    pub queue_bytes_max: usize,
    /// Most bytes in one write, unless one append alone has more.
    pub batch_bytes_max: usize,
    /// Most purged segments kept for recycling.
    pub spare_segments_max: usize,
    /// A random number for new segments' checksums. Whoever does not know it cannot store a value
    /// that looks like a part of the log. Need not be the same at each start.
    pub salt: u64,
}

impl LogOptions {
    /// The limits for production.
    pub fn new(salt: u64) -> Self {
        Self {
            segment_bytes: SEGMENT_BYTES,
            cache_bytes_max: CACHE_BYTES_MAX,
            queue_bytes_max: QUEUE_BYTES_MAX,
            batch_bytes_max: BATCH_BYTES_MAX,
            spare_segments_max: SPARE_SEGMENTS_MAX,
            salt,
        }
    }
}
