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

use std::collections::{BTreeMap, BTreeSet};

use super::LeaseChange;
use crate::{
    command::Renewal,
    kv::LeaseId,
    limits::{LEASE_EXPIRE_RETRY_MS, LEASE_UNREPLICATED_MAX_MS},
};

/// How much older than an acknowledged keep-alive the last replicated renewal may be.
fn slack_ms(ttl_ms: u64) -> u64 {
    ttl_ms / 2
}

/// Age of the last replicated renewal up to which a keep-alive needs none of its own: clients that
/// renew far more often than they need to do not fill the log.
fn fresh_ms(ttl_ms: u64) -> u64 {
    slack_ms(ttl_ms) / 4
}

/// See the module. All operations take O(log n); polls take that for each lease returned.
#[derive(Debug, Default)]
pub struct LeaseKeeper {
    leases: BTreeMap<LeaseId, Lease>,
    /// Every lease by the time at which it is to be offered for expiry, next or again.
    due: BTreeSet<(u64, LeaseId)>,
    /// Leases with a keep-alive that is not replicated, by the time of their first such.
    unreplicated: BTreeSet<(u64, LeaseId)>,
    /// Those of them that can go into the next batch.
    queue: BTreeSet<(u64, LeaseId)>,
}

#[derive(Debug)]
struct Lease {
    ttl_s: i64,
    /// Cluster time of the grant, or of the last renewal that is applied.
    replicated_ms: u64,
    /// No expiry is offered before. Never goes back.
    deadline_ms: u64,
    /// Set once expiry was offered: when to offer it again. From then on nothing keeps it alive.
    offer_again_ms: Option<u64>,
    /// Keep-alives that no batch has taken yet.
    waiting: Option<Span>,
    /// Keep-alives in a batch of unknown outcome.
    in_flight: Option<Span>,
}

/// The first and the last of some keep-alives of one lease. Replicating the last one does for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first_ms: u64,
    last_ms: u64,
}

