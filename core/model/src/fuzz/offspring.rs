//! A state that came out of a checkpoint goes on as any other: everything in it can be read,
//! changed and removed, and replicas that start from it stay the same.

use bytes::Bytes;
use quorate_core::{
    Command, Entry, StateMachine, Valid,
    alarm::AlarmAction,
    auth::{AuthRequest, Author, Credential, Permission, PermissionKind},
    command::Renewal,
    kv::{KeyRange, LeaseId},
    request::{
        Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, RangeRequest, Relation,
        TxnRequest,
    },
};

use super::checkpoint::restore;

/// Most keys, leases, users and roles of a state that are changed one by one.
const CHANGED_MAX: usize = 4;

/// Most revisions at either end of the history that are read.
const READ_MAX: i64 = 3;

/// Behind this one there may be too few entries left for what follows.
const LAST_INDEX: u64 = u64::MAX / 2;

/// A time to live, seconds.
const TTL_S: i64 = 60;

/// Puts a restored state to the test.
///
/// # Panics
///
/// If something does not hold.
pub(super) fn check(machine: StateMachine) {
    machine.validate();
    let mut replicas = Replicas {
        twin: copy(&machine),
        machine,
    };
    replicas.read();
    if replicas.machine.applied_index() > LAST_INDEX {
        return;
    }
    replicas.clear_alarms();
    for lease in [None, LeaseId::new(i64::MIN)] {
        replicas.change_leases();
        replicas.change_keys(lease);
        replicas.compact();
        replicas.change_auth();
    }
    replicas.read();
    while replicas.machine.compact_step(2) {}
    replicas.delete_everything();
    replicas.compact();
    while replicas.machine.compact_step(1) {}
    replicas.read();
}

/// A state and what came out of its own checkpoint. Only the first compacts physically.
struct Replicas {
    machine: StateMachine,
    twin: StateMachine,
}

impl Replicas {
    /// Everything that can be told of the state is the same, and can be taken elsewhere.
    fn read(&self) {
        let Self { machine, twin } = self;
        assert_eq!(machine.state_hash(), twin.state_hash());
        let oldest = machine.compact_revision().max(1);
        let newest = machine.revision();
        let old = oldest..=newest.min(oldest.saturating_add(READ_MAX));
        let new = oldest.max(newest - READ_MAX)..=newest;
        for revision in old.chain(new) {
            let request = RangeRequest {
                revision,
                ..RangeRequest::new(everything())
            };
            let request = Valid::<RangeRequest>::check(request).expect("it names keys");
            let found = machine.range(&request);
            assert!(found.is_ok(), "{revision} can be read");
            assert_eq!(found, twin.range(&request));
            assert_eq!(machine.hash_kv(revision), twin.hash_kv(revision));
        }
        let history = machine.history(oldest).expect("it is not compacted");
        assert!(history.eq(twin.history(oldest).expect("it is not compacted")));
        assert_eq!(copy(machine).state_hash(), twin.state_hash());
    }

    fn apply(&mut self, command: Command) {
        let entry = Entry {
            index: self.machine.applied_index() + 1,
            term: self.machine.applied_term(),
            time_ms: self.machine.time_ms().saturating_add(1),
            author: Author::Member,
            command,
        };
        let applied = self.machine.apply(entry.clone());
        assert_eq!(applied, self.twin.apply(entry));
        self.machine.validate();
        self.twin.validate();
    }

    fn clear_alarms(&mut self) {
        let alarms: Vec<_> = self.machine.alarms().collect();
        for alarm in alarms {
            let action = AlarmAction::Deactivate;
            self.apply(Command::Alarm { action, alarm });
        }
    }

    fn change_keys(&mut self, lease: Option<LeaseId>) {
        let mut keys = self.keys();
        keys.truncate(CHANGED_MAX);
        keys.push(Bytes::from_static(b"new"));
        for key in keys {
            let put = PutRequest {
                lease,
                prev_kv: true,
                ..PutRequest::new(key.clone(), "v")
            };
            self.put(put.clone());
            self.put(put.clone());
            self.delete(KeyRange::Key(key.clone()));
            self.put(put);
            self.txn(&key);
            self.machine.compact_step(1);
        }
    }

    fn put(&mut self, request: PutRequest) {
        let request = Valid::<PutRequest>::check(request).expect("it has a key");
        self.apply(Command::Put(request));
    }

    fn delete(&mut self, range: KeyRange) {
        let prev_kv = true;
        let request = DeleteRangeRequest { range, prev_kv };
        let request = Valid::<DeleteRangeRequest>::check(request).expect("it names keys");
        self.apply(Command::DeleteRange(request));
    }

