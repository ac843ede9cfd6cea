//! The quota on the size of the state: what a command counts, and whether there is room for it.

use std::sync::atomic::{AtomicBool, Ordering};

use quorate_core::{
    Command,
    request::{Op, TxnRequest},
};

/// What etcd counts for a version of a key beside the key and its value, and for a lease.
const VERSION_COST_BYTES: u64 = 256;
const LEASE_COST_BYTES: u64 = 64;

/// There is room again when this part of the quota is free: with less, the alarm would be raised and
/// taken back in turns.
const ROOM_DIVISOR: u64 = 16;

/// What a put counts against the quota, bytes.
pub(crate) fn put_cost(key: &[u8], value: &[u8]) -> u64 {
    (key.len() + value.len()) as u64 + VERSION_COST_BYTES
}

/// What a grant of a lease counts against the quota, bytes.
pub(crate) fn lease_cost() -> u64 {
    LEASE_COST_BYTES
}

/// What a command counts against the quota, bytes; 0 where that takes no space.
pub(super) fn cost(command: &Command) -> u64 {
    match command {
        Command::Put(put) => put_cost(&put.key, &put.value),
        Command::LeaseGrant { .. } => lease_cost(),
        Command::Txn(txn) => txn_cost(txn),
        _ => 0,
    }
}

/// The branch that counts more.
fn txn_cost(txn: &TxnRequest) -> u64 {
    let branch = |ops: &[Op]| ops.iter().map(op_cost).sum::<u64>();
    branch(&txn.success).max(branch(&txn.failure))
}

fn op_cost(op: &Op) -> u64 {
    match op {
        Op::Put(put) => put_cost(&put.key, &put.value),
        Op::Txn(nested) => txn_cost(nested),
        Op::Range(_) | Op::DeleteRange(_) => 0,
    }
}

/// The quota of this member, and whether something had to be refused for it.
pub(super) struct Quota {
    bytes: Option<u64>,
    has_refused: AtomicBool,
}

impl Quota {
    /// `None` is no limit.
    pub(super) fn new(bytes: Option<u64>) -> Self {
        Self {
            bytes,
            has_refused: AtomicBool::new(false),
        }
    }

    /// Whether so much may be added to a state of `size_bytes`. What takes no space always may.
    pub(super) fn has_room(&self, size_bytes: u64, cost: u64) -> bool {
        cost == 0
            || self
                .bytes
                .is_none_or(|quota| size_bytes.saturating_add(cost) < quota)
    }

    /// Whether a state of `size_bytes` leaves enough room to take an alarm back.
    pub(super) fn has_room_again(&self, size_bytes: u64) -> bool {
        self.bytes
            .is_none_or(|quota| size_bytes.saturating_add(quota / ROOM_DIVISOR) < quota)
    }

    /// Something is refused: an alarm is due.
    pub(super) fn refuse(&self) {
        self.has_refused.store(true, Ordering::Relaxed);
    }

    /// Whether something was refused since the last alarm.
    pub(super) fn has_refused(&self) -> bool {
        self.has_refused.load(Ordering::Relaxed)
    }

    /// The alarm is raised.
    pub(super) fn alarm_is_raised(&self) {
        self.has_refused.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use quorate_core::{
        Command,
        kv::{KeyRange, LeaseId},
        request::{DeleteRangeRequest, PutRequest},
    };

    use super::*;

    fn put(value_bytes: usize) -> Op {
        Op::Put(PutRequest::new("key", vec![0; value_bytes]))
    }

    fn delete() -> Op {
        Op::DeleteRange(DeleteRangeRequest {
            range: KeyRange::From("a".into()),
            prev_kv: false,
        })
    }

    fn txn(success: Vec<Op>, failure: Vec<Op>) -> TxnRequest {
        TxnRequest {
            compares: Vec::new(),
            success,
            failure,
        }
    }

    #[test]
    fn a_transaction_counts_the_branch_that_counts_more() {
        let nested = Op::Txn(txn(vec![delete()], vec![put(100), put(10)]));
        assert_eq!(op_cost(&nested), 2 * 259 + 110);
        let outer = txn(vec![put(500)], vec![delete(), put(1), nested]);
        assert_eq!(txn_cost(&outer), 3 * 259 + 111);
        assert_eq!(txn_cost(&txn(vec![delete()], Vec::new())), 0);
    }

    #[test]
    fn leases_count_and_their_end_does_not() {
        let id = LeaseId::new(7).expect("not zero");
        assert_eq!(cost(&Command::LeaseGrant { id, ttl_s: 60 }), 64);
        assert_eq!(cost(&Command::LeaseRevoke { id }), 0);
        assert_eq!(cost(&Command::Compact { revision: 3 }), 0);
    }

    #[test]
    fn the_quota_itself_is_not_to_be_reached() {
        let quota = Quota::new(Some(1600));
        assert!(quota.has_room(1000, 599));
        assert!(!quota.has_room(1000, 600));
        assert!(quota.has_room(5000, 0));
        assert!(!quota.has_room(u64::MAX, 1));
        assert!(quota.has_room_again(1499));
        assert!(!quota.has_room_again(1500));
    }

    #[test]
    fn without_a_quota_there_is_always_room() {
        let quota = Quota::new(None);
        assert!(quota.has_room(u64::MAX, u64::MAX));
        assert!(quota.has_room_again(u64::MAX));
    }
}
