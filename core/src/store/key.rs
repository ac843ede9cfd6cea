//! The keys of the tree.

use std::{borrow::Borrow, cmp::Ordering};

use super::record::Record;

/// Up to this many bytes of value, a key of the tree shares one of its versions; above, it has a
/// record of its own without a value.
///
/// The tree's inner nodes keep copies of keys, and may do so for longer than the versions are
/// wanted: about one in fifty keys. What is held on to that way is bounded by this.
const SHARED_VALUE_BYTES_MAX: usize = 1024;

/// A record that begins with the key, to compare by the key alone.
#[derive(Clone, Debug)]
pub(crate) struct Key(Record);

impl Key {
    /// The key of a version.
    pub(crate) fn of(version: &Record) -> Self {
        if version.value().len() <= SHARED_VALUE_BYTES_MAX {
            Self(version.clone())
        } else {
            Self(Record::tombstone(version.at(), version.key()))
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.key()
    }

    /// Whether this shares a version that is older than `oldest`, and so keeps it from being freed.
    pub(crate) fn outlives(&self, oldest: &Record) -> bool {
        self.0.at() < oldest.at()
    }
}

impl Borrow<[u8]> for Key {
    fn borrow(&self) -> &[u8] {
        self.bytes()
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}
