use super::*;
use crate::{
    auth::Author,
    codec::DecodeError,
    command::{Command, Entry, MemberAttributes},
    kv::LeaseId,
    limits::CHECKPOINT_CHUNK_BYTES,
    machine::StateMachine,
    request::PutRequest,
    validate::Valid,
};

fn apply(machine: &mut StateMachine, command: Command) {
    let index = machine.applied_index() + 1;
    let applied = machine.apply(Entry {
        index,
        term: 1,
        time_ms: index,
        author: Author::Anonymous,
        command,
    });
    assert!(applied.result.is_ok());
}

fn put(machine: &mut StateMachine, key: String, value: Vec<u8>, lease: Option<LeaseId>) {
    let request = PutRequest {
        lease,
        ..PutRequest::new(key, value)
    };
    apply(
        machine,
        Command::Put(Valid::<PutRequest>::check(request).unwrap()),
    );
}

/// A state that takes several chunks: many leases, a key with a long history, a value larger than
/// a chunk.
fn large() -> StateMachine {
    let mut machine = StateMachine::new();
    let attributes = MemberAttributes {
        member_id: 7,
        name: "n".into(),
        client_urls: vec!["u".into()],
        instance: 9,
    };
    apply(&mut machine, Command::MemberAttributes(attributes));
    apply(
        &mut machine,
        Command::ClusterVersion {
            version: "3.5.0".into(),
        },
    );
    for id in 1..=10_000 {
        let id = LeaseId::new(id).unwrap();
        apply(&mut machine, Command::LeaseGrant { id, ttl_s: 60 });
    }
    for number in 0..2000_usize {
        let lease = LeaseId::new(number as i64 % 3);
        put(
            &mut machine,
            format!("key{}", number % 700),
            vec![b'v'; number % 90],
            lease,
        );
        put(&mut machine, "hot".into(), vec![b'h'; 100], None);
    }
    put(
        &mut machine,
        "large".into(),
        vec![b'l'; 3 * CHECKPOINT_CHUNK_BYTES],
        None,
    );
    put(
        &mut machine,
        "k".repeat(2 * CHECKPOINT_CHUNK_BYTES),
        Vec::new(),
        None,
    );
    machine
}

pub(super) fn bytes(machine: &StateMachine) -> Vec<u8> {
    machine.checkpoint().flatten().collect()
}

pub(super) fn restore(stream: &[u8], piece: usize) -> Result<StateMachine, DecodeError> {
    let mut restore = Restore::new();
    for piece in stream.chunks(piece) {
        restore.feed(piece)?;
    }
    restore.finish()
}

#[test]
fn a_large_state_comes_back_through_any_cuts() {
    let machine = large();
    let chunks: Vec<_> = machine.checkpoint().collect();
    assert!(chunks.len() >= 7, "{} chunks", chunks.len());
    let odd_ones = chunks
        .iter()
        .filter(|chunk| chunk.len() > 2 * CHECKPOINT_CHUNK_BYTES)
        .count();
    assert_eq!(odd_ones, 2, "only a large record makes a large chunk");
    let stream = bytes(&machine);
    for piece in [1000, CHECKPOINT_CHUNK_BYTES, usize::MAX] {
        let restored = restore(&stream, piece).unwrap();
        restored.validate();
        assert_eq!(restored.state_hash(), machine.state_hash());
        assert_eq!(bytes(&restored), stream);
        assert_eq!(restored.size_bytes(), machine.size_bytes());
    }
}

#[test]
fn physical_progress_does_not_show() {
    let mut machine = large();
    let never_swept_stream = {
        let revision = machine.revision() - 100;
        apply(&mut machine, Command::Compact { revision });
        bytes(&machine)
    };
    let mut steps = 0;
    while machine.compact_step(500) {
        steps += 1;
        if steps % 2 == 1 {
            assert_eq!(bytes(&machine), never_swept_stream);
        }
        machine.validate();
    }
    assert!(steps > 4, "each step is bounded");
    assert_eq!(bytes(&machine), never_swept_stream);
    assert_eq!(
        restore(&never_swept_stream, 4096).unwrap().size_bytes(),
        machine.size_bytes()
    );
}

#[test]
fn an_empty_state_comes_back() {
    let stream = bytes(&StateMachine::new());
    let mut restored = restore(&stream, 1).unwrap();
    assert_eq!((restored.revision(), restored.compact_revision()), (1, -1));
    put(&mut restored, "k".into(), vec![], None);
    assert_eq!(restored.revision(), 2);
}

#[test]
fn any_damage_is_noticed() {
    let mut machine = StateMachine::new();
    apply(
        &mut machine,
        Command::LeaseGrant {
            id: LeaseId::new(1).unwrap(),
            ttl_s: 60,
        },
    );
    put(&mut machine, "a".into(), b"1".to_vec(), LeaseId::new(1));
    put(&mut machine, "b".into(), b"2".to_vec(), None);
    let stream = bytes(&machine);
    for end in 0..stream.len() {
        assert!(restore(&stream[..end], usize::MAX).is_err(), "cut at {end}");
    }
    for position in 0..stream.len() {
        let mut damaged = stream.clone();
        damaged[position] ^= 0x10;
        assert!(
            restore(&damaged, usize::MAX).is_err(),
            "damaged at {position}"
        );
    }
    let empty_chunk = [[0; 4], chunk_checksum(1, b"").to_le_bytes()].concat();
    for behind in [&[0][..], &empty_chunk] {
        let longer = [&stream[..], behind].concat();
        assert!(matches!(
            restore(&longer, usize::MAX),
            Err(DecodeError::TrailingBytes)
        ));
    }
}

