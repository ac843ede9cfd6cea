//! What a keeper does, by example. Times are milliseconds of cluster time.

use crate::{
    command::Renewal,
    kv::LeaseId,
    lease::{KeepAlive, LeaseChange, LeaseKeeper, Remaining},
    limits::{LEASE_DUE_LOOKS_MAX, LEASE_EXPIRE_RETRY_MS, LEASE_UNREPLICATED_MAX_MS},
};

const RENEWED: KeepAlive = KeepAlive::Renewed { ttl_s: 10 };

fn id(id: i64) -> LeaseId {
    LeaseId::new(id).unwrap()
}

fn granted(keeper: &mut LeaseKeeper, lease: i64, at_ms: u64) {
    keeper.apply(
        &LeaseChange::Granted {
            id: id(lease),
            ttl_s: 10,
            at_ms,
        },
        at_ms,
    );
}

fn renewed(keeper: &mut LeaseKeeper, renewal: Renewal, now_ms: u64) {
    let Renewal { id, renewed_at_ms } = renewal;
    keeper.apply(&LeaseChange::Renewed { id, renewed_at_ms }, now_ms);
}

/// What is left of lease 1.
fn left_ms(keeper: &LeaseKeeper, now_ms: u64) -> u64 {
    keeper.time_to_live(id(1), now_ms).unwrap().ttl_ms
}

/// A keeper with lease 1 of 10 s, granted at 0.
fn keeper() -> LeaseKeeper {
    let mut keeper = LeaseKeeper::default();
    granted(&mut keeper, 1, 0);
    keeper
}

#[test]
fn a_lease_is_offered_when_its_time_has_passed_and_not_before() {
    let mut keeper = keeper();
    assert_eq!(keeper.next_deadline_ms(), Some(10_000));
    assert_eq!(keeper.poll_expired(9_999, 10), []);
    assert_eq!(keeper.poll_expired(10_000, 10), [id(1)]);
}

#[test]
fn a_grant_counts_from_when_it_is_applied() {
    let mut keeper = LeaseKeeper::default();
    keeper.apply(
        &LeaseChange::Granted {
            id: id(1),
            ttl_s: 10,
            at_ms: 500,
        },
        700,
    );
    assert_eq!(keeper.next_deadline_ms(), Some(10_700));
}

#[test]
fn a_keep_alive_counts_from_when_it_comes() {
    let mut keeper = keeper();
    assert_eq!(keeper.keep_alive(id(1), 4_000), RENEWED);
    assert_eq!(keeper.poll_expired(13_999, 10), []);
    assert_eq!(keeper.poll_expired(14_000, 10), [id(1)]);
}

#[test]
fn an_offered_lease_is_offered_again_until_it_has_ended() {
    let mut keeper = keeper();
    assert_eq!(keeper.poll_expired(10_000, 10), [id(1)]);
    assert_eq!(keeper.poll_expired(10_001, 10), []);
    assert_eq!(
        keeper.poll_expired(10_000 + LEASE_EXPIRE_RETRY_MS, 10),
        [id(1)]
    );
    keeper.apply(&LeaseChange::Ended { id: id(1) }, 20_000);
    assert_eq!(keeper.next_deadline_ms(), None);
    assert_eq!(keeper.invariant_lists(), Ok(()));
}

#[test]
fn expiry_comes_in_batches_the_longest_due_first() {
    let mut keeper = LeaseKeeper::default();
    for lease in [3, 1, 2] {
        granted(&mut keeper, lease, lease.unsigned_abs());
    }
    assert_eq!(keeper.poll_expired(20_000, 2), [id(1), id(2)]);
    assert_eq!(keeper.poll_expired(20_000, 2), [id(3)]);
}

#[test]
fn a_lease_that_was_kept_alive_comes_in_its_turn() {
    let mut keeper = keeper();
    granted(&mut keeper, 2, 1_000);
    keeper.keep_alive(id(1), 5_000);
    assert_eq!(keeper.next_deadline_ms(), Some(10_000), "when to look");
    assert_eq!(keeper.poll_expired(10_000, 9), []);
    assert_eq!(keeper.next_deadline_ms(), Some(11_000));
    keeper.keep_alive(id(1), 10_500);
    assert_eq!(keeper.poll_expired(30_000, 1), [id(2)]);
    assert_eq!(keeper.poll_expired(30_000, 1), [id(1)]);
    assert_eq!(keeper.invariant_lists(), Ok(()));
}

