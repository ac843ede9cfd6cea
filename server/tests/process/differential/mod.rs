//! Random scripts on Quorate and on the real etcd, which must answer every step alike.
//!
//! `QUORATE_DIFFERENTIAL_SEEDS=FIRST..LAST` chooses seeds (the last one included), and
//! `QUORATE_DIFFERENTIAL_STEPS=N` how long a script is; by default as many seeds from 1 on are run
//! as there is time for. A difference is not tried again: it is shrunk and printed as a scenario.
//! `ci/differential` runs many.

mod pair;

use std::{
    env, fmt,
    io::{self, Write as _},
    ops::RangeInclusive,
    path::Path,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use quorate_tests::{
    differential::{generate, shrink},
    scenario::{Step, replay, write_script},
};

use crate::{
    grpc::{GrpcExecutor, Program},
    harness::{Peers, in_directory, peers},
};
use pair::{Difference, Pair};

/// No further seed is begun after this time, where none are asked for.
const TIME: Duration = Duration::from_secs(30);

/// Steps of a script, where it is not said.
const STEPS: usize = 2_000;

/// Seeds that run at the same time.
const AT_ONCE: usize = 4;

/// A difference that takes longer to shrink is shown as short as it is by then.
const SHRINK_TIME: Duration = Duration::from_secs(240);

/// A difference that is printed as short as it can be made.
const SHRUNK_MAX: usize = 3;

/// What is to be run.
struct Plan {
    seeds: RangeInclusive<u64>,
    steps: usize,
    until: Option<Instant>,
}

impl Plan {
    fn from_environment() -> Self {
        let steps = env::var("QUORATE_DIFFERENTIAL_STEPS").ok();
        let steps = steps.map(|steps| steps.parse().expect("a number of steps"));
        let asked = env::var("QUORATE_DIFFERENTIAL_SEEDS").ok();
        let seeds = asked.as_deref().map(|seeds| {
            let (first, last) = seeds.split_once("..").unwrap_or((seeds, seeds));
            let seed = |text: &str| text.parse::<u64>().expect("seeds are FIRST..LAST");
            seed(first)..=seed(last)
        });
        Self {
            until: seeds.is_none().then(|| Instant::now() + TIME),
            seeds: seeds.unwrap_or(1..=u64::MAX),
            steps: steps.unwrap_or(STEPS),
        }
    }
}

/// What has come out.
#[derive(Default)]
struct Tally {
    seeds: Vec<u64>,
    steps: usize,
    differences: Vec<(u64, Difference)>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (self.seeds.iter().min(), self.seeds.iter().max());
        let (first, last) = (first.unwrap_or(&0), last.unwrap_or(&0));
        let (count, steps) = (self.seeds.len(), self.steps);
        write!(f, "{count} seeds ({first} to {last}), {steps} steps, ")?;
        write!(f, "{} differences", self.differences.len())?;
        let seeds = self.differences.iter().map(|(seed, _)| seed);
        seeds.clone().try_for_each(|seed| write!(f, " {seed}"))
    }
}

#[test]
fn random_scripts_are_answered_as_etcd_answers_them() {
    let Some(peers) = peers() else { return };
    let plan = Plan::from_environment();
    let started = Instant::now();
    in_directory(|directory| {
        let tally = run(&plan, &peers, directory);
        let seconds = started.elapsed().as_secs();
        // Past the capture of the test's output.
        let _ = writeln!(io::stderr(), "differential: {tally}, in {seconds} s");
        // Before it is shrunk, which takes long and may lead elsewhere.
        for (seed, found) in &tally.differences {
            let (at, step) = (found.at, write_script(std::slice::from_ref(&found.step)));
            let (quorate, etcd) = (&found.quorate, &found.etcd);
            let text = format!("seed {seed}, step {at}: {step} Quorate: {quorate}\n etcd: {etcd}");
            let _ = writeln!(io::stderr(), "{text}");
        }
        let shown = tally.differences.iter().take(SHRUNK_MAX);
        let shown = shown
            .map(|(seed, difference)| explain(*seed, difference, plan.steps, &peers, directory));
        let shown: Vec<String> = shown.collect();
        assert!(shown.is_empty(), "\n{}", shown.join("\n"));
    });
}

fn run(plan: &Plan, peers: &Peers, directory: &Path) -> Tally {
    let next = AtomicU64::new(*plan.seeds.start());
    let tally = Mutex::new(Tally::default());
    let is_over = || plan.until.is_some_and(|until| Instant::now() > until);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while !is_over() {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > *plan.seeds.end() {
                        break;
                    }
                    let script = generate(seed, plan.steps);
                    let place = directory.join(format!("seed-{seed}"));
                    let difference = difference(&script, peers, &place);
                    let mut tally = tally.lock().expect("no panic");
                    tally.seeds.push(seed);
                    tally.steps += difference.as_ref().map_or(script.len(), |found| found.at);
                    tally
                        .differences
                        .extend(difference.map(|found| (seed, found)));
                }
            });
        }
    });
    let mut tally = tally.into_inner().expect("no panic");
    tally.differences.sort_by_key(|(seed, _)| *seed);
    tally
}

/// Runs a script on servers of its own, whose directories are removed unless it shows something.
fn difference(script: &[Step], peers: &Peers, place: &Path) -> Option<Difference> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let run = async {
        let mut pair = Pair::start(peers, place).await;
        pair.run(script).await
    };
    let difference = runtime.expect("a runtime").block_on(run).err();
    if difference.is_none() {
        std::fs::remove_dir_all(place).expect("both servers are gone");
    }
    difference
}

/// The shortest script that shows a difference, as a scenario with etcd's answers.
fn explain(seed: u64, found: &Difference, steps: usize, peers: &Peers, directory: &Path) -> String {
    let mut script = generate(seed, steps);
    script.truncate(found.at + 1);
    let began = Instant::now();
    let mut attempts = 0;
    let mut shown = format!(" Quorate: {}\n etcd: {}\n", found.quorate, found.etcd);
    let shrunk = shrink(script, |candidate| {
        if began.elapsed() > SHRINK_TIME {
            return None;
        }
        attempts += 1;
        let place = directory.join(format!("shrink-{seed}-{attempts}"));
        let again = difference(candidate, peers, &place)?;
        let steps = again.is_like(found).then_some(again.at + 1)?;
        shown = format!(" Quorate: {}\n etcd: {}\n", again.quorate, again.etcd);
        Some(steps)
    });
    let etcd = Program::Etcd(peers.clone());
    let place = directory.join(format!("explain-{seed}"));
    let start = |settings: &_| GrpcExecutor::start(&etcd, &place, settings);
    let scenario = replay(&write_script(&shrunk), start);
    let scenario = scenario.unwrap_or_else(|fault| panic!("the script is no scenario: {fault:?}"));
    format!(
        "seed {seed}, step {}: answered differently; {} steps show it, as etcd answers them:\n\
         {scenario}\nthe last one:\n{shown}",
        found.at,
        shrunk.len()
    )
}
