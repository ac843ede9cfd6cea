//! What the benchmarks share: keys, a machine full of them, and how to measure. All of it is the
//! same on every run.

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use bytes::Bytes;
use criterion::{Bencher, Criterion};
use quorate_core::{
    Applied, Command, Entry, StateMachine, Valid,
    auth::Author,
    kv::{KeyRange, LeaseId},
    limits::COMPACT_STEP_KEYS,
    request::{PutRequest, RangeRequest},
    watch::CreateRequest,
};

/// Keys in a full machine, and leases in a full table.
pub(crate) const FULL: u64 = 1_000_000;

/// Keys of a hot set.
pub(crate) const HOT: u64 = 10_000;

/// Bytes of every value; a key has 16.
pub(crate) const VALUE_BYTES: usize = 256;

/// Entries that are made, beside the clock, before they are applied.
pub(crate) const BATCH: u64 = 10_000;

/// Criterion with times so short that all benchmarks together take a few minutes.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .without_plots()
        .sample_size(10)
        .nresamples(1_000)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}

/// Spreads a number over 64 bits, no two onto the same (SplitMix64).
pub(crate) fn scramble(number: u64) -> u64 {
    let mut word = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// Key number `number`: 16 bytes that look random.
pub(crate) fn key(number: u64) -> Bytes {
    let mut key = [0; 16];
    key[..8].copy_from_slice(&scramble(number).to_be_bytes());
    key[8..].copy_from_slice(&number.to_be_bytes());
    Bytes::copy_from_slice(&key)
}

/// A value of its own for every number.
pub(crate) fn value(number: u64) -> Bytes {
    let words = (0..VALUE_BYTES as u64 / 8).map(|word| scramble(number ^ (word << 40)));
    words.flat_map(u64::to_be_bytes).collect()
}

/// A lease id that looks random.
pub(crate) fn lease(number: u64) -> LeaseId {
    LeaseId::new(scramble(number).cast_signed() | 1 << 40).expect("a bit is set")
}

/// A sequence of numbers that look random.
pub(crate) struct Numbers(u64);

impl Numbers {
    /// A sequence; each `seed` has its own.
    pub(crate) fn new(seed: u64) -> Self {
        Self(scramble(seed))
    }

    /// The next number, below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(1);
        scramble(self.0) % end
    }
}

/// A put of key `number`.
pub(crate) fn put(number: u64) -> Command {
    let request = PutRequest::new(key(number), value(number));
    Command::Put(Valid::<PutRequest>::check(request).expect("a plain put is valid"))
}

/// A read of `range`.
pub(crate) fn read(range: KeyRange) -> Valid<RangeRequest> {
    Valid::<RangeRequest>::check(RangeRequest::new(range)).expect("a plain read is valid")
}

/// A state machine with its log.
#[derive(Default)]
pub(crate) struct Driver {
    pub(crate) machine: StateMachine,
    index: u64,
}

impl Driver {
    /// A machine with the keys of the numbers below `keys`, one version each.
    pub(crate) fn with_keys(keys: u64) -> Self {
        let mut driver = Self::default();
        (0..keys).for_each(|number| drop(driver.apply(put(number))));
        driver
    }

    /// [`Self::with_keys`] without history, as after a compaction.
    pub(crate) fn with_compacted_keys(keys: u64) -> Self {
        let mut driver = Self::with_keys(keys);
        driver.compact();
        driver
    }

    /// The next entry of the log.
    pub(crate) fn entry(&mut self, command: Command) -> Entry {
        self.index += 1;
        Entry {
            index: self.index,
            term: 1,
            time_ms: self.index,
            author: Author::Member,
            command,
        }
    }

    /// Applies a command, which must succeed.
    pub(crate) fn apply(&mut self, command: Command) -> Applied {
        let entry = self.entry(command);
        let applied = self.machine.apply(entry);
        assert!(applied.result.is_ok(), "{:?}", applied.result);
        applied
    }

    /// Removes all history, so that one measurement does not burden the next.
    pub(crate) fn compact(&mut self) {
        let revision = self.machine.revision();
        if revision > self.machine.compact_revision() {
            self.apply(Command::Compact { revision });
        }
        while self.machine.compact_step(COMPACT_STEP_KEYS) {}
    }

    /// Measures `run` over commands that `make` has made before.
    pub(crate) fn measure(
        &mut self,
        bencher: &mut Bencher<'_>,
        mut make: impl FnMut() -> Command,
        mut run: impl FnMut(&mut StateMachine, Entry),
    ) {
        bencher.iter_custom(|iterations| {
            let elapsed = in_batches(iterations, BATCH, |batch| {
                let entries: Vec<Entry> = (0..batch).map(|_| self.entry(make())).collect();
                time(|| {
                    for entry in entries {
                        run(&mut self.machine, entry);
                    }
                })
            });
            self.compact();
            elapsed
        });
    }

    /// Measures applying commands that `make` has made before, and forgetting what they answered.
    pub(crate) fn measure_apply(
        &mut self,
        bencher: &mut Bencher<'_>,
        make: impl FnMut() -> Command,
    ) {
        self.measure(bencher, make, |machine, entry| {
            black_box(machine.apply(entry));
        });
    }
}

/// Sums up `run` over `iterations`, up to `batch_max` at a time.
pub(crate) fn in_batches(
    iterations: u64,
    batch_max: u64,
    mut run: impl FnMut(u64) -> Duration,
) -> Duration {
    let mut elapsed = Duration::ZERO;
    let mut left = iterations;
    while left > 0 {
        let batch = left.min(batch_max);
        elapsed += run(batch);
        left -= batch;
    }
    elapsed
}

/// The time that `run` takes.
pub(crate) fn time(run: impl FnOnce()) -> Duration {
    let start = Instant::now();
    run();
    start.elapsed()
}

/// The time in the middle.
pub(crate) fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The longest of the times of some steps, each taken as the shortest over several passes that did
/// the same: what other programs on the machine took away is in one pass, not in all.
pub(crate) fn longest(passes: &[Vec<Duration>]) -> Duration {
    let steps = passes[0].len();
    assert!(
        passes.iter().all(|pass| pass.len() == steps),
        "passes are equal"
    );
    let shortest = |step| passes.iter().map(|pass| pass[step]).min();
    (0..steps)
        .filter_map(shortest)
        .max()
        .expect("a pass has steps")
}

/// A watch of new events, with nothing else asked for.
pub(crate) fn watch(range: KeyRange) -> CreateRequest {
    CreateRequest {
        range,
        start_revision: 0,
        progress_notify: false,
        no_put: false,
        no_delete: false,
        prev_kv: false,
        watch_id: 0,
        fragment: false,
    }
}
