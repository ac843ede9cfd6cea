//! The leader's side of leases: answers keep-alives from memory, and says which renewals and
//! expiries to propose. Pure: `now_ms` is always the leader's cluster time, which never goes back.
//!
//! # What it promises
//!
//! **No lease is offered for expiry before its time to live has passed since its last acknowledged
//! keep-alive, whichever leader acknowledged it, and whenever that leader died.** And every lease
//! that nobody keeps alive is offered in the end.
//!
//! On one leader that is plain: a keep-alive at `t` moves the deadline to `t + ttl` at least, and
//! what is offered is past its deadline. Across leaders it is not, for a keep-alive is answered
//! before it is replicated. A successor knows only the last *replicated* renewal, `r`, which may be
//! older than the last acknowledged one, `a`, by far more than the interval of renewal batches: a
//! lease of 300 s may be kept alive at 0 s (replicated) and again at 100 s (acknowledged, then the
//! leader dies), so a successor that counted 300 s from `r` and added a few seconds for a batch in
//! flight would end it 200 s early. Therefore both sides keep to one number, [`slack_ms`]:
//!
//! * A keep-alive at `a` is acknowledged only while `a <= r + slack`, `r` being a renewal that this
//!   leader has *applied*. A later one must wait until a newer renewal is applied
//!   ([`KeepAlive::Replicate`]).
//! * A successor sets the deadline to `r + ttl + slack + grace` at the earliest.
//!
//! With them: what one leader has applied is committed, so its successors have applied it too
//! before they take over, and know an `r` that is no older. Cluster time continues from the last
//! applied stamp when the leader changes: the new leader's clock starts at a stamp that the log
//! already had, so at any moment it shows no more than the old leader's clock would. When a
//! successor's clock shows `r + ttl + slack + grace`, which is at least `a + ttl + grace`, that of
//! the leader that acknowledged shows as much or more; hence `ttl + grace` have passed since the
//! acknowledgement. This holds for any number of changes between, and for a leader that answers
//! while it has been replaced without knowing. `grace` is left for clocks of different rates, and
//! gives clients time to find a new leader: no lease is offered within `grace` of the take-over.
//!
//! The price is a lease that may live `slack + grace` longer after a change of leader. Clients
//! renew every third of the time to live or so, well within the slack of one half, and so are
//! answered from memory.
//!
//! A leader whose renewals are not being replicated has probably lost its quorum: it stops
//! answering ([`KeepAlive::Stalled`]). So must its caller when the quorum has not been heard of.
//!
//! # Driving it
//!
//! [`LeaseKeeper::take_over`] with the lease table of a state that has applied an entry of the
//! leader's own term; [`LeaseKeeper::apply`] with every change after that; drop it when leadership
//! ends. Every few hundred milliseconds, and at once after a [`KeepAlive::Replicate`], propose
//! [`LeaseKeeper::poll_renewals`] and report a failure; propose [`LeaseKeeper::poll_expired`] in
//! this leader's term.

mod by_id;
mod lease;

use std::collections::{BTreeSet, VecDeque};

use self::{
    by_id::ById,
    lease::{Lease, Unreplicated, ms, slack_ms},
};
use super::LeaseChange;
use crate::{
    command::Renewal,
    kv::LeaseId,
    limits::{LEASE_DUE_LOOKS_MAX, LEASE_UNREPLICATED_MAX_MS},
    planted::{Bug, is_planted},
    probe,
};

/// Leases by a time of theirs.
type ByTime = BTreeSet<(u64, LeaseId)>;

/// See the module. No operation takes more than O(log n); polls take that for each lease that they
/// return or look at.
#[derive(Debug, Default)]
pub struct LeaseKeeper {
    leases: ById,
    /// Every lease that was not offered for expiry, by when to look at it next: when it is to be,
    /// or earlier. So a keep-alive, which moves a deadline back, has nothing to move here.
    due: ByTime,
    /// Every lease that was offered, by when to offer it again.
    offered: ByTime,
    /// Leases with a keep-alive that can go into the next batch, with the time of their first
    /// such, in the order in which they came. What no longer holds is passed over.
    queue: VecDeque<(u64, LeaseId)>,
    /// Leases with keep-alives in a batch, by the time of their first such. None of them is
    /// queued, so that a lease is in one batch at most.
    in_flight: ByTime,
}

