//! How many bytes an event adds to an encoded watch response, without encoding it.

use quorate_core::kv::{Event, KeyValue};

/// Bytes of an `mvccpb.Event` as an element of a response's `events`: exact, since clients that
/// ask for fragments rely on the limit.
pub(crate) fn encoded_bytes(event: &Event) -> usize {
    let body = match event {
        // `type` is PUT, the default, and not written.
        Event::Put { kv, prev } => message(kv_bytes(kv)) + prev_bytes(prev.as_ref()),
        Event::Delete {
            key,
            mod_revision,
            prev,
        } => {
            let kind = 2;
            kind + message(bytes(key) + number(*mod_revision)) + prev_bytes(prev.as_ref())
        }
    };
    message(body)
}

fn prev_bytes(prev: Option<&KeyValue>) -> usize {
    prev.map_or(0, |kv| message(kv_bytes(kv)))
}

fn kv_bytes(kv: &KeyValue) -> usize {
    bytes(&kv.key)
        + number(kv.create_revision)
        + number(kv.mod_revision)
        + number(kv.version)
        + bytes(&kv.value)
        + number(kv.lease.map_or(0, |lease| lease.get()))
}

/// A field with a number below 16 and a nested message of this length, empty ones included.
fn message(len: usize) -> usize {
    1 + varint(len as u64) + len
}

/// A field with a number below 16 and these bytes, which is left out if there are none.
fn bytes(value: &[u8]) -> usize {
    if value.is_empty() {
        0
    } else {
        message(value.len())
    }
}

/// A field with a number below 16 and this `int64`, which is left out if it is 0.
fn number(value: i64) -> usize {
    if value == 0 {
        0
    } else {
        1 + varint(value.cast_unsigned())
    }
}

fn varint(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

#[cfg(test)]
mod tests {
    use prost::Message as _;
    use quorate_core::kv::LeaseId;

    use super::*;
    use crate::proto::{etcdserverpb::WatchResponse, mvccpb};

    fn wire(kv: &KeyValue) -> mvccpb::KeyValue {
        mvccpb::KeyValue {
            key: kv.key.clone(),
            create_revision: kv.create_revision,
            mod_revision: kv.mod_revision,
            version: kv.version,
            value: kv.value.clone(),
            lease: kv.lease.map_or(0, LeaseId::get),
        }
    }

    fn in_response(event: mvccpb::Event) -> usize {
        WatchResponse {
            events: vec![event],
            ..Default::default()
        }
        .encoded_len()
    }

    #[test]
    fn is_what_prost_writes() {
        for (revision, len, lease) in [
            (1, 0, 0),
            (127, 127, 5),
            (128, 128, -1),
            (1 << 40, 20_000, 7),
        ] {
            let kv = KeyValue {
                key: vec![b'k'; len + 1].into(),
                create_revision: revision,
                mod_revision: revision,
                version: 1,
                value: vec![b'v'; len].into(),
                lease: LeaseId::new(lease),
            };
            let put = Event::Put {
                kv: kv.clone(),
                prev: Some(kv.clone()),
            };
            let on_wire = mvccpb::Event {
                r#type: 0,
                kv: Some(wire(&kv)),
                prev_kv: Some(wire(&kv)),
            };
            assert_eq!(encoded_bytes(&put), in_response(on_wire));
            let key = kv.key.clone();
            let delete = Event::Delete {
                key: key.clone(),
                mod_revision: revision,
                prev: None,
            };
            let gone = mvccpb::KeyValue {
                key,
                mod_revision: revision,
                ..Default::default()
            };
            let on_wire = mvccpb::Event {
                r#type: 1,
                kv: Some(gone),
                prev_kv: None,
            };
            assert_eq!(encoded_bytes(&delete), in_response(on_wire));
        }
    }
}