/// How to answer a keep-alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepAlive {
    /// The lease lives for this time from now on.
    Renewed {
        /// The granted time to live, seconds.
        ttl_s: i64,
    },
    /// There is no such lease, or its time was up: clients are told a TTL of 0.
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
    /// The keeper of a new leader, from the replicated leases as (id, TTL in seconds, cluster time
    /// of the last replicated renewal). No lease is offered for expiry within `grace_ms`.
    pub fn take_over(
        leases: impl Iterator<Item = (LeaseId, i64, u64)>,
        now_ms: u64,
        grace_ms: u64,
    ) -> Self {
        let mut keeper = Self::default();
        for (id, ttl_s, renewed_at_ms) in leases {
            let ttl_ms = ms(ttl_s);
            let life_ms = ttl_ms.saturating_add(slack_ms(ttl_ms));
            let deadline_ms = renewed_at_ms
                .saturating_add(life_ms)
                .max(now_ms)
                .saturating_add(grace_ms);
            keeper.insert(id, Lease::new(ttl_s, renewed_at_ms, deadline_ms));
        }
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
            LeaseChange::Renewed { id, renewed_at_ms } => self.change(id, |lease| {
                lease.replicated_ms = lease.replicated_ms.max(renewed_at_ms);
                lease.extend(renewed_at_ms);
                lease.drop_replicated(renewed_at_ms);
            }),
            LeaseChange::Ended { id } => self.remove(id),
        }
    }

    /// A client wants to keep a lease alive.
    pub fn keep_alive(&mut self, id: LeaseId, now_ms: u64) -> KeepAlive {
        if self.is_stalled(now_ms) {
            return KeepAlive::Stalled;
        }
        let mut answer = KeepAlive::NotFound;
        self.change(id, |lease| answer = lease.keep_alive(now_ms));
        answer
    }

    /// Whether a keep-alive has waited for its replication so long that something must be wrong.
    fn is_stalled(&self, now_ms: u64) -> bool {
        let oldest = self.unreplicated.first();
        oldest.is_some_and(|(first_ms, _)| {
            first_ms.saturating_add(LEASE_UNREPLICATED_MAX_MS) < now_ms
        })
    }

    /// What is left of a lease; `None` if there is no such lease.
    pub fn time_to_live(&self, id: LeaseId, now_ms: u64) -> Option<Remaining> {
        let lease = self.leases.get(&id)?;
        let left_ms = lease.deadline_ms.saturating_sub(now_ms);
        let ttl_ms = if lease.offer_again_ms.is_some() {
            0
        } else {
            left_ms
        };
        Some(Remaining {
            ttl_ms: ttl_ms.min(ms(lease.ttl_s)),
            granted_ttl_s: lease.ttl_s,
        })
    }

    /// At most `max` leases to propose for expiry, those due longest first. They are offered again
    /// after [`LEASE_EXPIRE_RETRY_MS`] if they are still there.
    pub fn poll_expired(&mut self, now_ms: u64, max: usize) -> Vec<LeaseId> {
        let due = self.due.iter().take_while(|(due_ms, _)| *due_ms <= now_ms);
        let expired: Vec<LeaseId> = due.take(max).map(|(_, id)| *id).collect();
        for id in &expired {
            self.change(*id, |lease| {
                let again_ms = now_ms.saturating_add(LEASE_EXPIRE_RETRY_MS);
                lease.offer_again_ms = Some(again_ms);
                // What is still to be replicated of it is of no use any more.
                lease.waiting = None;
            });
        }
        expired
    }

    /// At most `max` renewals to propose as one batch, the oldest first. Each is in flight until
    /// it is applied or reported as failed.
    pub fn poll_renewals(&mut self, max: usize) -> Vec<Renewal> {
        let ids: Vec<LeaseId> = self.queue.iter().take(max).map(|(_, id)| *id).collect();
        let mut batch = Vec::with_capacity(ids.len());
        for id in ids {
            self.change(id, |lease| {
                lease.in_flight = lease.waiting.take();
                let last = lease.in_flight.map(|span| span.last_ms);
                batch.extend(last.map(|renewed_at_ms| Renewal { id, renewed_at_ms }));
            });
        }
        batch
    }

    /// A batch may not have been replicated: what was not applied meanwhile is queued again.
    pub fn renewals_failed(&mut self, batch: &[Renewal]) {
        for renewal in batch {
            self.change(renewal.id, |lease| {
                // Another span may be in flight if this batch is reported late.
                if lease
                    .in_flight
                    .is_some_and(|span| span.last_ms == renewal.renewed_at_ms)
                {
                    lease.put_back();
                }
            });
        }
    }

    /// When the next lease is due to be offered for expiry.
    pub fn next_deadline_ms(&self) -> Option<u64> {
        self.due.first().map(|(due_ms, _)| *due_ms)
    }

    /// Each lease is listed exactly where its own fields say, and no list has another one.
    ///
    /// # Errors
    /// What does not hold.
    pub fn invariant_lists(&self) -> Result<(), &'static str> {
        let listed = |entry: fn(Entries) -> Option<u64>| {
            let leases = self.leases.iter();
            let entries = leases.filter_map(|(id, lease)| Some((entry(lease.entries())?, *id)));
            entries.collect::<BTreeSet<_>>()
        };
        if self.due != listed(|entries| entries.due_ms) {
            return Err("a lease is not due when it should be");
        }
        if self.unreplicated != listed(|entries| entries.unreplicated_ms) {
            return Err("unreplicated keep-alives are listed wrong");
        }
        if self.queue != listed(|entries| entries.queued_ms) {
            return Err("the queue of renewals is wrong");
        }
        Ok(())
    }

    fn insert(&mut self, id: LeaseId, lease: Lease) {
        self.list(id, Entries::default(), lease.entries());
        self.leases.insert(id, lease);
    }

    fn remove(&mut self, id: LeaseId) {
        if let Some(lease) = self.leases.remove(&id) {
            self.list(id, lease.entries(), Entries::default());
        }
    }

    /// Changes a lease, if it is there, and what is listed of it: the only way to do either.
    fn change(&mut self, id: LeaseId, change: impl FnOnce(&mut Lease)) {
        let Some(lease) = self.leases.get_mut(&id) else {
            return;
        };
        let before = lease.entries();
        change(lease);
        let after = lease.entries();
        self.list(id, before, after);
    }

    fn list(&mut self, id: LeaseId, before: Entries, after: Entries) {
        let lists = [
            (&mut self.due, before.due_ms, after.due_ms),
            (
                &mut self.unreplicated,
                before.unreplicated_ms,
                after.unreplicated_ms,
            ),
            (&mut self.queue, before.queued_ms, after.queued_ms),
        ];
        for (list, before_ms, after_ms) in lists {
            if before_ms != after_ms {
                before_ms.map(|at_ms| list.remove(&(at_ms, id)));
                list.extend(after_ms.map(|at_ms| (at_ms, id)));
            }
        }
    }
}

