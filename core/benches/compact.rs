//! The longest single call while a million revisions are compacted.

#[allow(dead_code, reason = "each benchmark uses a part")]
mod support;

use std::{hint::black_box, time::Duration};

use quorate_core::{Command, limits::COMPACT_STEP_KEYS};
use support::{Driver, Numbers, longest, median, put, time};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Revisions to compact.
const REVISIONS: u64 = 1_000_000;

/// Keys that they are spread over.
const KEYS: u64 = 100_000;

fn main() {
    for (what, is_read) in [("", false), (" while views are held", true)] {
        let passes: Vec<Pass> = (0..3).map(|_| Pass::run(is_read)).collect();
        let steps: Vec<_> = passes.iter().map(|pass| pass.steps.clone()).collect();
        let puts: Vec<_> = passes.iter().map(|pass| pass.puts.clone()).collect();
        let compact = passes.iter().map(|pass| pass.compact).min();
        println!(
            "compaction of 1M revisions{what}: the command {:?}; {} steps, median {:?}, longest \
             {:?}; a put after each, median {:?}, longest {:?}",
            compact.expect("there are passes"),
            steps[0].len(),
            median(steps[0].clone()),
            longest(&steps),
            median(puts[0].clone()),
            longest(&puts),
        );
    }
}

/// How long everything took.
struct Pass {
    compact: Duration,
    steps: Vec<Duration>,
    puts: Vec<Duration>,
}

impl Pass {
    fn run(is_read: bool) -> Self {
        let mut driver = Driver::default();
        let mut numbers = Numbers::new(1);
        (0..REVISIONS).for_each(|_| drop(driver.apply(put(numbers.below(KEYS)))));

        let revision = driver.machine.revision();
        let entry = driver.entry(Command::Compact { revision });
        let compact = time(|| drop(black_box(driver.machine.apply(entry))));
        let mut pass = Self {
            compact,
            steps: Vec::new(),
            puts: Vec::new(),
        };
        let mut is_left = true;
        while is_left {
            let entry = driver.entry(put(numbers.below(KEYS)));
            let view = is_read.then(|| driver.machine.view());
            let machine = &mut driver.machine;
            pass.steps
                .push(time(|| is_left = machine.compact_step(COMPACT_STEP_KEYS)));
            pass.puts
                .push(time(|| drop(black_box(machine.apply(entry)))));
            drop(view);
        }
        pass
    }
}
