//! A role: its permissions, and the keys that they add up to.

use std::cmp::Ordering;

use super::{
    intervals::{End, Intervals},
    request::{Permission, PermissionKind},
};
use crate::{
    kv::KeyRange,
    planted::{Bug, is_planted},
};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Role {
    /// By start, then by end as on the wire, ascending; no two for the same range.
    permissions: Vec<Permission>,
    /// What they allow to read. Follows from them and is made anew with each change, so that a
    /// check does not have to.
    readable: Intervals,
    /// What they allow to write, likewise.
    writable: Intervals,
}

impl Role {
    /// A role with the permissions given, which [`Self::invariant_permissions`] judges.
    pub(crate) fn new(permissions: Vec<Permission>) -> Self {
        let union = |without| {
            let allowing = permissions.iter().filter(|p| p.kind != without);
            Intervals::union(allowing.map(|permission| &permission.range))
        };
        Self {
            readable: union(PermissionKind::Write),
            writable: union(PermissionKind::Read),
            permissions,
        }
    }

    /// The permissions, in order.
    pub(crate) fn permissions(&self) -> &[Permission] {
        &self.permissions
    }

    /// Adds a permission, or replaces the one for the same range.
    pub(super) fn grant(&mut self, permission: Permission) {
        let mut permissions = std::mem::take(&mut self.permissions);
        match find(&permissions, &permission.range) {
            Ok(position) => permissions[position] = permission,
            Err(position) => permissions.insert(position, permission),
        }
        *self = Self::new(permissions);
    }

    /// Removes the permission for exactly this range. `false` if there is none.
    pub(super) fn revoke(&mut self, range: &KeyRange) -> bool {
        let Ok(position) = find(&self.permissions, range) else {
            return false;
        };
        let mut permissions = std::mem::take(&mut self.permissions);
        permissions.remove(position);
        if is_planted(Bug::RevokedPermissionStays) {
            self.permissions = permissions;
            return true;
        }
        *self = Self::new(permissions);
        true
    }

    /// Where the readable keys around `key` end.
    pub(super) fn readable(&self, key: &[u8]) -> Option<End<&[u8]>> {
        self.readable.reach(key)
    }

    /// Where the writable keys around `key` end.
    pub(super) fn writable(&self, key: &[u8]) -> Option<End<&[u8]>> {
        self.writable.reach(key)
    }

    /// The permissions are in order and each names some keys; what follows from them does.
    pub(super) fn invariant_permissions(&self) -> Result<(), &'static str> {
        if !self
            .permissions
            .is_sorted_by(|a, b| order(&a.range, &b.range).is_lt())
        {
            return Err("permissions do not ascend");
        }
        if self.permissions.iter().any(|p| !p.names_keys()) {
            return Err("a permission names no keys");
        }
        if *self != Self::new(self.permissions.clone()) {
            return Err("a role's intervals are not those of its permissions");
        }
        Ok(())
    }
}

fn find(permissions: &[Permission], range: &KeyRange) -> Result<usize, usize> {
    permissions.binary_search_by(|permission| order(&permission.range, range))
}

/// The order in which permissions are listed.
fn order(a: &KeyRange, b: &KeyRange) -> Ordering {
    (a.start(), a.wire_end()).cmp(&(b.start(), b.wire_end()))
}
