//! Leases by id.

use super::lease::Lease;
use crate::{
    hashed::{self, Hashed, hash_number},
    kv::LeaseId,
};

/// A map from id to lease. There is no way to iterate over it: the keeper's lists have the ids.
#[derive(Debug)]
pub(super) struct ById(Hashed<Lease>);

impl Default for ById {
    fn default() -> Self {
        Self(Hashed::new(hashed::MANY))
    }
}

impl ById {
    pub(super) fn get(&self, id: LeaseId) -> Option<&Lease> {
        self.0.get(hash(id))
    }

    pub(super) fn get_mut(&mut self, id: LeaseId) -> Option<&mut Lease> {
        self.0.get_mut(hash(id))
    }

    pub(super) fn insert(&mut self, id: LeaseId, lease: Lease) {
        self.0.insert(hash(id), lease);
    }

    pub(super) fn remove(&mut self, id: LeaseId) -> Option<Lease> {
        self.0.remove(hash(id))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Different ids have different ones, so the id itself need not be kept.
fn hash(id: LeaseId) -> u64 {
    hash_number(id.get().cast_unsigned())
}
