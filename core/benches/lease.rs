//! Leases, a million of them: grant, renewal, expiry.

#[allow(dead_code, reason = "each benchmark uses a part")]
mod support;

use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use quorate_core::{
    Command, LeaseChange,
    kv::LeaseId,
    lease::{KeepAlive, LeaseKeeper},
    limits::LEASE_BATCH_MAX,
};
use support::{BATCH, Driver, FULL, in_batches, lease, longest, median, time};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Time to live of most leases, seconds; they are never due here.
const LONG_S: i64 = 1_000_000;

/// Time to live of the leases that expire, seconds.
const SHORT_S: i64 = 10;

/// Leases that expire.
const DUE: u64 = 10_000;

/// A machine with leases, and the leader's keeper of them.
struct Leased {
    driver: Driver,
    keeper: LeaseKeeper,
}

impl Leased {
    /// With the leases of the numbers below `leases`.
    fn new(leases: u64) -> Self {
        let mut leased = Self {
            driver: Driver::default(),
            keeper: LeaseKeeper::default(),
        };
        (0..leases).for_each(|number| leased.apply(grant(number, LONG_S)));
        leased
    }

    /// Applies a command, on both.
    fn apply(&mut self, command: Command) {
        let applied = self.driver.apply(command);
        for change in &applied.lease_changes {
            self.keeper.apply(change, applied.time_ms);
        }
    }
}

fn grant(number: u64, ttl_s: i64) -> Command {
    Command::LeaseGrant {
        id: lease(number),
        ttl_s,
    }
}

fn grants(criterion: &mut Criterion) {
    let mut leased = Leased::new(FULL);
    let mut next = FULL;
    let mut group = criterion.benchmark_group("leases at 1M");
    group.bench_function("grant", |bencher| {
        bencher.iter_custom(|iterations| {
            let first = next;
            let elapsed = in_batches(iterations, BATCH, |batch| {
                let commands: Vec<Command> = (next..next + batch)
                    .map(|number| grant(number, LONG_S))
                    .collect();
                next += batch;
                time(|| {
                    commands
                        .into_iter()
                        .for_each(|command| leased.apply(command))
                })
            });
            let granted = (first..next).map(lease);
            granted.for_each(|id| leased.apply(Command::LeaseRevoke { id }));
            elapsed
        });
    });
    group.finish();
}

/// Each lease is kept alive every third of its time to live, which is so rarely that all of these
/// keep-alives are queued to be replicated. That happens beside the clock.
fn renewals(criterion: &mut Criterion) {
    let (ttl_s, interval_ms) = (60, 20_000);
    // In turn, so that each one's last renewal is always one interval old.
    let turn_ms = |number: u64| number / (FULL / interval_ms);
    let leases = (0..FULL).map(|number| (lease(number), ttl_s, turn_ms(number)));
    let mut keeper = LeaseKeeper::take_over(leases, interval_ms, 0);
    let mut now_ms = interval_ms;
    let mut next = 0;
    let mut group = criterion.benchmark_group("leases at 1M");
    group.bench_function("keep alive", |bencher| {
        bencher.iter_custom(|iterations| {
            in_batches(iterations, BATCH, |batch| {
                let numbers = (next..next + batch).map(|number| number % FULL);
                let ids: Vec<LeaseId> = numbers.map(lease).collect();
                next += batch;
                let elapsed = time(|| {
                    for (number, id) in (next - batch..).zip(ids) {
                        now_ms = interval_ms + turn_ms(number);
                        let answer = keeper.keep_alive(id, now_ms);
                        assert_eq!(answer, KeepAlive::Renewed { ttl_s });
                    }
                });
                replicate(&mut keeper, now_ms);
                elapsed
            })
        });
    });
    group.finish();
}

/// Makes all answered keep-alives durable.
fn replicate(keeper: &mut LeaseKeeper, now_ms: u64) {
    loop {
        let batch = keeper.poll_renewals(LEASE_BATCH_MAX);
        if batch.is_empty() {
            return;
        }
        for renewal in batch {
            let change = LeaseChange::Renewed {
                id: renewal.id,
                renewed_at_ms: renewal.renewed_at_ms,
            };
            keeper.apply(&change, now_ms);
        }
    }
}

/// Lets 10,000 leases among a million fall due at once, and prints how long it takes until all
/// have ended: polls of the keeper, batches applied on the machine and in the keeper.
fn expiries(_: &mut Criterion) {
    let mut leased = Leased::new(FULL - DUE);
    let mut numbers = FULL..;
    let passes: Vec<Vec<Duration>> = (0..11).map(|_| expire(&mut leased, &mut numbers)).collect();
    let totals: Vec<Duration> = passes.iter().map(|batches| batches.iter().sum()).collect();
    println!(
        "leases at 1M/expire 10,000 that are due: {:?}, in {} batches, the longest {:?}\n",
        median(totals),
        passes[0].len(),
        longest(&passes),
    );
}

/// The time that each batch takes.
fn expire(leased: &mut Leased, numbers: &mut impl Iterator<Item = u64>) -> Vec<Duration> {
    let due = numbers.take(DUE as usize);
    due.for_each(|number| leased.apply(grant(number, SHORT_S)));
    let now_ms = leased.driver.machine.time_ms() + 1_000 * SHORT_S.unsigned_abs();
    let mut times = Vec::new();
    loop {
        let start = Instant::now();
        let ids = leased.keeper.poll_expired(now_ms, LEASE_BATCH_MAX);
        if ids.is_empty() {
            break;
        }
        leased.apply(Command::LeaseExpire { term: 1, ids });
        times.push(start.elapsed());
    }
    times
}

criterion_group!(name = benches; config = support::criterion(); targets = grants, renewals, expiries);
criterion_main!(benches);