#[test]
fn chunks_cannot_be_lost_or_change_places() {
    let chunks: Vec<_> = large().checkpoint().collect();
    for position in 0..chunks.len() {
        let mut lost = chunks.clone();
        lost.remove(position);
        assert!(restore(&lost.concat(), usize::MAX).is_err());
        let mut swapped = chunks.clone();
        swapped.swap(position, (position + 1) % chunks.len());
        assert!(restore(&swapped.concat(), usize::MAX).is_err());
    }
}

/// Puts correct checksums around records, as only an error in this crate could.
pub(super) fn forge(records: &[&[u8]]) -> Vec<u8> {
    let mut payload = records.concat();
    payload.push(tag::END);
    let total = crc32c::crc32c(&payload);
    payload.extend(total.to_le_bytes());
    let length = payload.len() as u32;
    let checksum = chunk_checksum(0, &payload);
    [&length.to_le_bytes()[..], &checksum.to_le_bytes(), &payload].concat()
}

/// A head with the given revisions, both below 64, at time 9.
pub(super) fn head(revision: u8, compact_revision: u8) -> Vec<u8> {
    let numbers = [
        CHECKPOINT_VERSION,
        5,
        1,
        9,
        2 * revision,
        2 * compact_revision,
        0,
    ];
    [&[tag::HEAD][..], MAGIC, &numbers].concat()
}

#[test]
fn readable_records_that_are_no_state_are_refused() {
    let check = |records: &[&[u8]], expected: Result<(), DecodeError>| {
        let result = restore(&forge(records), usize::MAX).map(|restored| restored.validate());
        assert_eq!(result, expected, "{records:?}");
    };
    let inconsistent = |what| Err(DecodeError::Inconsistent(what));
    let key_a = &[tag::KEY, 1, b'a'][..];
    let key_b = &[tag::KEY, 1, b'b'][..];
    let put =
        |main: u8, create: u8, version: u8| [tag::PUT, 2 * main, 0, 2 * create, 2 * version, 0, 0];
    let lease = |id: u8| [tag::LEASE, 2 * id, 20, 5];

    check(&[&head(3, 0), key_a, &put(2, 2, 1), &put(3, 2, 2)], Ok(()));
    check(
        &[&head(3, 3), key_a, &put(2, 2, 1), key_b, &put(3, 3, 1)],
        Ok(()),
    );
    check(&[], inconsistent("records are out of order"));
    check(
        &[&lease(1), &head(1, 0)],
        inconsistent("records are out of order"),
    );
    check(
        &[&head(1, 0), &head(1, 0)],
        inconsistent("records are out of order"),
    );
    check(&[&head(1, 2)], Err(DecodeError::Bounds("revision")));
    check(
        &[&head(1, 0), &lease(2), &lease(1)],
        inconsistent("leases do not ascend"),
    );
    check(
        &[&head(1, 0), &[tag::LEASE, 2, 0, 5]],
        Err(DecodeError::Bounds("lease")),
    );
    check(
        &[&head(1, 0), &[tag::LEASE, 2, 20, 10]],
        Err(DecodeError::Bounds("lease")),
    );

    let gaps = || inconsistent("the revisions have gaps");
    check(&[&head(3, 0), key_a, &put(2, 2, 1)], gaps());
    check(&[&head(3, 0), key_a, &put(3, 3, 1)], gaps());
    check(&[&head(2, 0)], gaps());

    let ascend = || inconsistent("keys do not ascend");
    check(
        &[&head(3, 0), key_b, &put(2, 2, 1), key_a, &put(3, 3, 1)],
        ascend(),
    );
    check(
        &[&head(2, 0), key_a, key_b, &put(2, 2, 1)],
        inconsistent("a key has no version"),
    );
    check(
        &[&head(2, 0), &put(2, 2, 1)],
        inconsistent("a version has no key"),
    );

    let misplaced = || inconsistent("a version is out of place");
    check(
        &[&head(3, 0), key_a, &put(3, 2, 2), &put(2, 2, 1)],
        misplaced(),
    );
    check(&[&head(3, 0), key_a, &put(4, 4, 1)], misplaced());
    check(
        &[&head(3, 3), key_a, &put(2, 2, 1), &put(3, 2, 2)],
        misplaced(),
    );
    check(&[&head(2, 0), key_a, &put(2, 3, 1)], misplaced());
    check(&[&head(9, 9), key_a, &put(9, 8, 3)], misplaced());
    let attached = [tag::PUT, 4, 0, 4, 2, 2, 0];
    check(
        &[&head(2, 0), key_a, &attached],
        inconsistent("a key is attached to no lease"),
    );
}