    /// One that puts a key if it is there, and another one in any case.
    fn txn(&mut self, key: &Bytes) {
        let put = |key: Bytes| Op::Put(PutRequest::new(key, "w"));
        let neighbour = Bytes::from([key, &b"\0"[..]].concat());
        let nested = TxnRequest {
            success: vec![put(key.clone()), put(neighbour.clone())],
            failure: vec![put(neighbour)],
            compares: vec![Compare {
                range: KeyRange::Key(key.clone()),
                relation: Relation::Greater,
                target: CompareTarget::Version(0),
            }],
        };
        let request = TxnRequest {
            success: vec![Op::Txn(nested), Op::Range(RangeRequest::new(everything()))],
            ..TxnRequest::default()
        };
        let request = Valid::<TxnRequest>::check(request, usize::MAX).expect("it is short");
        self.apply(Command::Txn(request));
    }

    fn change_leases(&mut self) {
        let leases = self.machine.leases().map(|(id, ..)| id);
        let ids: Vec<LeaseId> = leases.take(CHANGED_MAX).collect();
        let renewals = ids.iter().map(|&id| Renewal {
            id,
            renewed_at_ms: u64::MAX,
        });
        let renewals = renewals.collect();
        self.apply(Command::LeaseRenew { renewals });
        if let [id, rest @ ..] = &ids[..] {
            self.apply(Command::LeaseRevoke { id: *id });
            let (term, ids) = (self.machine.applied_term(), rest.to_vec());
            self.apply(Command::LeaseExpire { term, ids });
        }
        for id in [i64::MIN, 1].into_iter().filter_map(LeaseId::new) {
            let ttl_s = TTL_S;
            self.apply(Command::LeaseGrant { id, ttl_s });
        }
    }

    fn change_auth(&mut self) {
        let some = |names: Vec<&str>| -> Vec<String> {
            let names = names.into_iter().take(CHANGED_MAX);
            names.chain(["root"]).map(str::to_owned).collect()
        };
        let users = some(self.machine.users().collect());
        let roles = some(self.machine.roles().collect());
        self.auth(AuthRequest::Disable);
        for name in &users {
            let (name, credential) = (name.clone(), Credential::NoPassword);
            self.auth(AuthRequest::UserAdd { name, credential });
        }
        for role in &roles {
            self.change_role(role, &users);
        }
        self.auth(AuthRequest::Enable);
        for name in users {
            self.auth(AuthRequest::UserDelete { name });
        }
        for name in roles {
            self.auth(AuthRequest::RoleDelete { name });
        }
    }

    fn change_role(&mut self, name: &str, users: &[String]) {
        let name = name.to_owned();
        self.auth(AuthRequest::RoleAdd { name: name.clone() });
        let (role, kind, range) = (name.clone(), PermissionKind::ReadWrite, everything());
        let permission = Permission { kind, range };
        self.auth(AuthRequest::RoleGrantPermission { role, permission });
        let held = self.machine.role(&name).unwrap_or_default();
        for Permission { range, .. } in held.into_iter().take(CHANGED_MAX) {
            let role = name.clone();
            self.auth(AuthRequest::RoleRevokePermission { role, range });
        }
        for user in users {
            let (user, role) = (user.clone(), name.clone());
            self.auth(AuthRequest::UserGrantRole { user, role });
        }
    }

    fn auth(&mut self, request: AuthRequest) {
        if let Ok(request) = Valid::<AuthRequest>::check(request) {
            self.apply(Command::Auth(request));
        }
    }

    /// Compacts half of what is readable, then all of it.
    fn compact(&mut self) {
        for share in [2, 1] {
            let oldest = self.machine.compact_revision().max(0);
            let revision = oldest + (self.machine.revision() - oldest) / share;
            self.apply(Command::Compact { revision });
            self.machine.compact_step(3);
            self.machine.validate();
        }
    }

    fn delete_everything(&mut self) {
        self.delete(everything());
        assert_eq!(self.keys(), Vec::<Bytes>::new());
    }

    fn keys(&self) -> Vec<Bytes> {
        let request = RangeRequest::new(everything());
        let request = Valid::<RangeRequest>::check(request).expect("it names keys");
        let found = self.machine.range(&request);
        let kvs = found.expect("the present can be read").kvs;
        kvs.into_iter().map(|kv| kv.key).collect()
    }
}

/// Another replica at the same state.
fn copy(machine: &StateMachine) -> StateMachine {
    let stream: Vec<u8> = machine.checkpoint().flatten().collect();
    let copy = restore(&stream, stream.len()).expect("a checkpoint is a state");
    copy.validate();
    assert_eq!(copy.state_hash(), machine.state_hash());
    copy
}

fn everything() -> KeyRange {
    KeyRange::From(Bytes::from_static(b"\0"))
}
