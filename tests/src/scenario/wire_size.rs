//! The size of a watch response on the wire, by which it is split into fragments.

use quorate_core::kv::{Event, KeyValue, LeaseId};

/// Bytes of an event as an element of an encoded `WatchResponse`.
pub(super) fn event_bytes(event: &Event) -> usize {
    let (kind, kv, prev) = match event {
        Event::Put { kv, prev } => (0, kv_bytes(kv), prev),
        Event::Delete {
            key,
            mod_revision,
            prev,
        } => (1, bytes(key.len()) + number(*mod_revision), prev),
    };
    let prev = prev.as_ref().map_or(0, |kv| field(kv_bytes(kv)));
    field(number(kind) + field(kv) + prev)
}

fn kv_bytes(kv: &KeyValue) -> usize {
    bytes(kv.key.len())
        + number(kv.create_revision)
        + number(kv.mod_revision)
        + number(kv.version)
        + bytes(kv.value.len())
        + number(kv.lease.map_or(0, LeaseId::get))
}

/// A field with a tag of one byte, a length and so many bytes.
fn field(len: usize) -> usize {
    1 + varint(len as u64) + len
}

/// The same, left out if it is empty.
fn bytes(len: usize) -> usize {
    if len == 0 { 0 } else { field(len) }
}

/// A number, left out if it is 0.
fn number(value: i64) -> usize {
    if value == 0 {
        0
    } else {
        1 + varint(value.cast_unsigned())
    }
}

/// Seven bits to a byte.
fn varint(value: u64) -> usize {
    let bits = 64 - (value | 1).leading_zeros() as usize;
    bits.div_ceil(7)
}
