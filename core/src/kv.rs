//! The vocabulary of the key space: keys, intervals, key-values, events.

use std::{fmt, num::NonZeroI64};

use bytes::Bytes;

/// A lease's id: any 64-bit number but 0, negative ones included, as in etcd (corner cases 103, 116).
/// "No lease" is `None`, never an id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(NonZeroI64);

impl LeaseId {
    /// `None` for 0, which on the wire means "no lease".
    pub const fn new(id: i64) -> Option<Self> {
        match NonZeroI64::new(id) {
            Some(id) => Some(Self(id)),
            None => None,
        }
    }

    /// The id as it is on the wire; never 0.
    pub const fn get(self) -> i64 {
        self.0.get()
    }
}

impl fmt::Debug for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.get())
    }
}

/// A set of keys, as every request that names keys gives it (contract api.md §5.1).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeyRange {
    /// Exactly this key.
    Key(Bytes),
    /// `start <= key < end` by unsigned bytes; empty where `end <= start`, which is no error.
    Range {
        /// First key of the interval.
        start: Bytes,
        /// First key behind the interval; neither empty nor `"\0"`.
        end: Bytes,
    },
    /// Every key from this one on.
    From(Bytes),
}

/// The `range_end` that means "no upper bound".
const OPEN_END: &[u8] = b"\0";

impl KeyRange {
    /// Reads the wire's pair: an empty `range_end` names one key, `"\0"` leaves the end open.
    pub fn from_wire(key: Bytes, range_end: Bytes) -> Self {
        match range_end.as_ref() {
            [] => Self::Key(key),
            OPEN_END => Self::From(key),
            _ => Self::Range {
                start: key,
                end: range_end,
            },
        }
    }

    /// What is in the set behind `key`, which is in it.
    #[must_use]
    pub fn behind(&self, key: &[u8]) -> Self {
        // The next key there can be.
        let start = Bytes::from([key, b"\0"].concat());
        match self {
            // The interval from there up to there.
            Self::Key(_) => Self::Range {
                start: start.clone(),
                end: start,
            },
            Self::Range { end, .. } => Self::Range {
                start,
                end: end.clone(),
            },
            Self::From(_) => Self::From(start),
        }
    }

    /// The same set in allocations of its own: to keep it without the buffer that it came in.
    pub(crate) fn detached(&self) -> Self {
        let copy = |key: &Bytes| Bytes::copy_from_slice(key);
        match self {
            Self::Key(key) => Self::Key(copy(key)),
            Self::Range { start, end } => Self::Range {
                start: copy(start),
                end: copy(end),
            },
            Self::From(start) => Self::From(copy(start)),
        }
    }

    /// The first key of the set, or where it would begin.
    pub fn start(&self) -> &Bytes {
        match self {
            Self::Key(key) | Self::From(key) => key,
            Self::Range { start, .. } => start,
        }
    }

    /// The wire's `range_end`.
    pub fn wire_end(&self) -> &[u8] {
        match self {
            Self::Key(_) => b"",
            Self::Range { end, .. } => end,
            Self::From(_) => OPEN_END,
        }
    }

    /// Whether no key can be in the set.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Range { start, end } if end <= start)
    }

    /// Whether `key` is in the set.
    pub fn contains(&self, key: &[u8]) -> bool {
        match self {
            Self::Key(only) => only == key,
            Self::Range { start, end } => start <= key && key < end,
            Self::From(start) => start <= key,
        }
    }
}

/// One key at one revision. Its lease is the one it is attached to, if any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct KeyValue {
    /// The key; never empty.
    pub key: Bytes,
    /// Main revision of the put that created this generation of the key.
    pub create_revision: i64,
    /// Main revision of the last put.
    pub mod_revision: i64,
    /// Number of puts since the creation, the first included.
    pub version: i64,
    /// The value, shared with the store; empty where a request asked for keys only.
    pub value: Bytes,
    /// The lease that the key goes with.
    pub lease: Option<LeaseId>,
}

/// One change of one key. `prev` is the key as the revision before left it, absent where there was
/// none or where the put created the key; in replayed history also where compaction has removed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A put.
    Put {
        /// The key after the put.
        kv: KeyValue,
        /// The key before it.
        prev: Option<KeyValue>,
    },
    /// A delete: by request, or because the key's lease ended.
    Delete {
        /// The key that is gone.
        key: Bytes,
        /// Main revision of the delete.
        mod_revision: i64,
        /// The key before it.
        prev: Option<KeyValue>,
    },
}

impl Event {
    /// The key that changed.
    pub fn key(&self) -> &Bytes {
        match self {
            Self::Put { kv, .. } => &kv.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// Main revision of the change.
    pub fn mod_revision(&self) -> i64 {
        match self {
            Self::Put { kv, .. } => kv.mod_revision,
            Self::Delete { mod_revision, .. } => *mod_revision,
        }
    }
}
