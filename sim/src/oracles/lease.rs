//! A lease lives at least its time to live by the fastest clock, ends soon after it by the
//! slowest, and takes its keys with it in one revision.
//!
//! Every grant and every keep-alive that was acknowledged promises the time to live from some
//! moment between its request and its answer; the check takes the request's time, and counts with
//! whatever member's clock was fastest at each time, so that what it reports is early beyond any
//! excuse. A lease that may have been revoked may end at any time.
//!
//! | promise | where |
//! |---|---|
//! | L1: it does not end early | `check_not_early`, `check_not_revived` |
//! | L2: it ends, within a bounded time | `check_ends` |
//! | L3: what the leader of an older term proposes for its end has no effect | [`model_equivalence`](super::model_equivalence), which has the term of each end; by its effect, L1 |
//! | L4: its keys go with it, in one revision, and watches see that | `check_keys`, `check_reads`, [`watch`](super::watch) |
//! | L5: what is left of it does not grow by itself | [`remaining`](super::remaining) |
//! | L6: replicas agree across checkpoints, restarts, and clocks that go back | [`replica_equality`](super::replica_equality), which compares states with cluster time in them |

use std::collections::BTreeMap;

use super::{
    Finding, clocks::Clocks, ledger::Ledger, model::State, remaining::check_remaining, seconds,
};
use crate::history::{
    Blob, Body, Event, History, LeaseChange, Operation, Outcome, Request, reason,
};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let operations = history.operations();
    let ledger = Ledger::of(history)?;
    let clocks = Clocks::of(history);
    check_keys(&ledger)?;
    let leases = Lease::all(&operations, &ledger);
    for lease in leases.values() {
        lease.check_not_early(&clocks)?;
        lease.check_not_revived()?;
        lease.check_ends(history, &ledger, &clocks)?;
    }
    check_remaining(history, &operations)?;
    check_reads(&operations, &leases)
}

/// What is known of one lease. Ids are taken to be granted once.
#[derive(Default)]
struct Lease<'a> {
    id: i64,
    /// When the grant was acknowledged, nanoseconds.
    granted_ns: Option<u64>,
    /// Grants and keep-alives that were acknowledged.
    promises: Vec<Promise>,
    /// The latest time at which a request that may have renewed it was under way.
    last_renewal_ns: u64,
    /// Requests that may have revoked it.
    revokes: Vec<&'a Operation<'a>>,
    /// What shows that it was gone.
    ends: Vec<End>,
    /// Its grant in the log: time, time to live in seconds, record.
    logged_grant: Option<(u64, i64, usize)>,
    /// Whether its end is in the log.
    logged_end: bool,
}

/// "It lives for `ttl_s` from some time after `from_ns` on."
struct Promise {
    from_ns: u64,
    ttl_s: i64,
    records: Vec<usize>,
}

/// Something that shows that the lease was gone at `by_ns`.
struct End {
    by_ns: u64,
    records: Vec<usize>,
}

