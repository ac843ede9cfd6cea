//! Leases while this member leads: the keeper, the cluster clock, and the task that proposes what
//! the keeper finds due.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use quorate_core::{
    Applied, Command,
    command::Renewal,
    kv::LeaseId,
    lease::{KeepAlive, LeaseKeeper},
};

use super::Node;
use crate::clock::{self, Instant};

/// How often the leader looks for leases whose time is up, and for renewals to make durable.
const LEASE_TICK: Duration = Duration::from_millis(100);

/// Polls of the keeper in one such look. With what a poll looks at they are enough for a million
/// leases that are kept alive for ten seconds each.
const EXPIRY_POLLS_MAX: usize = 20;

/// How often a keep-alive that waits for replication looks whether that is done.
const REPLICATION_POLL: Duration = Duration::from_millis(5);

/// Renewals answered from memory are proposed at least this often.
pub(crate) const RENEWAL_BATCH_INTERVAL: Duration = Duration::from_millis(500);

/// Cluster time on a leader: it goes on from the last stamp that was applied when the member took
/// office, at the rate of the member's own monotonic clock.
#[derive(Clone, Copy)]
struct ClusterClock {
    term: u64,
    base_ms: u64,
    since: Instant,
}

impl ClusterClock {
    fn start(term: u64, applied_ms: u64) -> Self {
        Self {
            term,
            base_ms: applied_ms,
            since: clock::now(),
        }
    }

    /// Now; `applied_ms` is the newest stamp in the state, which this clock never falls behind.
    fn now_ms(&mut self, applied_ms: u64) -> u64 {
        let elapsed_ms = u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX);
        let now_ms = self.base_ms.saturating_add(elapsed_ms);
        if applied_ms > now_ms {
            *self = Self::start(self.term, applied_ms);
            return applied_ms;
        }
        now_ms
    }
}

/// The office of the leader where leases are concerned. Empty on a follower.
pub(crate) struct LeaseOffice {
    grace: Duration,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    clock: Option<ClusterClock>,
    keeper: Option<(u64, LeaseKeeper)>,
    last_batch: Option<Instant>,
}

/// What remains of a lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseTimes {
    /// Whole seconds that remain; 0 in the last second.
    pub ttl_s: i64,
    /// Seconds granted.
    pub granted_ttl_s: i64,
}

/// The keeper's answer to a keep-alive or a question, if this member may give one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LeaseAnswer {
    Alive(LeaseTimes),
    Gone,
    /// This member cannot vouch for it now.
    Unavailable,
    /// The last replicated renewal is so old that a newer one must be replicated before more time
    /// is promised: a successor would not know of it.
    Replicate,
}

impl LeaseOffice {
    /// `grace` is added to every deadline when this member takes office, beyond the slack that the
    /// keeper itself allows for: it covers the time that a predecessor may go on answering before it
    /// notices that it leads no more.
    pub(crate) fn new(grace: Duration) -> Self {
        Self {
            grace,
            inner: Mutex::default(),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }

    /// See [`crate::replica::Replica::validate`].
    pub(crate) fn validate(&self) {
        let inner = self.inner();
        let keeper = inner.keeper.as_ref();
        let holds = keeper.map_or(Ok(()), |(_, keeper)| keeper.invariant_lists());
        assert_eq!(holds, Ok(()), "the lease keeper");
    }

    /// Number of leases that this leader keeps, and of renewals that wait for their batch.
    pub(crate) fn load(&self) -> (usize, usize) {
        let inner = self.inner();
        let keeper = inner.keeper.as_ref();
        keeper.map_or((0, 0), |(_, keeper)| keeper.load())
    }

    /// The stamp for an entry proposed now by the leader of `term`.
    pub(crate) fn stamp_ms(&self, term: u64, applied_ms: u64) -> u64 {
        self.inner().now_ms(term, applied_ms)
    }

    /// Keeps the keeper in step with the replicated table.
    pub(crate) fn applied(&self, applied: &Applied) {
        if applied.lease_changes.is_empty() {
            return;
        }
        let mut inner = self.inner();
        let Some((term, mut keeper)) = inner.keeper.take() else {
            return;
        };
        let now_ms = inner.now_ms(term, applied.time_ms);
        for change in &applied.lease_changes {
            keeper.apply(change, now_ms);
        }
        inner.keeper = Some((term, keeper));
    }

    /// A batch of renewals was not accepted: they are due again.
    fn renewals_failed(&self, term: u64, batch: &[Renewal]) {
        if let Some((held, keeper)) = &mut self.inner().keeper
            && *held == term
        {
            keeper.renewals_failed(batch);
        }
    }

    /// Leaves office.
    pub(crate) fn forget(&self) {
        *self.inner() = Inner::default();
    }

    /// Takes office for `term` with the leases of the state, unless that is done already.
    fn take_office(
        &self,
        term: u64,
        applied_ms: u64,
        leases: impl FnOnce() -> Vec<(LeaseId, i64, u64)>,
    ) {
        let mut inner = self.inner();
        if inner.keeper.as_ref().is_some_and(|(held, _)| *held == term) {
            return;
        }
        let now_ms = inner.now_ms(term, applied_ms);
        let grace_ms = u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX);
        let keeper = LeaseKeeper::take_over(leases().into_iter(), now_ms, grace_ms);
        inner.keeper = Some((term, keeper));
        inner.last_batch = None;
    }