#[test]
fn a_poll_looks_at_so_many_leases_in_vain_and_the_next_goes_on() {
    let mut keeper = LeaseKeeper::default();
    for lease in 1..=LEASE_DUE_LOOKS_MAX as i64 {
        granted(&mut keeper, lease, 0);
        keeper.keep_alive(id(lease), 1_000);
    }
    granted(&mut keeper, -1, 1);
    assert_eq!(keeper.poll_expired(10_001, 9), []);
    assert_eq!(
        keeper.next_deadline_ms(),
        Some(10_001),
        "there is more to look at"
    );
    assert_eq!(keeper.poll_expired(10_001, 9), [id(-1)]);
    assert_eq!(keeper.next_deadline_ms(), Some(11_000));
}

#[test]
fn unknown_expired_and_expiring_leases_are_not_found() {
    let mut keeper = keeper();
    granted(&mut keeper, 2, 1);
    assert_eq!(keeper.keep_alive(id(9), 0), KeepAlive::NotFound);
    assert_eq!(keeper.keep_alive(id(1), 10_000), KeepAlive::NotFound);
    assert_eq!(keeper.poll_expired(10_001, 10), [id(1), id(2)]);
    assert_eq!(keeper.keep_alive(id(2), 10_001), KeepAlive::NotFound);
}

#[test]
fn time_to_live_is_what_is_left_and_0_while_expiry_is_under_way() {
    let mut keeper = keeper();
    let left = |ttl_ms| {
        Some(Remaining {
            ttl_ms,
            granted_ttl_s: 10,
        })
    };
    assert_eq!(keeper.time_to_live(id(1), 1), left(9_999));
    assert_eq!(keeper.time_to_live(id(1), 10_000), left(0));
    keeper.poll_expired(10_000, 1);
    assert_eq!(keeper.time_to_live(id(1), 10_000), left(0));
    assert_eq!(keeper.time_to_live(id(2), 0), None);
}

#[test]
fn renewals_of_a_lease_go_into_one_batch_as_the_last_of_them() {
    let mut keeper = keeper();
    granted(&mut keeper, 2, 0);
    keeper.keep_alive(id(2), 3_000);
    keeper.keep_alive(id(1), 3_100);
    keeper.keep_alive(id(2), 3_200);
    let last = Renewal {
        id: id(2),
        renewed_at_ms: 3_200,
    };
    assert_eq!(keeper.poll_renewals(1), [last]);
    assert_eq!(
        keeper.poll_renewals(9),
        [Renewal {
            id: id(1),
            renewed_at_ms: 3_100
        }]
    );
    assert_eq!(keeper.poll_renewals(9), []);
}

#[test]
fn frequent_keep_alives_are_not_all_replicated() {
    let mut keeper = keeper();
    assert_eq!(keeper.keep_alive(id(1), 1_000), RENEWED);
    assert_eq!(keeper.poll_renewals(9), []);
    assert_eq!(keeper.poll_expired(10_999, 9), []);
    assert_eq!(keeper.poll_expired(11_000, 9), [id(1)]);
}

#[test]
fn a_keep_alive_during_a_batch_waits_for_the_next() {
    let mut keeper = keeper();
    keeper.keep_alive(id(1), 3_000);
    let batch = keeper.poll_renewals(9);
    keeper.keep_alive(id(1), 3_500);
    assert_eq!(
        keeper.poll_renewals(9),
        [],
        "a lease is in one batch at most"
    );
    renewed(&mut keeper, batch[0], 3_600);
    assert_eq!(
        keeper.poll_renewals(9),
        [Renewal {
            id: id(1),
            renewed_at_ms: 3_500
        }]
    );
    assert_eq!(keeper.invariant_lists(), Ok(()));
}

#[test]
fn a_failed_batch_is_queued_again_with_what_came_since() {
    let mut keeper = keeper();
    granted(&mut keeper, 2, 0);
    keeper.keep_alive(id(1), 3_000);
    keeper.keep_alive(id(2), 3_000);
    let batch = keeper.poll_renewals(9);
    keeper.keep_alive(id(1), 3_500);
    keeper.renewals_failed(&batch);
    let again = [(1, 3_500), (2, 3_000)].map(|(lease, at)| Renewal {
        id: id(lease),
        renewed_at_ms: at,
    });
    assert_eq!(keeper.poll_renewals(9), again);
    assert_eq!(keeper.invariant_lists(), Ok(()));
}

#[test]
fn a_batch_reported_as_failed_after_it_was_applied_is_not_queued_again() {
    let mut keeper = keeper();
    keeper.keep_alive(id(1), 3_000);
    let batch = keeper.poll_renewals(9);
    renewed(&mut keeper, batch[0], 3_100);
    keeper.renewals_failed(&batch);
    assert_eq!(keeper.poll_renewals(9), []);
}