/// How to answer a keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// The lease lives for this time from now on.
    Renewed {
        /// The granted time to live, seconds.
        ttl_s: i64,
    },
    /// There is no such lease, or its time was up. Clients are told a TTL of 0 once the state has
    /// it no more: the end of a lease whose time was up may still fail to be replicated.
    NotFound,
    /// Not to be answered from memory. A renewal is queued, and the lease does not expire
    /// meanwhile: propose the next batch at once, and ask again when it is applied.
    Replicate,
    /// Renewals are not being replicated: to be refused as if there were no leader.
    Stalled,
}

/// What is left of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remaining {
    /// Time until expiry, milliseconds; 0 while expiry is under way, never above the granted time.
    pub ttl_ms: u64,
    /// The granted time to live, seconds.
    pub granted_ttl_s: i64,
}

impl LeaseKeeper {
    /// Number of leases, and of renewals that wait for their batch.
    pub fn load(&self) -> (usize, usize) {
        (self.leases.len(), self.queue.len() + self.in_flight.len())
    }

    /// The keeper of a new leader, from the replicated leases as (id, TTL in seconds, cluster time
    /// of the last replicated renewal). No lease is offered for expiry within `grace_ms`.
    pub fn take_over(
        leases: impl Iterator<Item = (LeaseId, i64, u64)>,
        now_ms: u64,
        grace_ms: u64,
    ) -> Self {
        let mut keeper = Self::default();
        if is_planted(Bug::LeasesForgotten) {
            return keeper;
        }
        for (id, ttl_s, renewed_at_ms) in leases {
            let ttl_ms = ms(ttl_s);
            let (slack_ms, grace_ms) = match is_planted(Bug::NoSlackForSuccessor) {
                true => (0, 0),
                false => (slack_ms(ttl_ms), grace_ms),
            };
            let life_ms = ttl_ms.saturating_add(slack_ms);
            let deadline_ms = renewed_at_ms
                .saturating_add(life_ms)
                .max(now_ms)
                .saturating_add(grace_ms);
            keeper.insert(id, Lease::new(ttl_s, renewed_at_ms, deadline_ms));
        }
        probe!(LeasesTakenOver if !keeper.due.is_empty());
        keeper
    }

    /// Keeps in step with the replicated table: to be called for every change, in order.
    pub fn apply(&mut self, change: &LeaseChange, now_ms: u64) {
        match *change {
            LeaseChange::Granted { id, ttl_s, at_ms } => {
                self.remove(id);
                // The client's clock starts when it hears of the grant: not before now.
                let deadline_ms = now_ms.max(at_ms).saturating_add(ms(ttl_s));
                self.insert(id, Lease::new(ttl_s, at_ms, deadline_ms));
            }
            LeaseChange::Renewed { id, renewed_at_ms } => {
                self.change(id, |lease| lease.replicated(renewed_at_ms));
            }
            LeaseChange::Ended { id } => self.remove(id),
        }
    }

    /// A client wants to keep a lease alive.
    pub fn keep_alive(&mut self, id: LeaseId, now_ms: u64) -> KeepAlive {
        if self.is_stalled(now_ms) {
            probe!(KeeperStalls);
            return KeepAlive::Stalled;
        }
        let answer = self.change(id, |lease| lease.keep_alive(now_ms));
        probe!(KeepAliveTooLate if answer == Some(KeepAlive::NotFound));
        probe!(KeepAliveWaits if answer == Some(KeepAlive::Replicate));
        answer.unwrap_or(KeepAlive::NotFound)
    }

    /// Whether a keep-alive has waited for its replication so long that something must be wrong.
    fn is_stalled(&mut self, now_ms: u64) -> bool {
        let is_late = |(first_ms, _): &(u64, LeaseId)| {
            first_ms.saturating_add(LEASE_UNREPLICATED_MAX_MS) < now_ms
        };
        while let Some(&entry) = self.queue.front().filter(|entry| is_late(entry)) {
            if self.is_queued(entry) {
                return true;
            }
            self.queue.pop_front();
        }
        self.in_flight.first().is_some_and(is_late)
    }

    /// Whether an entry of the queue still holds.
    fn is_queued(&self, (first_ms, id): (u64, LeaseId)) -> bool {
        let lease = self.leases.get(id);
        lease.is_some_and(|lease| lease.unreplicated().queued_ms == Some(first_ms))
    }

