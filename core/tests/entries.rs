//! What no client asks for: entries that members propose by themselves, and history as it is kept.
//! What clients see is in the scenarios at the top of the tree.

// All of this is a test.
#![allow(clippy::unwrap_used)]

use bytes::Bytes;
use quorate_core::{
    Applied, Command, Entry, Error, LeaseChange, Response, Restore, StateMachine, Valid,
    auth::Author,
    command::{MemberAttributes, Renewal},
    kv::{Event, KeyRange, LeaseId},
    request::{DeleteRangeRequest, Op, PutRequest, TxnRequest},
};

/// A machine, and what the next entry is stamped with.
struct Log {
    machine: StateMachine,
    term: u64,
    time_ms: u64,
}

impl Log {
    fn new() -> Self {
        Self {
            machine: StateMachine::new(),
            term: 1,
            time_ms: 0,
        }
    }

    fn apply(&mut self, command: Command) -> Applied {
        let applied = self.machine.apply(Entry {
            index: self.machine.applied_index() + 1,
            term: self.term,
            time_ms: self.time_ms,
            author: Author::Member,
            command,
        });
        self.machine.validate();
        applied
    }

    fn grant(&mut self, lease: i64, ttl_s: i64) -> Applied {
        let id = id(lease);
        self.apply(Command::LeaseGrant { id, ttl_s })
    }

    fn put(&mut self, key: &'static str, lease: Option<i64>) -> Applied {
        let request = PutRequest {
            lease: lease.map(id),
            ..PutRequest::new(key, "v")
        };
        self.apply(Command::Put(Valid::<PutRequest>::check(request).unwrap()))
    }

    /// When the renewal counts from, if it did anything.
    fn renew(&mut self, lease: i64, renewed_at_ms: u64) -> Option<u64> {
        let id = id(lease);
        let renewals = vec![Renewal { id, renewed_at_ms }];
        let applied = self.apply(Command::LeaseRenew { renewals });
        match applied.lease_changes[..] {
            [] => None,
            [LeaseChange::Renewed { renewed_at_ms, .. }] => Some(renewed_at_ms),
            ref changes => panic!("{changes:?}"),
        }
    }

    fn expire(&mut self, term: u64, leases: &[i64]) -> Applied {
        let ids = leases.iter().copied().map(id).collect();
        self.apply(Command::LeaseExpire { term, ids })
    }

    /// `PUT key` and `DELETE key`, by revision.
    fn history(&self, from: i64) -> Vec<(i64, Vec<String>)> {
        let history = self.machine.history(from).unwrap();
        let told = history.map(|(main, events)| (main, events.iter().map(name).collect()));
        told.collect()
    }
}

fn id(id: i64) -> LeaseId {
    LeaseId::new(id).unwrap()
}

fn name(event: &Event) -> String {
    let what = match event {
        Event::Put { .. } => "PUT",
        Event::Delete { .. } => "DELETE",
    };
    format!("{what} {}", String::from_utf8_lossy(event.key()))
}

fn restored(machine: &StateMachine) -> StateMachine {
    let mut restore = Restore::new();
    for chunk in machine.checkpoint() {
        restore.feed(&chunk).unwrap();
    }
    restore.finish().unwrap()
}

#[test]
fn renewals_move_forward_only_and_never_beyond_the_entrys_own_time() {
    let mut log = Log::new();
    log.grant(1, 5);
    log.time_ms = 5_000;
    assert_eq!(log.renew(1, 4_000), Some(4_000));
    assert_eq!(log.renew(1, 3_000), Some(4_000));
    assert_eq!(log.renew(1, 9_000), Some(5_000));
    assert_eq!(log.renew(2, 4_000), None);
}

#[test]
fn time_does_not_go_back() {
    let mut log = Log::new();
    log.time_ms = 5_000;
    log.grant(1, 5);
    log.time_ms = 1_000;
    let granted = log.grant(2, 5);
    assert_eq!(granted.time_ms, 5_000);
    let change = LeaseChange::Granted {
        id: id(2),
        ttl_s: 5,
        at_ms: 5_000,
    };
    assert_eq!(granted.lease_changes, [change]);
}

#[test]
fn an_expiry_counts_in_the_term_of_its_leader_only() {
    let mut log = Log::new();
    log.grant(1, 5);
    log.put("a", Some(1));
    log.term = 2;
    let late = log.expire(1, &[1]);
    assert_eq!(late.result, Ok(Response::LeaseExpire { expired: 0 }));
    assert!(log.machine.lease(id(1)).is_some());
    let own = log.expire(2, &[1]);
    assert_eq!(own.result, Ok(Response::LeaseExpire { expired: 1 }));
    assert!(log.machine.lease(id(1)).is_none());
}