impl<'a> Lease<'a> {
    fn all(operations: &'a [Operation<'a>], ledger: &Ledger<'_>) -> BTreeMap<i64, Self> {
        let mut leases: BTreeMap<i64, Self> = BTreeMap::new();
        for operation in operations {
            if let Request::LeaseGrant { lease, .. } = operation.request {
                leases.entry(*lease).or_insert(Self {
                    id: *lease,
                    ..Self::default()
                });
            }
            if let Some(lease) = named(operation.request).and_then(|id| leases.get_mut(&id)) {
                lease.note(operation);
            }
        }
        for entry in &ledger.log {
            for change in entry.leases {
                let (LeaseChange::Granted { lease, .. }
                | LeaseChange::Renewed { lease }
                | LeaseChange::Ended { lease }) = *change;
                let known = leases.entry(lease).or_insert(Self {
                    id: lease,
                    ..Self::default()
                });
                known.note_logged(change, entry.at_ns, entry.record);
            }
        }
        leases
    }

    fn note(&mut self, operation: &'a Operation<'a>) {
        let records = operation.records();
        let from_ns = operation.invoke_ns;
        match (operation.request, operation.body()) {
            (Request::LeaseGrant { .. }, Some(Body::LeaseGrant { ttl_s, .. })) => {
                self.granted_ns = operation.end.map(|(at_ns, _, _)| at_ns);
                self.promises.push(Promise {
                    from_ns,
                    ttl_s: *ttl_s,
                    records,
                });
            }
            (Request::LeaseKeepAlive(_), Some(Body::LeaseKeepAlive { ttl_s })) if *ttl_s > 0 => {
                self.promises.push(Promise {
                    from_ns,
                    ttl_s: *ttl_s,
                    records,
                });
            }
            (Request::LeaseRevoke(_), _) if operation.may_have_happened() => {
                self.revokes.push(operation);
            }
            _ => {}
        }
        if matches!(operation.request, Request::LeaseKeepAlive(_)) && operation.may_have_happened()
        {
            let until_ns = operation.end.map_or(from_ns, |(at_ns, _, _)| at_ns);
            self.last_renewal_ns = self.last_renewal_ns.max(until_ns);
        }
        if let (Some(granted_ns), Some((by_ns, _, outcome))) = (self.granted_ns, operation.end)
            && from_ns > granted_ns
            && says_gone(outcome)
        {
            self.ends.push(End {
                by_ns,
                records: operation.records(),
            });
        }
    }

    fn note_logged(&mut self, change: &LeaseChange, at_ns: u64, record: usize) {
        match change {
            LeaseChange::Granted { ttl_s, .. } => {
                self.logged_grant = Some((at_ns, *ttl_s, record));
            }
            LeaseChange::Renewed { .. } => {}
            LeaseChange::Ended { .. } => {
                self.logged_end = true;
                self.ends.push(End {
                    by_ns: at_ns,
                    records: vec![record],
                });
            }
        }
    }

    /// It does not end before the time that the last answer promised.
    fn check_not_early(&self, clocks: &Clocks) -> Result<(), Finding> {
        for end in &self.ends {
            if self
                .revokes
                .iter()
                .any(|revoke| revoke.invoke_ns <= end.by_ns)
            {
                continue;
            }
            for promise in self
                .promises
                .iter()
                .filter(|promise| promise.from_ns <= end.by_ns)
            {
                let lived_ns = clocks.fastest_ns(promise.from_ns, end.by_ns);
                if lived_ns >= ttl_ns(promise.ttl_s) {
                    continue;
                }
                let text = format!(
                    "lease {} was to live {} s from {} on, but was gone at {}, after {} even by \
                     the fastest clock",
                    self.id,
                    promise.ttl_s,
                    seconds(promise.from_ns),
                    seconds(end.by_ns),
                    seconds(lived_ns),
                );
                return Finding::err(text, [&promise.records[..], &end.records].concat());
            }
        }
        Ok(())
    }

    /// Once it is gone nobody keeps it alive.
    fn check_not_revived(&self) -> Result<(), Finding> {
        for end in &self.ends {
            let after = self
                .promises
                .iter()
                .find(|promise| promise.from_ns > end.by_ns);
            if let Some(promise) = after {
                let text = format!(
                    "lease {} was gone at {}, but kept alive later",
                    self.id,
                    seconds(end.by_ns)
                );
                return Finding::err(text, [&promise.records[..], &end.records].concat());
            }
        }
        Ok(())
    }

    /// It ends when nobody renews it and nothing breaks any more. Needs the log, for an end that
    /// nobody asks about is not seen anywhere else.
    fn check_ends(
        &self,
        history: &History,
        ledger: &Ledger<'_>,
        clocks: &Clocks,
    ) -> Result<(), Finding> {
        let (Some(quiet), Some((granted_ns, ttl_s, record))) = (history.quiet(), self.logged_grant)
        else {
            return Ok(());
        };
        let from_ns = self.last_renewal_ns.max(granted_ns).max(quiet.since_ns);
        let over_ns = clocks.slowest_reaches_ns(from_ns, ttl_ns(ttl_s));
        if self.logged_end
            || ledger.log.is_empty()
            || history.end_ns() < over_ns.saturating_add(quiet.bound_ns)
        {
            return Ok(());
        }
        let text = format!(
            "lease {} of {ttl_s} s was last renewed before {} and has not ended at {}",
            self.id,
            seconds(from_ns),
            seconds(history.end_ns()),
        );
        Finding::err(text, [record])
    }
}

