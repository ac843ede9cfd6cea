//! Writing: an iterator that looks up where it was, so that it borrows nothing and can be sent.

use std::ops::Bound;

use bytes::Bytes;

use super::{CHECKPOINT_VERSION, FRAME_BYTES, MAGIC, auth, chunk_checksum, tag};
use crate::{
    codec::{
        encode_lease, encode_member,
        wire::{put_bytes, put_i64, put_len, put_u64},
    },
    kv::LeaseId,
    store::record::Record,
    view::View,
};

/// The chunks of a view's checkpoint, made one by one.
#[derive(Debug)]
pub struct Checkpoint {
    view: View,
    /// A chunk of this length takes no further record.
    chunk_bytes: usize,
    next: Next,
    chunk_number: u32,
    total: u32,
}

/// What comes next.
#[derive(Debug)]
enum Next {
    Head,
    Auth(auth::Next),
    Leases(Bound<LeaseId>),
    /// Keys from this one on; of the first of them, only the versions from this position on.
    Keys(Bound<Vec<u8>>, usize),
    End,
    Nothing,
}

impl Checkpoint {
    pub(crate) fn new(view: View, chunk_bytes: usize) -> Self {
        Self {
            view,
            chunk_bytes,
            next: Next::Head,
            chunk_number: 0,
            total: 0,
        }
    }

    /// Appends records until the chunk is full or nothing is left.
    fn write_records(&mut self, out: &mut Vec<u8>) {
        while out.len() < self.chunk_bytes {
            self.next = match std::mem::replace(&mut self.next, Next::Nothing) {
                Next::Head => {
                    self.write_head(out);
                    Next::auth(auth::write_head(&self.view.auth, out))
                }
                Next::Auth(next) => {
                    Next::auth(auth::write(&self.view.auth, next, self.chunk_bytes, out))
                }
                Next::Leases(from) => self.write_leases(from, out),
                Next::Keys(from, skip) => {
                    self.write_keys(from.as_ref().map(|key| key.as_slice()), skip, out)
                }
                Next::End => return self.write_end(out),
                Next::Nothing => return,
            };
        }
        self.total = crc32c::crc32c_append(self.total, &out[FRAME_BYTES..]);
    }

    /// Appends what is neither users, roles, leases nor keys.
    fn write_head(&self, out: &mut Vec<u8>) {
        let view = &self.view;
        out.push(tag::HEAD);
        out.extend(MAGIC);
        out.push(CHECKPOINT_VERSION);
        put_u64(out, view.applied_index);
        put_u64(out, view.applied_term);
        put_u64(out, view.time_ms);
        put_i64(out, view.store.revision());
        put_i64(out, view.store.compact_revision());
        match &view.cluster_version {
            Some(version) => {
                out.push(1);
                put_bytes(out, version.as_bytes());
            }
            None => out.push(0),
        }
        for member in view.members.values() {
            out.push(tag::MEMBER);
            encode_member(member, out);
        }
        auth::write_alarms(&view.alarms, out);
    }

    /// Appends leases until the chunk is full. Gives where to go on.
    fn write_leases(&self, from: Bound<LeaseId>, out: &mut Vec<u8>) -> Next {
        for (id, lease) in self.view.leases.from(from) {
            out.push(tag::LEASE);
            put_i64(out, id.get());
            put_i64(out, lease.ttl_s);
            put_u64(out, lease.renewed_at_ms);
            if out.len() >= self.chunk_bytes {
                return Next::Leases(Bound::Excluded(id));
            }
        }
        Next::Keys(Bound::Unbounded, 0)
    }

    /// Appends keys until the chunk is full, from a key on and within it from a version on. Gives
    /// where to go on.
    fn write_keys(&self, from: Bound<&[u8]>, mut skip: usize, out: &mut Vec<u8>) -> Next {
        for (key, versions) in self.view.store.contents(from) {
            if skip == 0 {
                out.push(tag::KEY);
                put_bytes(out, key);
            }
            for (position, version) in (0..).zip(versions).skip(skip) {
                write_version(version, out);
                if out.len() >= self.chunk_bytes {
                    return Next::Keys(Bound::Included(key.to_vec()), position + 1);
                }
            }
            skip = 0;
        }
        Next::End
    }

    /// Appends the last record.
    fn write_end(&mut self, out: &mut Vec<u8>) {
        out.push(tag::END);
        self.total = crc32c::crc32c_append(self.total, &out[FRAME_BYTES..]);
        out.extend(self.total.to_le_bytes());
    }

    /// Fills the frame around a finished payload.
    fn seal(&mut self, mut chunk: Vec<u8>) -> Bytes {
        let payload = &chunk[FRAME_BYTES..];
        let length = u32::try_from(payload.len()).expect("a record is a request: below 4 GiB");
        let checksum = chunk_checksum(self.chunk_number, payload);
        chunk[..4].copy_from_slice(&length.to_le_bytes());
        chunk[4..FRAME_BYTES].copy_from_slice(&checksum.to_le_bytes());
        self.chunk_number += 1;
        chunk.into()
    }
}

impl Next {
    /// The rest of users and roles, or what follows them.
    fn auth(next: Option<auth::Next>) -> Self {
        next.map_or(Self::Leases(Bound::Unbounded), Self::Auth)
    }
}

impl Iterator for Checkpoint {
    type Item = Bytes;

    fn next(&mut self) -> Option<Bytes> {
        if matches!(self.next, Next::Nothing) {
            return None;
        }
        let mut chunk = vec![0; FRAME_BYTES];
        self.write_records(&mut chunk);
        Some(self.seal(chunk))
    }
}

fn write_version(version: &Record, out: &mut Vec<u8>) {
    let generation = version.generation();
    out.push(if generation.is_some() {
        tag::PUT
    } else {
        tag::TOMBSTONE
    });
    put_i64(out, version.at().main);
    put_len(out, version.at().sub as usize);
    if let Some(generation) = generation {
        put_i64(out, generation.create_revision);
        put_i64(out, generation.version);
        encode_lease(version.lease(), out);
        put_bytes(out, version.value());
    }
}
