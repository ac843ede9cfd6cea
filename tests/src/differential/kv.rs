//! Keys and leases.

use bytes::Bytes;
use quorate_core::{
    kv::LeaseId,
    request::{
        DeleteRangeRequest, PutRequest, RangeRequest, RevisionFilter, Sort, SortOrder, SortTarget,
    },
    watch::CreateRequest,
};

use super::{
    admission::Known,
    dice::Dice,
    values::{LEASES, bound, key, limit, range, revision, some_revision, value},
};
use crate::scenario::Request;

pub(super) fn get(dice: &mut Dice, known: &Known) -> RangeRequest {
    RangeRequest {
        range: range(dice),
        limit: limit(dice),
        revision: revision(dice, known),
        sort: dice.percent(40).then(|| sort(dice)),
        keys_only: dice.percent(10),
        count_only: dice.percent(8),
        filter: RevisionFilter {
            min_mod: bound(dice, known),
            max_mod: bound(dice, known),
            min_create: bound(dice, known),
            max_create: bound(dice, known),
        },
    }
}

fn sort(dice: &mut Dice) -> Sort {
    use SortTarget::{Create, Key, Mod, Value, Version};
    Sort {
        target: dice.pick(&[Key, Version, Create, Mod, Value]),
        order: dice.pick(&[
            SortOrder::Unspecified,
            SortOrder::Ascend,
            SortOrder::Descend,
        ]),
    }
}

pub(super) fn put(dice: &mut Dice, known: &Known) -> PutRequest {
    let ignore_value = dice.percent(7);
    let ignore_lease = dice.percent(7);
    let without_value = ignore_value && dice.percent(85);
    let lease = if dice.percent(if ignore_lease { 10 } else { 25 }) {
        lease(dice, known)
    } else {
        0
    };
    PutRequest {
        key: key(dice),
        value: if without_value {
            Bytes::new()
        } else {
            value(dice)
        },
        lease: LeaseId::new(lease),
        prev_kv: dice.percent(25),
        ignore_value,
        ignore_lease,
    }
}

/// Mostly one that is there, if there is any.
fn lease(dice: &mut Dice, known: &Known) -> i64 {
    if !known.leases.is_empty() && dice.percent(85) {
        return dice.pick(&known.leases);
    }
    dice.pick(LEASES)
}

pub(super) fn delete(dice: &mut Dice) -> DeleteRangeRequest {
    DeleteRangeRequest {
        range: range(dice),
        prev_kv: dice.percent(40),
    }
}

pub(super) fn compact(dice: &mut Dice, known: &Known) -> Request {
    let revision = match dice.below(20) {
        0 => dice.pick(&[0, -1, i64::MIN, i64::MAX]),
        1 => known.compacted,
        2 => known.revision + dice.between(0, 2),
        _ => dice.between(
            known.compacted.max(0),
            (known.revision - 5).max(known.compacted).max(0),
        ),
    };
    Request::Compact {
        revision,
        physical: dice.percent(30),
    }
}

pub(super) fn hash(dice: &mut Dice, known: &Known) -> Request {
    let revision = revision(dice, known);
    Request::HashKv { revision }
}

/// No lease is so short that it could end while the script runs.
pub(super) fn lease_call(dice: &mut Dice, known: &Known) -> Request {
    const TTLS: &[i64] = &[10_000, 77_777, 9_000_000_000, 9_000_000_001, i64::MAX];
    let id = lease(dice, known);
    match dice.below(100) {
        0..40 => Request::LeaseGrant {
            id: dice.pick(LEASES),
            ttl_s: dice.pick(TTLS),
        },
        40..58 => Request::LeaseRevoke { id },
        58..72 => Request::LeaseKeepAlive { id },
        72..92 => Request::LeaseTimeToLive {
            id,
            keys: dice.percent(70),
        },
        _ => Request::LeaseLeases,
    }
}

pub(super) fn watch(dice: &mut Dice, known: &Known) -> CreateRequest {
    CreateRequest {
        range: range(dice),
        start_revision: match dice.below(100) {
            0..65 => 0,
            65..90 => some_revision(dice, known),
            90..95 => known.revision + dice.between(1, 8),
            95..98 => dice.pick(&[-1, i64::MIN]),
            _ => i64::MAX,
        },
        // A matter of time.
        progress_notify: false,
        no_put: dice.percent(10),
        no_delete: dice.percent(10),
        prev_kv: dice.percent(40),
        watch_id: if dice.percent(70) {
            0
        } else {
            dice.pick(&[1, 2, 3, 7, -1, -5, i64::MIN])
        },
        fragment: dice.percent(20),
    }
}