/// The keys of a lease go with it, all in one revision, and no key is attached to a lease that
/// does not exist. Needs a log that tells of leases.
fn check_keys(ledger: &Ledger<'_>) -> Result<(), Finding> {
    if ledger.log.iter().all(|entry| entry.leases.is_empty()) {
        return Ok(());
    }
    let mut state = State::default();
    let mut alive: BTreeMap<i64, usize> = BTreeMap::new();
    for entry in &ledger.log {
        let ended = entry.leases.iter().filter_map(|change| match change {
            LeaseChange::Ended { lease } => Some(*lease),
            _ => None,
        });
        for lease in ended {
            check_gone(&state, entry.events, lease, entry.record)?;
            alive.remove(&lease);
        }
        for event in entry.events {
            if let Event::Put { kv, .. } = event
                && kv.lease != 0
                && !alive.contains_key(&kv.lease)
            {
                let text = format!(
                    "{} was attached to lease {}, which is gone",
                    kv.key, kv.lease
                );
                return Finding::err(text, [entry.record]);
            }
        }
        for change in entry.leases {
            if let LeaseChange::Granted { lease, .. } = change {
                alive.insert(*lease, entry.record);
            }
        }
        state.apply(entry.events);
    }
    Ok(())
}

fn check_gone(before: &State, events: &[Event], lease: i64, record: usize) -> Result<(), Finding> {
    let deleted = |key: &Blob| {
        events
            .iter()
            .any(|event| matches!(event, Event::Delete { key: gone, .. } if gone == key))
    };
    match before.attached(lease).find(|kv| !deleted(&kv.key)) {
        None => Ok(()),
        Some(kv) => Finding::err(
            format!("lease {lease} ended without its key {}", kv.key),
            [record],
        ),
    }
}

/// No linearizable read finds a key of a lease that is known to be gone.
fn check_reads(
    operations: &[Operation<'_>],
    leases: &BTreeMap<i64, Lease<'_>>,
) -> Result<(), Finding> {
    for operation in operations
        .iter()
        .filter(|operation| operation.is_linearizable())
    {
        let (Request::Range(range), Some(Body::Range { kvs, .. })) =
            (operation.request, operation.body())
        else {
            continue;
        };
        for kv in kvs.iter().filter(|_| range.revision == 0) {
            let Some(lease) = leases.get(&kv.lease) else {
                continue;
            };
            let Some(end) = lease
                .ends
                .iter()
                .find(|end| end.by_ns < operation.invoke_ns)
            else {
                continue;
            };
            let text = format!(
                "op{} found {} with lease {}, which was gone at {}",
                operation.id,
                kv.key,
                kv.lease,
                seconds(end.by_ns),
            );
            return Finding::err(text, [&operation.records()[..], &end.records].concat());
        }
    }
    Ok(())
}

/// The lease that a request is about.
fn named(request: &Request) -> Option<i64> {
    match request {
        Request::LeaseGrant { lease, .. }
        | Request::LeaseRevoke(lease)
        | Request::LeaseKeepAlive(lease)
        | Request::LeaseTimeToLive(lease) => Some(*lease),
        Request::Put(put) if put.lease != 0 => Some(put.lease),
        _ => None,
    }
}

/// Whether an outcome says that the lease does not exist.
fn says_gone(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Ok(response) => matches!(
            response.body,
            Body::LeaseKeepAlive { ttl_s: ..=0 } | Body::LeaseTimeToLive { ttl_s: -1, .. }
        ),
        Outcome::Failed(text) => text.contains(reason::LEASE_NOT_FOUND),
        Outcome::Unknown(_) => false,
    }
}

fn ttl_ns(ttl_s: i64) -> u64 {
    u64::try_from(ttl_s)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
}
