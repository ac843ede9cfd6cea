//! Leases. Which keys go with one is asked of the keys.

use quorate_core::{
    Error, LeaseChange, Response,
    command::Renewal,
    kv::{KeyRange, LeaseId},
    request::{DeleteRangeRequest, PutRequest},
    response::LeaseInfo,
};

use super::{Model, keys::Draft};

/// Contract api.md §7.
const TTL_MAX_S: i64 = 9_000_000_000;

#[derive(Clone, Debug)]
pub(super) struct Lease {
    ttl_s: i64,
    renewed_at_ms: u64,
}

impl Model {
    /// A lease with its keys, in key order.
    pub fn lease(&self, id: LeaseId) -> Option<LeaseInfo> {
        let lease = self.leases.get(&id)?;
        let keys = self.moment(self.revision()).keys.values();
        let attached = keys.filter(|kv| kv.lease == Some(id));
        Some(LeaseInfo {
            id,
            ttl_s: lease.ttl_s,
            renewed_at_ms: lease.renewed_at_ms,
            keys: attached.map(|kv| kv.key.clone()).collect(),
        })
    }

    /// All leases by id: time to live in seconds, and the last renewal in cluster time.
    pub fn leases(&self) -> impl Iterator<Item = (LeaseId, i64, u64)> {
        let leases = self.leases.iter();
        leases.map(|(id, lease)| (*id, lease.ttl_s, lease.renewed_at_ms))
    }

    /// A put's lease must exist.
    pub(super) fn check_lease(&self, request: &PutRequest) -> Result<(), Error> {
        match request.lease {
            Some(id) if !self.leases.contains_key(&id) => Err(Error::LeaseNotFound),
            _ => Ok(()),
        }
    }

    pub(super) fn grant(
        &mut self,
        id: LeaseId,
        ttl_s: i64,
        changes: &mut Vec<LeaseChange>,
    ) -> Result<Response, Error> {
        if ttl_s > TTL_MAX_S {
            return Err(Error::LeaseTtlTooLarge);
        }
        if self.leases.contains_key(&id) {
            return Err(Error::LeaseExists);
        }
        let ttl_s = ttl_s.max(1);
        let at_ms = self.time_ms;
        let renewed_at_ms = at_ms;
        self.leases.insert(
            id,
            Lease {
                ttl_s,
                renewed_at_ms,
            },
        );
        changes.push(LeaseChange::Granted { id, ttl_s, at_ms });
        Ok(Response::LeaseGrant { id, ttl_s })
    }

    /// A renewal is never of the future, and never makes a lease shorter.
    pub(super) fn renew(
        &mut self,
        renewals: &[Renewal],
        changes: &mut Vec<LeaseChange>,
    ) -> Response {
        for Renewal { id, renewed_at_ms } in renewals {
            if let Some(lease) = self.leases.get_mut(id) {
                let renewed_at_ms = (*renewed_at_ms).min(self.time_ms);
                lease.renewed_at_ms = lease.renewed_at_ms.max(renewed_at_ms);
                changes.push(LeaseChange::Renewed {
                    id: *id,
                    renewed_at_ms: lease.renewed_at_ms,
                });
            }
        }
        Response::LeaseRenew
    }

    /// Ends those of the leases that there are. Says how many.
    pub(super) fn revoke(
        &mut self,
        draft: &mut Draft,
        ids: &[LeaseId],
        changes: &mut Vec<LeaseChange>,
    ) -> usize {
        let before = changes.len();
        for id in ids {
            if self.leases.remove(id).is_some() {
                changes.push(LeaseChange::Ended { id: *id });
            }
        }
        for kv in draft.keys.clone().into_values() {
            if kv.lease.is_some_and(|id| !self.leases.contains_key(&id)) {
                draft.delete(&DeleteRangeRequest {
                    range: KeyRange::Key(kv.key),
                    prev_kv: false,
                });
            }
        }
        changes.len() - before
    }
}
