use super::*;
use crate::{
    auth::{AuthRequest, Author, Permission, PermissionKind},
    command::{Command, Entry, MemberAttributes, Renewal},
    kv::{KeyRange, LeaseId},
    limits::{LEASE_BATCH_MAX, TXN_DEPTH_MAX},
    machine::StateMachine,
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation, Sort,
        SortOrder, SortTarget, TxnRequest,
    },
    validate::Valid,
};

/// The encoding of a command of the cluster itself.
fn encode(command: &Command) -> Vec<u8> {
    let mut out = Vec::new();
    encode_command(&Author::Member, command, &mut out);
    out
}

/// Reads a command of the cluster itself.
fn decode(command: &[u8]) -> Result<Command, DecodeError> {
    let (author, command) = decode_command(&[&[0], command].concat().into())?;
    assert_eq!(author, Author::Member);
    Ok(command)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn id(id: i64) -> LeaseId {
    LeaseId::new(id).unwrap()
}

/// One command of each kind.
fn commands() -> Vec<Command> {
    let put = PutRequest {
        lease: Some(id(-7)),
        prev_kv: true,
        ..PutRequest::new("k", "val")
    };
    let range = RangeRequest {
        limit: 300,
        sort: Some(Sort {
            target: SortTarget::Mod,
            order: SortOrder::Descend,
        }),
        keys_only: true,
        ..RangeRequest::new(KeyRange::From("a".into()))
    };
    let delete = DeleteRangeRequest {
        range: KeyRange::Range {
            start: "a".into(),
            end: "c".into(),
        },
        prev_kv: true,
    };
    let compare = |relation, target| Compare {
        range: KeyRange::Key("q".into()),
        relation,
        target,
    };
    let txn = TxnRequest {
        compares: vec![
            compare(Relation::NotEqual, CompareTarget::Lease(-1)),
            compare(Relation::Less, CompareTarget::Value("x".into())),
        ],
        success: vec![Op::Range(range), Op::Txn(TxnRequest::default())],
        failure: vec![Op::Put(PutRequest::new("k", ""))],
    };
    vec![
        Command::Put(Valid::<PutRequest>::check(put).unwrap()),
        Command::DeleteRange(Valid::<DeleteRangeRequest>::check(delete).unwrap()),
        Command::Txn(Valid::<TxnRequest>::check(txn, 128).unwrap()),
        Command::Compact { revision: 1000 },
        Command::LeaseGrant {
            id: id(i64::MIN),
            ttl_s: 60,
        },
        Command::LeaseRevoke { id: id(1) },
        Command::LeaseRenew {
            renewals: vec![Renewal {
                id: id(2),
                renewed_at_ms: 128,
            }],
        },
        Command::LeaseExpire {
            term: 3,
            ids: vec![id(4), id(5)],
        },
        Command::MemberAttributes(MemberAttributes {
            member_id: 1,
            name: "n1".into(),
            client_urls: vec!["http://a".into()],
            instance: 128,
        }),
        Command::ClusterVersion {
            version: "3.5.0".into(),
        },
        Command::Authenticate {
            user: "al".into(),
            auth_revision: 300,
            secret: "xyz".into(),
        },
    ]
}

/// Logs outlive versions of this program: a layout that was released must never change.
#[test]
fn the_layout_is_permanent() {
    let expected = [
        "0101016b0376616c0d",
        "02010201610163",
        "0302010171030501010171020401780201030161 05d8040003020400000001020001 6b0000",
        "04d00f",
        "05ffffffffffffffffff0178",
        "0602",
        "0701048001",
        "0803020 80a",
        "0901026e310108687474703a2f2f618001",
        "0a05332e352e30",
        "0d02616cac020378797a",
    ];
    for (command, expected) in commands().iter().zip(expected) {
        let expected = format!("00{}", expected.replace(' ', ""));
        assert_eq!(hex(&encode(command)), expected, "{command:?}");
    }
    let proposal = Proposal {
        request_id: 1,
        time_ms: 0x0203,
        command: b"rest"[..].into(),
    };
    assert_eq!(
        hex(&proposal.encode()),
        "01010000000000000003020000000000007265 7374".replace(' ', "")
    );
}

#[test]
fn the_state_keeps_no_received_buffer() {
    let auth = |request| Command::Auth(Valid::<AuthRequest>::check(request).unwrap());
    let role = || "r".to_owned();
    let permission = Permission {
        kind: PermissionKind::Read,
        range: KeyRange::From("k".into()),
    };
    let commands = [
        Command::LeaseGrant {
            id: id(-7),
            ttl_s: 1,
        },
        auth(AuthRequest::RoleAdd { name: role() }),
        auth(AuthRequest::RoleGrantPermission {
            role: role(),
            permission,
        }),
        commands().swap_remove(0),
    ];
    let mut machine = StateMachine::new();
    for (index, command) in (1..).zip(commands) {
        let mut encoded = Vec::new();
        encode_command(&Author::Member, &command, &mut encoded);
        let received = Bytes::from(encoded);
        let (author, command) = decode_command(&received).unwrap();
        let applied = machine.apply(Entry {
            index,
            term: 1,
            time_ms: 0,
            author,
            command,
        });
        assert!(applied.result.is_ok());
        drop(applied);
        assert!(received.try_into_mut().is_ok(), "entry {index}");
    }
}

#[test]
fn what_validation_refuses_does_not_decode() {
    let refused = |encoded: &[u8], error| assert_eq!(decode(encoded), Err(error));
    // A put without a key; one with a value that it says to ignore.
    refused(
        &[1, 0, 0, 0, 0],
        DecodeError::Invalid(Error::KeyNotProvided),
    );
    refused(
        &[1, 2, 1, b'k', 1, b'v', 0],
        DecodeError::Invalid(Error::ValueProvided),
    );
    // Two puts of one key.
    let put = [2, 0, 1, b'k', 0, 0];
    let twice = [&[3, 0, 2][..], &put, &put, &[0]].concat();
    refused(&twice, DecodeError::Invalid(Error::DuplicateKey));
    // A revoke of no lease.
    refused(&[6, 0], DecodeError::Bounds("lease id"));
    refused(
        &[99],
        DecodeError::Tag {
            what: "command",
            tag: 99,
        },
    );
    refused(&[], DecodeError::Truncated);
    refused(&[4, 2, 0], DecodeError::TrailingBytes);
}

#[test]
fn batches_and_depth_are_bounded() {
    let expire = |count| Command::LeaseExpire {
        term: 1,
        ids: vec![id(1); count],
    };
    assert!(decode_command(&encode(&expire(LEASE_BATCH_MAX)).into()).is_ok());
    assert_eq!(
        decode_command(&encode(&expire(LEASE_BATCH_MAX + 1)).into()),
        Err(DecodeError::Bounds("lease batch"))
    );

    // Each level: no compares, one operation, which is a transaction.
    let nested = |levels: usize| {
        let open = [0, 1, 4].repeat(levels - 1);
        let close = [0].repeat(levels - 1);
        [&[3][..], &open, &[0, 0, 0], &close].concat()
    };
    assert!(decode(&nested(TXN_DEPTH_MAX)).is_ok());
    let too_deep = DecodeError::Bounds("transaction depth");
    assert_eq!(decode(&nested(TXN_DEPTH_MAX + 1)), Err(too_deep));
    assert_eq!(decode(&nested(100_000)), Err(too_deep));
}

#[test]
fn a_proposal_of_another_version_is_refused() {
    assert_eq!(Proposal::decode(Bytes::new()), Err(DecodeError::Truncated));
    assert_eq!(
        Proposal::decode(vec![1; 16].into()),
        Err(DecodeError::Truncated)
    );
    assert_eq!(
        Proposal::decode(vec![2; 16].into()),
        Err(DecodeError::Version(2))
    );
    assert_eq!(
        Proposal::stamp(vec![0; 20].into(), 1),
        Err(DecodeError::Version(0))
    );
    assert!(Proposal::decode(vec![1; 17].into()).is_ok());
}
