//! The keys of the tree, and how they are looked up.

use std::cmp::Ordering;

use equivalent::{Comparable, Equivalent};

use super::record::Record;

/// Up to this many bytes of value, a key of the tree shares one of its versions; above, it has a
/// record of its own without a value.
///
/// The tree's inner nodes keep copies of keys, and may do so for longer than the versions are
/// wanted: about one in fifty keys. What is held on to that way is bounded by this.
const SHARED_VALUE_BYTES_MAX: usize = 1024;

/// A record that begins with the key, to compare by the key alone.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    prefix: u64,
    record: Record,
}

/// A key to look for.
#[derive(Clone, Copy)]
pub(crate) struct Probe<'a> {
    prefix: u64,
    bytes: &'a [u8],
}

/// The first eight bytes as a number; shorter keys are filled with zeros. Where two keys differ in
/// it, it has their order, and tells it without a look at the records: most of what a look-up
/// costs is waiting for memory.
fn prefix(bytes: &[u8]) -> u64 {
    let mut prefix = [0; 8];
    let length = bytes.len().min(prefix.len());
    prefix[..length].copy_from_slice(&bytes[..length]);
    u64::from_be_bytes(prefix)
}

impl Key {
    /// The key of a version.
    pub(crate) fn of(version: &Record) -> Self {
        let record = if version.value().len() <= SHARED_VALUE_BYTES_MAX {
            version.clone()
        } else {
            Record::tombstone(version.at(), version.key())
        };
        Self {
            prefix: prefix(record.key()),
            record,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.record.key()
    }

    /// The version that this shares, unless it has a record of its own.
    pub(crate) fn record(&self) -> &Record {
        &self.record
    }

    fn probe(&self) -> Probe<'_> {
        Probe {
            prefix: self.prefix,
            bytes: self.bytes(),
        }
    }
}

impl<'a> Probe<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self {
            prefix: prefix(bytes),
            bytes,
        }
    }
}

impl Equivalent<Key> for Probe<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        self.compare(key).is_eq()
    }
}

impl Comparable<Key> for Probe<'_> {
    fn compare(&self, key: &Key) -> Ordering {
        let prefixes = self.prefix.cmp(&key.prefix);
        prefixes.then_with(|| self.bytes.cmp(key.bytes()))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
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
        self.probe().compare(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::Revision;

    #[test]
    fn keys_are_in_the_order_of_their_bytes() {
        let keys: [&[u8]; 10] = [
            b"",
            b"\0",
            b"\0\0",
            b"a",
            b"a\0",
            b"a\0b",
            b"aaaaaaaa",
            b"aaaaaaaa\0",
            b"aaaaaaaab",
            b"\xff",
        ];
        let at = Revision { main: 2, sub: 0 };
        for one in keys {
            for other in keys {
                let key = |bytes| Key::of(&Record::tombstone(at, bytes));
                assert_eq!(key(one).cmp(&key(other)), one.cmp(other));
                assert_eq!(Probe::new(one).compare(&key(other)), one.cmp(other));
            }
        }
    }
}
