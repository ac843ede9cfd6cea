//! One lease as the leader sees it.

use std::num::NonZeroU64;

use super::KeepAlive;
use crate::{
    limits::LEASE_EXPIRE_RETRY_MS,
    planted::{Bug, is_planted},
};

/// How much older than an acknowledged keep-alive the last replicated renewal may be.
pub(super) fn slack_ms(ttl_ms: u64) -> u64 {
    ttl_ms / 2
}

/// Age of the last replicated renewal up to which a keep-alive needs none of its own: clients that
/// renew far more often than they need to do not fill the log.
fn fresh_ms(ttl_ms: u64) -> u64 {
    slack_ms(ttl_ms) / 4
}

/// Milliseconds of a granted time to live; the table holds no negative ones.
pub(super) fn ms(ttl_s: i64) -> u64 {
    u64::try_from(ttl_s).unwrap_or(0).saturating_mul(1000)
}

/// See the module. There may be a million, so it is kept small.
#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) ttl_s: i64,
    /// Cluster time of the grant, or of the last renewal that is applied.
    replicated_ms: u64,
    /// When to offer it for expiry, next or again. Never goes back.
    offer_ms: u64,
    /// Under what time the keeper has listed it: not later than `offer_ms`.
    pub(super) listed_ms: u64,
    /// Expiry was offered. From then on nothing keeps it alive.
    is_offered: bool,
    /// Keep-alives that no batch has taken yet.
    waiting: Option<Span>,
    /// Keep-alives in a batch of unknown outcome.
    in_flight: Option<Span>,
}

/// The first and the last of some keep-alives of one lease. Replicating the last one does for all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    first_ms: u64,
    /// Later than the grant, hence not 0.
    last_ms: NonZeroU64,
}

/// Where the keeper lists a lease that has keep-alives to be replicated, by the time of the first
/// of them: nowhere, or in one of two lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unreplicated {
    pub(super) queued_ms: Option<u64>,
    pub(super) in_flight_ms: Option<u64>,
}

impl Lease {
    pub(super) fn new(ttl_s: i64, replicated_ms: u64, deadline_ms: u64) -> Self {
        Self {
            ttl_s,
            replicated_ms,
            offer_ms: deadline_ms,
            listed_ms: deadline_ms,
            is_offered: false,
            waiting: None,
            in_flight: None,
        }
    }

    pub(super) fn keep_alive(&mut self, now_ms: u64) -> KeepAlive {
        if self.is_offered || self.offer_ms <= now_ms {
            if is_planted(Bug::KeepAliveRevives) {
                return KeepAlive::Renewed { ttl_s: self.ttl_s };
            }
            return KeepAlive::NotFound;
        }
        self.extend(now_ms);
        let ttl_ms = ms(self.ttl_s);
        let age_ms = now_ms.saturating_sub(self.replicated_ms);
        if age_ms > fresh_ms(ttl_ms) {
            let first_ms = self.waiting.map_or(now_ms, |span| span.first_ms);
            self.waiting = NonZeroU64::new(now_ms).map(|last_ms| Span { first_ms, last_ms });
        }
        if age_ms > slack_ms(ttl_ms) {
            KeepAlive::Replicate
        } else {
            KeepAlive::Renewed { ttl_s: self.ttl_s }
        }
    }

    /// It was kept alive at `at_ms`.
    fn extend(&mut self, at_ms: u64) {
        if !self.is_offered {
            let deadline_ms = at_ms.saturating_add(ms(self.ttl_s));
            self.offer_ms = self.offer_ms.max(deadline_ms);
        }
    }

    /// A renewal is applied. Keep-alives up to it need no replication any more.
    pub(super) fn replicated(&mut self, renewed_at_ms: u64) {
        self.replicated_ms = self.replicated_ms.max(renewed_at_ms);
        self.extend(renewed_at_ms);
        for span in [&mut self.waiting, &mut self.in_flight] {
            *span = span.filter(|span| span.last_ms.get() > renewed_at_ms);
        }
    }

    /// Whether its expiry was offered.
    pub(super) fn is_offered(&self) -> bool {
        self.is_offered
    }

    /// When it is to be offered for expiry, next or again.
    pub(super) fn offer_ms(&self) -> u64 {
        self.offer_ms
    }

    /// The time under which it is listed has come. Says whether its expiry is to be offered now,
    /// and under what time to list it from now on.
    pub(super) fn look(&mut self, now_ms: u64) -> (bool, u64) {
        // One that was kept alive since may be due too, but after others.
        let is_due = self.offer_ms == self.listed_ms;
        if is_due {
            self.is_offered = true;
            self.offer_ms = now_ms.saturating_add(LEASE_EXPIRE_RETRY_MS);
            // What is still to be replicated of it is of no use any more.
            self.waiting = None;
        }
        self.listed_ms = self.offer_ms;
        (is_due, self.listed_ms)
    }

    /// Time until expiry, milliseconds; 0 while that is under way.
    pub(super) fn left_ms(&self, now_ms: u64) -> u64 {
        if self.is_offered {
            return 0;
        }
        // More than was granted may be left after a change of leader, but is not shown.
        let left_ms = self.offer_ms.saturating_sub(now_ms);
        left_ms.min(ms(self.ttl_s))
    }

    /// A batch takes its keep-alives; returns the last of them.
    pub(super) fn take(&mut self) -> Option<u64> {
        self.in_flight = self.waiting.take();
        self.in_flight.map(|span| span.last_ms.get())
    }

    /// The batch that took its keep-alives up to `last_ms` may be lost: they wait again.
    pub(super) fn put_back(&mut self, last_ms: u64) {
        // Another span may be in flight if the batch is reported late.
        let Some(failed) = self.in_flight.filter(|span| span.last_ms.get() == last_ms) else {
            return;
        };
        self.in_flight = None;
        // After an offer for expiry nothing is renewed.
        if !self.is_offered {
            let last_ms = self.waiting.map_or(failed.last_ms, |span| span.last_ms);
            self.waiting = Some(Span {
                first_ms: failed.first_ms,
                last_ms,
            });
        }
    }

    pub(super) fn unreplicated(&self) -> Unreplicated {
        let first_ms = |span: Span| span.first_ms;
        let waiting = self.waiting.filter(|_| self.in_flight.is_none());
        Unreplicated {
            queued_ms: waiting.map(first_ms),
            in_flight_ms: self.in_flight.map(first_ms),
        }
    }
}