    /// What is left of a lease; `None` if there is no such lease.
    pub fn time_to_live(&self, id: LeaseId, now_ms: u64) -> Option<Remaining> {
        let lease = self.leases.get(id)?;
        Some(Remaining {
            ttl_ms: lease.left_ms(now_ms),
            granted_ttl_s: lease.ttl_s,
        })
    }

    /// At most `max` leases to propose for expiry, those due longest first. They are offered again
    /// after [`LEASE_EXPIRE_RETRY_MS`](crate::limits::LEASE_EXPIRE_RETRY_MS) if they are still
    /// there.
    ///
    /// A poll looks at no more than [`LEASE_DUE_LOOKS_MAX`] leases that turn out not to be due
    /// yet. While [`Self::next_deadline_ms`] is not after `now_ms`, another poll may find more.
    pub fn poll_expired(&mut self, now_ms: u64, max: usize) -> Vec<LeaseId> {
        let now_ms = now_ms
            + if is_planted(Bug::LeaseEndsEarly) {
                1000
            } else {
                0
            };
        // Looks them up before the loop below, which does so one after the other: here the
        // processor waits for many at a time.
        let listed = self.due.iter().take_while(|(at_ms, _)| *at_ms <= now_ms);
        let leases = listed.take(max).filter_map(|(_, id)| self.leases.get(*id));
        let due = leases.filter(|lease| lease.offer_ms() <= now_ms).count();
        let mut expired = Vec::with_capacity(due);
        let mut looks = 0;
        while expired.len() < max && looks < LEASE_DUE_LOOKS_MAX {
            // Those offered before were due before the others.
            let is_due = |listed: &&(u64, LeaseId)| listed.0 <= now_ms;
            let list = match self.offered.first().filter(is_due) {
                Some(_) => &mut self.offered,
                None => &mut self.due,
            };
            let Some(&(_, id)) = list.first().filter(is_due) else {
                break;
            };
            list.pop_first();
            let looked_at = self.change(id, |lease| lease.look(now_ms));
            let (is_offered, listed_again_ms) = looked_at.expect("a listed lease exists");
            if is_offered {
                self.offered.insert((listed_again_ms, id));
                expired.push(id);
            } else {
                self.due.insert((listed_again_ms, id));
                looks += 1;
            }
        }
        expired
    }

    /// At most `max` renewals to propose as one batch, the oldest first. Each is in flight until
    /// it is applied or reported as failed.
    pub fn poll_renewals(&mut self, max: usize) -> Vec<Renewal> {
        let mut batch = Vec::new();
        while batch.len() < max
            && let Some(entry) = self.queue.pop_front()
        {
            if self.is_queued(entry) {
                let id = entry.1;
                let last_ms = self.change(id, Lease::take).flatten();
                batch.extend(last_ms.map(|renewed_at_ms| Renewal { id, renewed_at_ms }));
            }
        }
        batch
    }

    /// A batch may not have been replicated: what was not applied meanwhile is queued again.
    pub fn renewals_failed(&mut self, batch: &[Renewal]) {
        probe!(RenewalsPutBack if !batch.is_empty());
        for renewal in batch {
            self.change(renewal.id, |lease| lease.put_back(renewal.renewed_at_ms));
        }
    }