/// When a lease is listed, in each of the keeper's lists that it is in.
#[derive(Clone, Copy, Debug, Default)]
struct Entries {
    due_ms: Option<u64>,
    unreplicated_ms: Option<u64>,
    queued_ms: Option<u64>,
}

impl Lease {
    fn new(ttl_s: i64, replicated_ms: u64, deadline_ms: u64) -> Self {
        Self {
            ttl_s,
            replicated_ms,
            deadline_ms,
            offer_again_ms: None,
            waiting: None,
            in_flight: None,
        }
    }

    fn keep_alive(&mut self, now_ms: u64) -> KeepAlive {
        if self.offer_again_ms.is_some() || self.deadline_ms <= now_ms {
            return KeepAlive::NotFound;
        }
        self.extend(now_ms);
        let ttl_ms = ms(self.ttl_s);
        let age_ms = now_ms.saturating_sub(self.replicated_ms);
        if age_ms > fresh_ms(ttl_ms) {
            let first_ms = self.waiting.map_or(now_ms, |span| span.first_ms);
            self.waiting = Some(Span {
                first_ms,
                last_ms: now_ms,
            });
        }
        if age_ms > slack_ms(ttl_ms) {
            KeepAlive::Replicate
        } else {
            KeepAlive::Renewed { ttl_s: self.ttl_s }
        }
    }

    /// It was kept alive at `at_ms`.
    fn extend(&mut self, at_ms: u64) {
        self.deadline_ms = self.deadline_ms.max(at_ms.saturating_add(ms(self.ttl_s)));
    }

    /// Keep-alives up to `replicated_ms` need no replication any more.
    fn drop_replicated(&mut self, replicated_ms: u64) {
        for span in [&mut self.waiting, &mut self.in_flight] {
            *span = span.filter(|span| span.last_ms > replicated_ms);
        }
    }

    /// What is in flight waits again.
    fn put_back(&mut self) {
        let Some(failed) = self.in_flight.take() else {
            return;
        };
        // After an offer for expiry nothing is renewed.
        if self.offer_again_ms.is_none() {
            let last_ms = self.waiting.map_or(failed.last_ms, |span| span.last_ms);
            self.waiting = Some(Span {
                first_ms: failed.first_ms,
                last_ms,
            });
        }
    }

    fn entries(&self) -> Entries {
        let first_ms = |span: Span| span.first_ms;
        Entries {
            due_ms: Some(self.offer_again_ms.unwrap_or(self.deadline_ms)),
            unreplicated_ms: self.in_flight.or(self.waiting).map(first_ms),
            // One span at a time is in flight, so that a lease is in one batch at most.
            queued_ms: self
                .waiting
                .filter(|_| self.in_flight.is_none())
                .map(first_ms),
        }
    }
}

/// Milliseconds of a granted time to live; the table holds no negative ones.
fn ms(ttl_s: i64) -> u64 {
    u64::try_from(ttl_s).unwrap_or(0).saturating_mul(1000)
}
