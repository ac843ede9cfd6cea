//! The replicated table of leases: time to live, last replicated renewal, attached keys.

use std::ops::Bound;

use bytes::Bytes;
use imbl::{OrdMap, OrdSet};

use crate::{
    error::Error,
    kv::LeaseId,
    limits::LEASE_TTL_MAX_S,
    planted::{Bug, is_planted},
    response::LeaseInfo,
};

/// What a lease takes, bytes: an estimate for [`LeaseTable::size_bytes`].
const LEASE_BYTES: u64 = 64;

/// All leases, by id. Cloning is O(1).
#[derive(Clone, Debug, Default)]
pub(crate) struct LeaseTable(OrdMap<LeaseId, Lease>);

/// One lease.
#[derive(Clone, Debug)]
pub(crate) struct Lease {
    /// Granted time to live, seconds; at least 1.
    pub(crate) ttl_s: i64,
    /// Cluster time, milliseconds, of the grant or of the last replicated renewal.
    pub(crate) renewed_at_ms: u64,
    /// The keys whose newest version names this lease.
    pub(crate) keys: OrdSet<Bytes>,
}

impl LeaseTable {
    /// Estimated bytes that they take, their keys aside.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.0.len() as u64 * LEASE_BYTES
    }

    /// Adds a lease without keys. The server has raised the time to live to its minimum; whatever
    /// it gives, no lease has less than a second.
    ///
    /// # Errors
    ///
    /// [`Error::LeaseTtlTooLarge`], then [`Error::LeaseExists`].
    pub(crate) fn grant(&mut self, id: LeaseId, ttl_s: i64, now_ms: u64) -> Result<i64, Error> {
        if ttl_s > LEASE_TTL_MAX_S {
            return Err(Error::LeaseTtlTooLarge);
        }
        if self.contains(id) {
            return Err(Error::LeaseExists);
        }
        let ttl_s = ttl_s.max(1);
        self.0.insert(
            id,
            Lease {
                ttl_s,
                renewed_at_ms: now_ms,
                keys: OrdSet::new(),
            },
        );
        Ok(ttl_s)
    }

    /// Moves a lease's renewal forward, never beyond `now_ms` and never back. Gives the renewal
    /// that holds from now on, `None` if there is no such lease.
    pub(crate) fn renew(&mut self, id: LeaseId, renewed_at_ms: u64, now_ms: u64) -> Option<u64> {
        let lease = self.0.get_mut(&id)?;
        if is_planted(Bug::RenewalsNotReplicated) {
            return Some(renewed_at_ms.min(now_ms));
        }
        lease.renewed_at_ms = lease.renewed_at_ms.max(renewed_at_ms.min(now_ms));
        Some(lease.renewed_at_ms)
    }

    /// Takes a lease out. Its keys are the caller's to delete.
    pub(crate) fn remove(&mut self, id: LeaseId) -> Option<Lease> {
        self.0.remove(&id)
    }

    /// Detaches a key from one lease and attaches it to another. A lease that is not there (any
    /// more) is passed over: it was revoked together with the key.
    pub(crate) fn move_key(&mut self, key: &[u8], from: Option<LeaseId>, to: Option<LeaseId>) {
        if from == to {
            return;
        }
        if let Some(lease) = from.and_then(|id| self.0.get_mut(&id)) {
            lease.keys.remove(key);
        }
        if let Some(lease) = to.and_then(|id| self.0.get_mut(&id)) {
            // A copy: sharing the version would keep it, however often the key is put.
            lease.keys.insert(Bytes::copy_from_slice(key));
        }
    }

    /// Whether there is such a lease.
    pub(crate) fn contains(&self, id: LeaseId) -> bool {
        self.0.contains_key(&id)
    }

    /// A lease, if it is there.
    pub(crate) fn get(&self, id: LeaseId) -> Option<&Lease> {
        self.0.get(&id)
    }

    /// What a lease holds, with all of its keys.
    pub(crate) fn info(&self, id: LeaseId) -> Option<LeaseInfo> {
        let lease = self.get(id)?;
        Some(LeaseInfo {
            id,
            ttl_s: lease.ttl_s,
            renewed_at_ms: lease.renewed_at_ms,
            keys: lease.keys.iter().cloned().collect(),
        })
    }

    /// The leases from an id on, ascending.
    pub(crate) fn from(&self, from: Bound<LeaseId>) -> impl Iterator<Item = (LeaseId, &Lease)> {
        self.0
            .range((from, Bound::Unbounded))
            .map(|(id, lease)| (*id, lease))
    }

    /// The greatest id.
    pub(crate) fn last(&self) -> Option<LeaseId> {
        self.0.get_max().map(|(id, _)| *id)
    }

    /// Checks that the table names exactly the keys that name a lease: `attached` gives the keys
    /// of the store with their leases.
    pub(crate) fn validate(&self, attached: impl Iterator<Item = (LeaseId, Bytes)>) {
        let mut attachments = 0;
        for (id, key) in attached {
            let lease = self.0.get(&id).expect("a key's lease exists");
            assert!(
                lease.keys.contains(&key),
                "lease {id:?} knows its key {key:?}"
            );
            attachments += 1;
        }
        let known: usize = self.0.values().map(|lease| lease.keys.len()).sum();
        assert_eq!(known, attachments, "leases know no other keys");
        assert!(
            self.0
                .values()
                .all(|lease| (1..=LEASE_TTL_MAX_S).contains(&lease.ttl_s))
        );
    }
}