#[test]
fn leases_that_expire_together_delete_their_keys_in_one_revision_in_key_order() {
    let mut log = Log::new();
    log.grant(2, 5);
    log.grant(-7, 5);
    for (key, lease) in [("f", 2), ("c", -7), ("g", -7)] {
        log.put(key, Some(lease));
    }
    let expired = log.expire(1, &[2, 1, -7, 2]);
    assert_eq!(expired.result, Ok(Response::LeaseExpire { expired: 2 }));
    assert_eq!(expired.revision, 5);
    let told: Vec<_> = expired.events.iter().map(name).collect();
    assert_eq!(told, ["DELETE c", "DELETE f", "DELETE g"]);
}

/// etcd loses such a key.
#[test]
fn a_key_that_goes_and_comes_back_at_the_compact_revision_keeps_both_events() {
    let mut log = Log::new();
    log.put("b", None);
    let del = DeleteRangeRequest {
        range: KeyRange::From(Bytes::from_static(b"a")),
        prev_kv: false,
    };
    let request = TxnRequest {
        success: vec![Op::DeleteRange(del), Op::Put(PutRequest::new("b", "2"))],
        ..TxnRequest::default()
    };
    let request = Valid::<TxnRequest>::check(request, 128).unwrap();
    log.apply(Command::Txn(request));
    log.apply(Command::Compact { revision: 3 });
    let expected = [(3, vec!["DELETE b".to_owned(), "PUT b".to_owned()])];
    assert_eq!(log.history(3), expected);
    while log.machine.compact_step(1) {}
    assert_eq!(log.history(3), expected);
    log.machine = restored(&log.machine);
    assert_eq!(log.history(3), expected);
}

#[test]
fn what_is_compacted_takes_no_space_once_it_is_removed() {
    let mut log = Log::new();
    for _ in 0..100 {
        log.put("a", None);
    }
    let full_bytes = log.machine.size_bytes();
    log.apply(Command::Compact { revision: 101 });
    assert_eq!(log.machine.size_bytes(), full_bytes);
    assert!(log.machine.is_compacting());
    while log.machine.compact_step(1) {}
    assert!(!log.machine.is_compacting());
    assert!(log.machine.size_bytes() < full_bytes / 20);
    let restored = restored(&log.machine);
    assert_eq!(restored.size_bytes(), log.machine.size_bytes());
}

#[test]
fn an_interval_is_wide_by_the_keys_it_has() {
    let mut log = Log::new();
    for key in ["a", "b", "c", "d"] {
        log.put(key, None);
    }
    let view = log.machine.view();
    let between = |start: &'static str, end: &'static str| KeyRange::Range {
        start: Bytes::from_static(start.as_bytes()),
        end: Bytes::from_static(end.as_bytes()),
    };
    assert!(view.is_wide(&between("a", "d"), 2) && !view.is_wide(&between("a", "d"), 3));
    assert!(view.is_wide(&KeyRange::From("b".into()), 2));
    assert!(view.is_wide(&KeyRange::Key("b".into()), 0));
    assert!(!view.is_wide(&KeyRange::Key("x".into()), 0));
    assert!(!view.is_wide(&between("d", "a"), 0));
}

/// etcd lets this through its checks, and then stops.
#[test]
fn what_a_transaction_has_deleted_has_no_value_to_keep() {
    let mut log = Log::new();
    log.put("a", None);
    let everything = DeleteRangeRequest {
        range: KeyRange::From("a".into()),
        prev_kv: false,
    };
    let keep = PutRequest {
        ignore_value: true,
        ..PutRequest::new("a", "")
    };
    let request = TxnRequest {
        success: vec![Op::DeleteRange(everything), Op::Put(keep)],
        ..TxnRequest::default()
    };
    let request = Valid::<TxnRequest>::check(request, 128).unwrap();
    let applied = log.apply(Command::Txn(request));
    assert_eq!(applied.result, Err(Error::KeyNotFound));
    assert_eq!(log.history(2), [(2, vec!["PUT a".to_owned()])]);
}

/// Whoever has lost its directory has lost its votes with it.
#[test]
fn a_member_keeps_the_data_directory_that_it_was_first_known_with() {
    let mut log = Log::new();
    let mut tell = |name: &str, instance| {
        log.apply(Command::MemberAttributes(MemberAttributes {
            member_id: 7,
            name: name.to_owned(),
            client_urls: Vec::new(),
            instance,
        }));
        let known = log.machine.member_attributes().next().unwrap();
        (known.name.clone(), known.instance)
    };
    assert_eq!(tell("first", 1), ("first".to_owned(), 1));
    assert_eq!(tell("other", 2), ("first".to_owned(), 1));
    assert_eq!(tell("renamed", 1), ("renamed".to_owned(), 1));
}
