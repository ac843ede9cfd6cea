//! The checksum of the key space by etcd's definition (contract api.md §9.3, `HashKV`), so that
//! members can be compared with each other, and with what they were imported from.
//!
//! It is that of etcd's own storage: each version's revision as etcd writes it, followed by the
//! version as an encoded `mvccpb.KeyValue`.

use super::{
    Store,
    history::History,
    record::{Record, Revision},
};
use crate::{error::Error, response::HashKv};

/// The name of the bucket in which etcd keeps all versions.
const BUCKET: &[u8] = b"key";

/// Marks the revision of a tombstone.
const TOMBSTONE_MARK: u8 = b't';

impl Store {
    /// See [`crate::View::hash_kv`].
    pub(crate) fn hash_kv(&self, revision: i64) -> Result<HashKv, Error> {
        let revision = if revision == 0 {
            self.revision
        } else {
            revision
        };
        let mut hash = Hash::new();
        if revision < 0 {
            // Before all versions: nothing is hashed, whatever was compacted.
            return Ok(HashKv {
                hash: hash.sum,
                revision,
                compact_revision: self.compact_revision,
            });
        }
        self.check_revision(revision)?;
        for record in self.hashed_of_compacted(revision) {
            hash.add(record);
        }
        let after = self.log.from(self.compact_revision + 1);
        for record in after.take_while(|record| record.at().main <= revision) {
            hash.add(record);
        }
        Ok(HashKv {
            hash: hash.sum,
            revision,
            compact_revision: self.compact_revision,
        })
    }

    /// What counts of the versions up to the compact revision, in their order: those that are
    /// still live at `revision`. If no key at all is live there, those that compaction has left,
    /// for etcd takes an empty list of versions to keep for none.
    fn hashed_of_compacted(&self, revision: i64) -> Vec<&Record> {
        let mut any_live = false;
        let live = self.live_versions(revision).inspect(|_| any_live = true);
        let old = live.filter(|record| record.at().main <= self.compact_revision);
        let mut hashed: Vec<&Record> = old.collect();
        if !any_live {
            hashed = self.live_versions(self.compact_revision).collect();
        }
        hashed.sort_unstable_by_key(|record| record.at());
        hashed
    }

    /// The newest version of each key at `revision`, unless that is a tombstone.
    fn live_versions(&self, revision: i64) -> impl Iterator<Item = &Record> {
        let histories = self.keys.iter().map(History::new);
        let newest = histories.filter_map(move |history| history.at(revision));
        newest.filter(|record| !record.is_tombstone())
    }
}

/// A checksum in the making.
struct Hash {
    sum: u32,
    buffer: Vec<u8>,
}

impl Hash {
    fn new() -> Self {
        Self {
            sum: crc32c::crc32c(BUCKET),
            buffer: Vec::new(),
        }
    }

    fn add(&mut self, record: &Record) {
        self.buffer.clear();
        put_revision(record, &mut self.buffer);
        put_key_value(record, &mut self.buffer);
        self.sum = crc32c::crc32c_append(self.sum, &self.buffer);
    }
}

/// Main and sub revision, big endian, with etcd's separator; a tombstone is marked.
fn put_revision(record: &Record, out: &mut Vec<u8>) {
    let Revision { main, sub } = record.at();
    out.extend(main.to_be_bytes());
    out.push(b'_');
    out.extend(i64::from(sub).to_be_bytes());
    if record.is_tombstone() {
        out.push(TOMBSTONE_MARK);
    }
}

/// The version as protobuf; fields that are 0 or empty are left out. A tombstone has its key only.
fn put_key_value(record: &Record, out: &mut Vec<u8>) {
    put_bytes(1, record.key(), out);
    if record.is_tombstone() {
        return;
    }
    put_number(2, record.create_revision(), out);
    put_number(3, record.at().main, out);
    put_number(4, record.version(), out);
    put_bytes(5, record.value(), out);
    put_number(6, record.lease().map_or(0, |lease| lease.get()), out);
}

fn put_number(field: u8, number: i64, out: &mut Vec<u8>) {
    if number != 0 {
        out.push(field << 3);
        // Negative ones as their two's complement, as protobuf has it.
        put_varint(number as u64, out);
    }
}

fn put_bytes(field: u8, bytes: &[u8], out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        out.push(field << 3 | 2);
        put_varint(bytes.len() as u64, out);
        out.extend_from_slice(bytes);
    }
}

fn put_varint(number: u64, out: &mut Vec<u8>) {
    crate::codec::wire::put_u64(out, number);
}