    /// When to poll for expired leases next. None is due before; there may be none then either, if
    /// leases have been kept alive.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        let first = [&self.offered, &self.due].into_iter();
        first.filter_map(|list| Some(list.first()?.0)).min()
    }

    /// Each lease is listed exactly where its own fields say, none is looked at too late, and no
    /// list has another one.
    ///
    /// # Errors
    /// What does not hold.
    pub fn invariant_lists(&self) -> Result<(), &'static str> {
        if self.due.len() + self.offered.len() != self.leases.len() {
            return Err("not every lease is listed once by when it is due");
        }
        let mut queue = BTreeSet::new();
        let mut in_flight = BTreeSet::new();
        for (list, are_offered) in [(&self.due, false), (&self.offered, true)] {
            for (at_ms, id) in list {
                let lease = self.leases.get(*id);
                let lease = lease.filter(|lease| lease.listed_ms == *at_ms);
                let lease = lease.ok_or("a lease is listed wrong by when it is due")?;
                if lease.is_offered() != are_offered || lease.listed_ms > lease.offer_ms() {
                    return Err("a lease is not due when it should be");
                }
                let unreplicated = lease.unreplicated();
                queue.extend(unreplicated.queued_ms.map(|at_ms| (at_ms, *id)));
                in_flight.extend(unreplicated.in_flight_ms.map(|at_ms| (at_ms, *id)));
            }
        }
        let holds = self.queue.iter().copied();
        let holds: ByTime = holds.filter(|entry| self.is_queued(*entry)).collect();
        if holds != queue {
            return Err("the queue of renewals is wrong");
        }
        if self.in_flight != in_flight {
            return Err("renewals in flight are listed wrong");
        }
        Ok(())
    }

    fn insert(&mut self, id: LeaseId, lease: Lease) {
        self.due.insert((lease.listed_ms, id));
        self.leases.insert(id, lease);
    }

    fn remove(&mut self, id: LeaseId) {
        if let Some(lease) = self.leases.remove(id) {
            let list = match lease.is_offered() {
                true => &mut self.offered,
                false => &mut self.due,
            };
            list.remove(&(lease.listed_ms, id));
            self.list_unreplicated(id, lease.unreplicated(), Unreplicated::default());
        }
    }

    /// Changes a lease, if it is there, and where its keep-alives are listed: the only way to do
    /// either.
    fn change<R>(&mut self, id: LeaseId, change: impl FnOnce(&mut Lease) -> R) -> Option<R> {
        let lease = self.leases.get_mut(id)?;
        let before = lease.unreplicated();
        let result = change(lease);
        let after = lease.unreplicated();
        self.list_unreplicated(id, before, after);
        Some(result)
    }

    fn list_unreplicated(&mut self, id: LeaseId, before: Unreplicated, after: Unreplicated) {
        if before.queued_ms != after.queued_ms
            && let Some(first_ms) = after.queued_ms
        {
            // What comes back from a batch is older than all others.
            match self.queue.back() {
                Some((last_ms, _)) if first_ms < *last_ms => self.queue.push_front((first_ms, id)),
                _ => self.queue.push_back((first_ms, id)),
            }
        }
        if before.in_flight_ms != after.in_flight_ms {
            before
                .in_flight_ms
                .map(|at_ms| self.in_flight.remove(&(at_ms, id)));
            self.in_flight
                .extend(after.in_flight_ms.map(|at_ms| (at_ms, id)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three leases; one has a keep-alive that waits, one has one in flight.
    fn keeper() -> LeaseKeeper {
        let ids = [1, 2, 3].map(|id| LeaseId::new(id).expect("not 0"));
        let leases = ids.map(|id| (id, 10, 0));
        let mut keeper = LeaseKeeper::take_over(leases.into_iter(), 0, 0);
        keeper.keep_alive(ids[0], 4_000);
        keeper.poll_renewals(1);
        keeper.keep_alive(ids[1], 4_001);
        assert_eq!(keeper.invariant_lists(), Ok(()));
        keeper
    }

    #[test]
    fn the_invariant_rejects_a_lost_entry_of_each_list() {
        let losses: [fn(&mut LeaseKeeper) -> bool; 3] = [
            |keeper| keeper.due.pop_first().is_some(),
            |keeper| keeper.queue.pop_front().is_some(),
            |keeper| keeper.in_flight.pop_first().is_some(),
        ];
        for lose in losses {
            let mut keeper = keeper();
            assert!(lose(&mut keeper));
            assert!(keeper.invariant_lists().is_err());
        }
        let mut keeper = keeper();
        assert_eq!(keeper.poll_expired(100_000, 1).len(), 1);
        assert_eq!(keeper.invariant_lists(), Ok(()));
        assert!(keeper.offered.pop_first().is_some());
        assert!(keeper.invariant_lists().is_err());
    }

    #[test]
    fn the_invariant_rejects_a_lease_that_is_looked_at_too_late() {
        let mut keeper = keeper();
        let (due_ms, id) = keeper.due.pop_first().expect("three leases");
        keeper.due.insert((due_ms + 10_000, id));
        keeper.change(id, |lease| lease.listed_ms = due_ms + 10_000);
        assert_eq!(
            keeper.invariant_lists(),
            Err("a lease is not due when it should be")
        );
    }
}