    fn keep_alive(&self, term: u64, applied_ms: u64, id: LeaseId) -> LeaseAnswer {
        let mut inner = self.inner();
        let now_ms = inner.now_ms(term, applied_ms);
        match inner.keeper.as_mut() {
            Some((held, keeper)) if *held == term => match keeper.keep_alive(id, now_ms) {
                KeepAlive::Renewed { ttl_s } => LeaseAnswer::Alive(LeaseTimes {
                    ttl_s,
                    granted_ttl_s: ttl_s,
                }),
                KeepAlive::NotFound => LeaseAnswer::Gone,
                KeepAlive::Replicate => LeaseAnswer::Replicate,
                KeepAlive::Stalled => LeaseAnswer::Unavailable,
            },
            _ => LeaseAnswer::Unavailable,
        }
    }

    fn time_to_live(&self, term: u64, applied_ms: u64, id: LeaseId) -> LeaseAnswer {
        let mut inner = self.inner();
        let now_ms = inner.now_ms(term, applied_ms);
        match inner.keeper.as_ref() {
            Some((held, keeper)) if *held == term => match keeper.time_to_live(id, now_ms) {
                Some(left) => LeaseAnswer::Alive(LeaseTimes {
                    // Some of it is always over, be it less than a millisecond.
                    ttl_s: i64::try_from(left.ttl_ms.saturating_sub(1) / 1000).unwrap_or(i64::MAX),
                    granted_ttl_s: left.granted_ttl_s,
                }),
                None => LeaseAnswer::Gone,
            },
            _ => LeaseAnswer::Unavailable,
        }
    }

    /// Up to `most` leases to propose for expiry now, with the term of the office.
    fn expired(&self, applied_ms: u64, most: usize) -> Option<(u64, Vec<LeaseId>)> {
        // A poll that finds none may have more to look at. In between others get the lock.
        for _ in 0..EXPIRY_POLLS_MAX {
            let mut inner = self.inner();
            let (term, mut keeper) = inner.keeper.take()?;
            let now_ms = inner.now_ms(term, applied_ms);
            let ids = keeper.poll_expired(now_ms, most);
            let next_ms = keeper.next_deadline_ms();
            inner.keeper = Some((term, keeper));
            if !ids.is_empty() || next_ms.is_none_or(|next_ms| next_ms > now_ms) {
                return Some((term, ids));
            }
        }
        None
    }

    /// The next batch of renewals to propose, if there are any.
    fn renewals(&self, most: usize) -> Option<(u64, Vec<Renewal>)> {
        let mut inner = self.inner();
        let (term, keeper) = inner.keeper.as_mut()?;
        let batch = keeper.poll_renewals(most);
        (!batch.is_empty()).then_some((*term, batch))
    }

    /// Whether the regular batch of renewals is due; if so, the next one is due an interval later.
    fn batch_due(&self) -> bool {
        let mut inner = self.inner();
        let due = inner
            .last_batch
            .is_none_or(|last| last.elapsed() >= RENEWAL_BATCH_INTERVAL);
        if due {
            inner.last_batch = Some(clock::now());
        }
        due
    }
}

impl Inner {
    fn now_ms(&mut self, term: u64, applied_ms: u64) -> u64 {
        match &mut self.clock {
            Some(clock) if clock.term == term => clock.now_ms(applied_ms),
            _ => {
                self.clock = Some(ClusterClock::start(term, applied_ms));
                applied_ms
            }
        }
    }
}

