//! One version of one key, in one allocation.
//!
//! A store of small values is mostly made of these, so their layout decides its size: a reference
//! count, forty bytes of numbers, and the key's bytes followed by the value's. Everything else
//! refers to records by thin pointers. Readers and watchers get [`Bytes`] that keep the record
//! alive instead of copies.

use std::fmt;

use bytes::Bytes;
use triomphe::ThinArc;

use crate::kv::{KeyValue, LeaseId};

/// A place in the order of all changes: the main revision, and the change's position in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Revision {
    pub(crate) main: i64,
    pub(crate) sub: u32,
}

/// What a put stores of a key, besides the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) create_revision: i64,
    /// Number of puts since then; at least 1.
    pub(crate) version: i64,
}

/// A key as one change left it; see the module. Never changes; cloning shares it.
#[derive(Clone)]
pub(crate) struct Record(ThinArc<Head, u8>);

#[derive(Clone, Copy)]
struct Head {
    main: i64,
    create_revision: i64,
    /// 0 for a tombstone.
    version: i64,
    /// 0 for none.
    lease: i64,
    sub: u32,
    key_bytes: u32,
}

/// Most bytes of a key: requests are bounded far below.
pub(crate) const KEY_BYTES_MAX: usize = u32::MAX as usize;

impl Record {
    /// The record of a put. The key has at most [`KEY_BYTES_MAX`] bytes.
    pub(crate) fn put(
        at: Revision,
        generation: Generation,
        lease: Option<LeaseId>,
        key: &[u8],
        value: &[u8],
    ) -> Self {
        let Generation {
            create_revision,
            version,
        } = generation;
        let head = Head {
            main: at.main,
            create_revision,
            version,
            lease: lease.map_or(0, LeaseId::get),
            sub: at.sub,
            key_bytes: key_bytes(key),
        };
        Self(ThinArc::from_header_and_slice(head, &[key, value].concat()))
    }

    /// The record of a delete.
    pub(crate) fn tombstone(at: Revision, key: &[u8]) -> Self {
        let head = Head {
            main: at.main,
            create_revision: 0,
            version: 0,
            lease: 0,
            sub: at.sub,
            key_bytes: key_bytes(key),
        };
        Self(ThinArc::from_header_and_slice(head, key))
    }

    /// Whether both are the same allocation.
    pub(crate) fn is(&self, other: &Self) -> bool {
        self.0.ptr() == other.0.ptr()
    }

    fn head(&self) -> &Head {
        &self.0.header.header
    }

    pub(crate) fn at(&self) -> Revision {
        let Head { main, sub, .. } = *self.head();
        Revision { main, sub }
    }

    pub(crate) fn key(&self) -> &[u8] {
        &self.0.slice[..self.head().key_bytes as usize]
    }

    /// The value; empty for a tombstone.
    pub(crate) fn value(&self) -> &[u8] {
        &self.0.slice[self.head().key_bytes as usize..]
    }

    pub(crate) fn is_tombstone(&self) -> bool {
        self.head().version == 0
    }

    /// Where the key stands in its generation; `None` for a tombstone.
    pub(crate) fn generation(&self) -> Option<Generation> {
        let Head {
            create_revision,
            version,
            ..
        } = *self.head();
        (version != 0).then_some(Generation {
            create_revision,
            version,
        })
    }

    /// The revision that created the key; 0 for a tombstone.
    pub(crate) fn create_revision(&self) -> i64 {
        self.head().create_revision
    }

    /// Number of puts since the creation; 0 for a tombstone.
    pub(crate) fn version(&self) -> i64 {
        self.head().version
    }

    pub(crate) fn lease(&self) -> Option<LeaseId> {
        LeaseId::new(self.head().lease)
    }

    /// The key's bytes, which keep the record alive.
    pub(crate) fn shared_key(&self) -> Bytes {
        let mut key = Bytes::from_owner(self.clone());
        key.truncate(self.head().key_bytes as usize);
        key
    }

    /// What readers see of a put; `None` for a tombstone.
    pub(crate) fn key_value(&self) -> Option<KeyValue> {
        let Generation {
            create_revision,
            version,
        } = self.generation()?;
        let mut key = Bytes::from_owner(self.clone());
        let value = key.split_off(self.head().key_bytes as usize);
        Some(KeyValue {
            key,
            create_revision,
            mod_revision: self.head().main,
            version,
            value,
            lease: self.lease(),
        })
    }
}

/// The key, then the value.
impl AsRef<[u8]> for Record {
    fn as_ref(&self) -> &[u8] {
        &self.0.slice
    }
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("at", &self.at())
            .field("generation", &self.generation())
            .field("lease", &self.lease())
            .field("key", &self.key().escape_ascii().to_string())
            .field("value_bytes", &self.value().len())
            .finish()
    }
}

fn key_bytes(key: &[u8]) -> u32 {
    u32::try_from(key.len()).expect("keys are checked against KEY_BYTES_MAX")
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Revision = Revision { main: 7, sub: 1 };

    #[test]
    fn a_put_is_read_as_it_was_written() {
        let generation = Generation {
            create_revision: 5,
            version: 2,
        };
        let record = Record::put(AT, generation, LeaseId::new(-1), b"key", b"value");
        let kv = record.key_value().unwrap();
        assert_eq!(
            (kv.key.as_ref(), kv.value.as_ref()),
            (&b"key"[..], &b"value"[..])
        );
        assert_eq!((kv.create_revision, kv.mod_revision, kv.version), (5, 7, 2));
        assert_eq!(kv.lease, LeaseId::new(-1));
        assert_eq!((record.at(), record.is_tombstone()), (AT, false));
        assert_eq!(record.shared_key(), "key");
    }

    #[test]
    fn a_tombstone_has_its_key_and_nothing_else() {
        let record = Record::tombstone(AT, b"key");
        assert!(record.is_tombstone() && record.key_value().is_none());
        assert_eq!((record.key(), record.value()), (&b"key"[..], &b""[..]));
    }
}
