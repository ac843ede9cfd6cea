//! Applying puts and publishing them, while other keys are watched and while the very keys are.

#[allow(dead_code, reason = "each benchmark uses a part")]
mod support;

use std::hint::black_box;

use criterion::{Bencher, Criterion, criterion_group, criterion_main};
use quorate_core::{
    Entry, StateMachine,
    kv::KeyRange,
    limits::WatchLimits,
    watch::{Hub, Poll, StreamId},
};
use support::{Driver, FULL, HOT, Numbers, in_batches, key, median, put, time, watch};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Watchers on a key of their own.
const KEY_WATCHERS: u64 = 100_000;

/// Watchers of intervals.
const RANGE_WATCHERS: u64 = 10_000;

/// Intervals that contain any one key.
const OVERLAP: u64 = 10;

/// Watchers on one stream.
const STREAM_WATCHERS: u64 = 1_000;

/// Entries between two times that the streams are read: so few that no watcher falls behind.
const UNREAD_MAX: u64 = 100;

/// A hub with watchers, and their streams.
struct Watched {
    hub: Hub,
    streams: Vec<StreamId>,
}

impl Watched {
    fn new(machine: &StateMachine, ranges: impl Iterator<Item = KeyRange>) -> Self {
        let revision = machine.revision();
        let mut watched = Self {
            hub: Hub::new(WatchLimits::default(), |_| 0, revision),
            streams: Vec::new(),
        };
        for (number, range) in (0..).zip(ranges) {
            if number % STREAM_WATCHERS == 0 {
                watched.streams.push(watched.hub.open());
            }
            let stream = *watched.streams.last().expect("one was opened");
            watched.hub.create(stream, watch(range), revision, -1);
            assert!(matches!(watched.hub.poll(stream), Poll::Response(_)));
        }
        watched
    }

    fn apply(&mut self, machine: &mut StateMachine, entry: Entry) {
        let applied = machine.apply(entry);
        black_box(self.hub.publish(applied.revision, &applied.events));
    }

    /// Reads all streams to their end.
    fn read(&mut self) {
        for stream in &self.streams {
            while !matches!(self.hub.poll(*stream), Poll::Empty) {}
        }
    }

    /// Measures [`Self::apply`] of puts. Streams are read beside the clock.
    fn measure(
        &mut self,
        bencher: &mut Bencher<'_>,
        driver: &mut Driver,
        mut number: impl FnMut() -> u64,
    ) {
        bencher.iter_custom(|iterations| {
            let elapsed = in_batches(iterations, UNREAD_MAX, |batch| {
                let entries: Vec<Entry> = (0..batch).map(|_| driver.entry(put(number()))).collect();
                let elapsed = time(|| {
                    for entry in entries {
                        self.apply(&mut driver.machine, entry);
                    }
                });
                self.read();
                elapsed
            });
            driver.compact();
            elapsed
        });
    }
}

/// One key each, of numbers from `first` on.
fn keys(first: u64) -> impl Iterator<Item = KeyRange> {
    (first..first + KEY_WATCHERS).map(|number| KeyRange::Key(key(number)))
}

/// Intervals that begin evenly spread over all keys, and overlap.
fn ranges() -> impl Iterator<Item = KeyRange> {
    let step = u64::MAX / RANGE_WATCHERS;
    (0..RANGE_WATCHERS).map(move |number| KeyRange::Range {
        start: (number * step).to_be_bytes().to_vec().into(),
        end: (number * step)
            .saturating_add(OVERLAP * step)
            .to_be_bytes()
            .to_vec()
            .into(),
    })
}

fn watched_keys(criterion: &mut Criterion) {
    let mut driver = Driver::with_compacted_keys(FULL);
    let mut numbers = Numbers::new(1);
    let mut group = criterion.benchmark_group("apply and publish at 1M keys");
    let mut watched = Watched::new(&driver.machine, std::iter::empty());
    group.bench_function("put, no watchers", |bencher| {
        watched.measure(bencher, &mut driver, || numbers.below(FULL));
    });
    let mut watched = Watched::new(&driver.machine, keys(FULL));
    group.bench_function("put, 100k watchers on other keys", |bencher| {
        watched.measure(bencher, &mut driver, || numbers.below(FULL));
    });
    let mut watched = Watched::new(&driver.machine, keys(0));
    group.bench_function("put, 100k watchers, 1 of this key", |bencher| {
        watched.measure(bencher, &mut driver, || numbers.below(KEY_WATCHERS));
    });
    let mut watched = Watched::new(&driver.machine, ranges());
    group.bench_function("put, 10k overlapping ranges, 10 with this key", |bencher| {
        watched.measure(bencher, &mut driver, || numbers.below(FULL));
    });
    group.finish();
    compare("at 1M random keys", &mut driver, FULL);
    compare("at 1M keys, on a hot set of 10k", &mut driver, HOT);
    compare("at 10k keys", &mut Driver::with_compacted_keys(HOT), HOT);
}

/// Prints what watchers on other keys cost. Takes turns between the two hubs, since two
/// measurements one after the other differ by more than that.
fn compare(what: &str, driver: &mut Driver, keys_end: u64) {
    let mut numbers = Numbers::new(2);
    let mut none = Watched::new(&driver.machine, std::iter::empty());
    let mut others = Watched::new(&driver.machine, keys(FULL));
    let mut times = [Vec::new(), Vec::new()];
    for round in 0..200 {
        let entries: Vec<Entry> = (0..1_000)
            .map(|_| driver.entry(put(numbers.below(keys_end))))
            .collect();
        let (timed, untimed) = if round % 2 == 0 {
            (&mut none, &mut others)
        } else {
            (&mut others, &mut none)
        };
        let mut published = Vec::with_capacity(entries.len());
        times[round % 2].push(time(|| {
            for entry in entries {
                let applied = driver.machine.apply(entry);
                black_box(timed.hub.publish(applied.revision, &applied.events));
                published.push(applied);
            }
        }));
        for applied in published {
            untimed.hub.publish(applied.revision, &applied.events);
        }
    }
    let [none, others] = times.map(|times| median(times) / 1_000);
    println!(
        "apply and publish a put {what}: {none:?} without watchers, {others:?} with 100k on other \
         keys, ratio {:.2}\n",
        others.as_secs_f64() / none.as_secs_f64(),
    );
    driver.compact();
}

criterion_group!(name = benches; config = support::criterion(); targets = watched_keys);
criterion_main!(benches);