impl Node {
    /// Renews a lease on this member, which must lead and must have heard from a majority lately:
    /// a leader that is cut off must not promise time that its successor does not know of.
    pub(crate) async fn keep_alive_here(&self, id: LeaseId) -> LeaseAnswer {
        let ask = async {
            let mut is_newest = false;
            loop {
                let Some(term) = self.vouching_term() else {
                    return LeaseAnswer::Unavailable;
                };
                let answer = self
                    .replica()
                    .leases
                    .keep_alive(term, self.applied_ms(), id);
                match answer {
                    LeaseAnswer::Replicate => self.propose_renewals().await,
                    // Its time is up, but its keys may be read until its end is replicated, and
                    // that may fail: as etcd does, do not say that it is gone before it is.
                    LeaseAnswer::Gone if self.with_state(|state| state.has_lease(id)) => {}
                    // It may be there behind what this member has applied: a leader whose disk is
                    // slow may be the last to apply what it has committed.
                    LeaseAnswer::Gone if !is_newest => {
                        if self.read_barrier().await.is_err() {
                            return LeaseAnswer::Unavailable;
                        }
                        is_newest = true;
                        continue;
                    }
                    answer => return answer,
                }
                clock::sleep(REPLICATION_POLL).await;
            }
        };
        clock::timeout(self.options().election_timeout, ask)
            .await
            .unwrap_or(LeaseAnswer::Unavailable)
    }

    /// What remains of a lease, by this member, which must lead.
    pub(crate) async fn time_to_live_here(&self, id: LeaseId) -> LeaseAnswer {
        let answer = self.time_to_live_known(id);
        if answer != LeaseAnswer::Gone {
            return answer;
        }
        // As above: only where nothing is missing it is known that a lease is not there.
        let limit = self.options().election_timeout;
        match clock::timeout(limit, self.read_barrier()).await {
            Ok(Ok(())) => self.time_to_live_known(id),
            Ok(Err(_)) | Err(clock::Elapsed) => LeaseAnswer::Unavailable,
        }
    }

    fn time_to_live_known(&self, id: LeaseId) -> LeaseAnswer {
        let Some(term) = self.vouching_term() else {
            return LeaseAnswer::Unavailable;
        };
        self.replica()
            .leases
            .time_to_live(term, self.applied_ms(), id)
    }

    fn vouching_term(&self) -> Option<u64> {
        let consensus = self.consensus();
        let term = consensus.leading_term()?;
        let heard = consensus.quorum_contact_age();
        let vouches = self.member_count() == 1
            || heard.is_some_and(|age| age < self.options().election_timeout);
        vouches.then_some(term)
    }

    pub(super) fn applied_ms(&self) -> u64 {
        self.replica().applied_ms()
    }

    /// Runs as long as the server: keeps the office while this member leads.
    pub(super) async fn run_leases(self: Arc<Self>) {
        loop {
            clock::sleep(LEASE_TICK).await;
            if !self.hold_lease_office() {
                continue;
            }
            let most = self.options().lease_batch_max;
            if let Some((term, ids)) = self.replica().leases.expired(self.applied_ms(), most)
                && !ids.is_empty()
            {
                self.propose_as_leader(term, &Command::LeaseExpire { term, ids }, |_| {})
                    .await;
            }
            if self.replica().leases.batch_due() {
                self.propose_renewals().await;
            }
        }
    }

    /// Takes or leaves the office, as leadership has it; whether it is held.
    fn hold_lease_office(&self) -> bool {
        let leases = &self.replica().leases;
        let Some(term) = self.consensus().leading_term() else {
            leases.forget();
            return false;
        };
        // Before the first entry of this term is applied, the state may lack renewals that the
        // leader before had replicated.
        let (applied_term, applied_ms) =
            self.with_state(|state| (state.applied_term(), state.time_ms()));
        if applied_term != term {
            return false;
        }
        leases.take_office(term, applied_ms, || self.view().leases().collect());
        true
    }

    /// Proposes all renewals that are not replicated yet.
    async fn propose_renewals(&self) {
        let most = self.options().lease_batch_max;
        // What is refused is put back: without the office this would never end.
        while self.consensus().leading_term().is_some()
            && let Some((term, batch)) = self.replica().leases.renewals(most)
        {
            let replica = self.replica().clone();
            let failed = batch.clone();
            let refused = move |_| replica.leases.renewals_failed(term, &failed);
            let command = Command::LeaseRenew { renewals: batch };
            self.propose_as_leader(term, &command, refused).await;
        }
    }
}