#[test]
fn no_keep_alive_is_answered_while_renewals_are_not_replicated() {
    let mut keeper = keeper();
    granted(&mut keeper, 2, 0);
    keeper.keep_alive(id(1), 3_000);
    let late_ms = 3_000 + LEASE_UNREPLICATED_MAX_MS;
    assert_eq!(keeper.keep_alive(id(2), late_ms), RENEWED);
    assert_eq!(keeper.keep_alive(id(2), late_ms + 1), KeepAlive::Stalled);
    let batch = keeper.poll_renewals(9);
    assert_eq!(keeper.keep_alive(id(2), late_ms + 1), KeepAlive::Stalled);
    assert_eq!(keeper.keep_alive(id(9), late_ms + 1), KeepAlive::Stalled);
    batch
        .iter()
        .for_each(|renewal| renewed(&mut keeper, *renewal, late_ms + 2));
    assert_eq!(keeper.keep_alive(id(2), late_ms + 2), RENEWED);
}

#[test]
fn a_keep_alive_long_after_the_last_replicated_one_waits_for_replication_but_counts_at_once() {
    let mut keeper = keeper();
    assert_eq!(keeper.keep_alive(id(1), 5_000), RENEWED);
    assert_eq!(keeper.keep_alive(id(1), 5_001), KeepAlive::Replicate);
    assert_eq!(left_ms(&keeper, 15_000), 1);
    let batch = keeper.poll_renewals(9);
    renewed(&mut keeper, batch[0], 5_010);
    assert_eq!(keeper.keep_alive(id(1), 5_010), RENEWED);
}

#[test]
fn what_an_expired_lease_had_to_replicate_is_dropped() {
    let mut keeper = keeper();
    granted(&mut keeper, 2, 15_000);
    keeper.keep_alive(id(1), 4_000);
    assert_eq!(keeper.poll_expired(14_000, 9), [id(1)]);
    assert_eq!(keeper.poll_renewals(9), []);
    assert_eq!(keeper.keep_alive(id(2), 16_000), RENEWED);
    assert_eq!(keeper.invariant_lists(), Ok(()));
}

#[test]
fn a_new_leader_gives_every_lease_the_slack_and_the_grace() {
    let leases = [(id(1), 10, 50_000), (id(2), 10, 1_000)];
    let mut keeper = LeaseKeeper::take_over(leases.into_iter(), 51_000, 2_000);
    // Lease 2 is long over, but its client may still be looking for the new leader.
    assert_eq!(keeper.poll_expired(52_999, 9), []);
    assert_eq!(keeper.poll_expired(53_000, 9), [id(2)]);
    keeper.apply(&LeaseChange::Ended { id: id(2) }, 53_001);
    // 10 s, half of that for keep-alives that only the last leader knew, and the grace.
    assert_eq!(keeper.poll_expired(66_999, 9), []);
    assert_eq!(keeper.poll_expired(67_000, 9), [id(1)]);
}

#[test]
fn a_keep_alive_never_brings_the_deadline_forward() {
    let leases = [(id(1), 10, 50_000)];
    let mut keeper = LeaseKeeper::take_over(leases.into_iter(), 50_000, 2_000);
    assert_eq!(keeper.keep_alive(id(1), 50_500), RENEWED);
    assert_eq!(keeper.next_deadline_ms(), Some(67_000));
    let left = keeper.time_to_live(id(1), 50_500);
    assert_eq!(
        left,
        Some(Remaining {
            ttl_ms: 10_000,
            granted_ttl_s: 10
        }),
        "but no more is shown"
    );
}

#[test]
fn a_lease_granted_again_starts_afresh() {
    let mut keeper = keeper();
    keeper.poll_expired(10_000, 9);
    keeper.apply(&LeaseChange::Ended { id: id(1) }, 10_001);
    granted(&mut keeper, 1, 20_000);
    assert_eq!(keeper.keep_alive(id(1), 21_000), RENEWED);
    assert_eq!(left_ms(&keeper, 30_999), 1);
    assert_eq!(keeper.invariant_lists(), Ok(()));
}

#[test]
fn the_longest_time_to_live_does_not_overflow() {
    let leases = [(id(1), i64::MAX, u64::MAX), (id(2), i64::MIN, 0)];
    let mut keeper = LeaseKeeper::take_over(leases.into_iter(), u64::MAX, u64::MAX);
    assert_eq!(keeper.poll_expired(u64::MAX - 1, 9), []);
    keeper.keep_alive(id(1), u64::MAX - 1);
    assert_eq!(keeper.invariant_lists(), Ok(()));
}
