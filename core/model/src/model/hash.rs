//! The checksum of the key space (contract api.md §9.3, and §5.7 for what counts), written down as
//! it is defined.

use bytes::Bytes;
use quorate_core::{
    Error,
    kv::{Event, KeyValue},
    response::HashKv,
};

use super::Model;

/// A stored version: its revision, main and sub, and what happened to its key there.
type Version<'a> = (i64, i64, &'a Event);

impl Model {
    /// The checksum at a main revision, 0 meaning the newest; below 0 there is nothing.
    ///
    /// # Errors
    ///
    /// [`Error::FutureRevision`], [`Error::Compacted`].
    pub fn hash_kv(&self, revision: i64) -> Result<HashKv, Error> {
        let compact_revision = self.compact_revision;
        if revision > self.revision() {
            return Err(Error::FutureRevision);
        }
        if revision > 0 && revision < compact_revision {
            return Err(Error::Compacted);
        }
        let revision = match revision {
            0 => self.revision(),
            revision => revision,
        };
        let all: Vec<Version<'_>> = (1..=revision)
            .flat_map(|main| self.versions(main))
            .collect();
        // Where no key is live, etcd goes by what compaction has left.
        let any_live = revision > 0 && !self.moment(revision).keys.is_empty();
        let replaced_until = if any_live { revision } else { compact_revision };
        let mut hashed = b"key".to_vec();
        for (at, version) in all.iter().enumerate() {
            let counts = version.0 > compact_revision;
            if counts || is_newest(version, &all[at + 1..], replaced_until) {
                write(version, &mut hashed);
            }
        }
        Ok(HashKv {
            hash: crc32c::crc32c(&hashed),
            revision,
            compact_revision,
        })
    }

    fn versions(&self, main: i64) -> impl Iterator<Item = Version<'_>> {
        let events = (0..).zip(self.events(main));
        events.map(move |(sub, event)| (main, sub, event))
    }
}

/// Whether it is a put that nothing up to `revision` has replaced.
fn is_newest(version: &Version<'_>, later: &[Version<'_>], revision: i64) -> bool {
    let (_, _, event) = version;
    let replaces = |other: &Version<'_>| other.0 <= revision && other.2.key() == event.key();
    matches!(event, Event::Put { .. }) && !later.iter().any(replaces)
}

fn write((main, sub, event): &Version<'_>, out: &mut Vec<u8>) {
    out.extend(main.to_be_bytes());
    out.push(b'_');
    out.extend(sub.to_be_bytes());
    match event {
        Event::Put { kv, .. } => write_key_value(kv, out),
        Event::Delete { key, .. } => {
            out.push(b't');
            write_bytes(1, key, out);
        }
    }
}

/// `mvccpb.KeyValue`.
fn write_key_value(kv: &KeyValue, out: &mut Vec<u8>) {
    write_bytes(1, &kv.key, out);
    write_number(2, kv.create_revision, out);
    write_number(3, kv.mod_revision, out);
    write_number(4, kv.version, out);
    write_bytes(5, &kv.value, out);
    write_number(6, kv.lease.map_or(0, |id| id.get()), out);
}

fn write_bytes(field: u64, bytes: &Bytes, out: &mut Vec<u8>) {
    if !bytes.is_empty() {
        write_varint(field << 3 | 2, out);
        write_varint(bytes.len() as u64, out);
        out.extend(bytes);
    }
}

fn write_number(field: u64, number: i64, out: &mut Vec<u8>) {
    if number != 0 {
        write_varint(field << 3, out);
        write_varint(number as u64, out);
    }
}

/// Seven bits a byte, the lowest first; all but the last have the top bit.
fn write_varint(number: u64, out: &mut Vec<u8>) {
    let rest = number >> 7;
    let seven = (number & 0x7f) as u8;
    match rest {
        0 => out.push(seven),
        _ => {
            out.push(seven | 0x80);
            write_varint(rest, out);
        }
    }
}
