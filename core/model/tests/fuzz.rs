//! The fuzz targets on inputs that were of interest before, and for about a second each on random
//! ones. An input that fails is kept in the top-level `proptest-regressions/fuzz/`.

use std::{
    fs::{self, DirEntry},
    panic::{self, AssertUnwindSafe},
    path::{Path, PathBuf},
};

use quorate_model::fuzz::{APPLY, CHECKPOINT, COMMAND, Random, Target};

/// Bytes of a random input.
const RANDOM_BYTES_MAX: usize = 200;

/// Inputs out of one seed, each a mutation of the last that was accepted.
const MUTATIONS: usize = 8;

#[test]
fn log_entries() {
    run_all(&COMMAND, 4000);
}

#[test]
fn checkpoints() {
    run_all(&CHECKPOINT, 100);
}

#[test]
fn runs() {
    run_all(&APPLY, 100);
}

fn run_all(target: &Target, rounds: u64) {
    for (path, input) in kept(target) {
        println!("{}", path.display());
        (target.run)(&input);
    }
    let (mut accepted, mut total) = (0, 0);
    for round in 0..rounds {
        let random = &mut Random::new(round);
        let length = random.below(RANDOM_BYTES_MAX);
        run(target, &random.bytes(length));
        let mut input = (target.seed)(random);
        assert!(run(target, &input), "seed {round} is accepted");
        for _ in 0..MUTATIONS {
            let mut mutated = input.clone();
            target.mutate(&mut mutated, random);
            total += 1;
            if run(target, &mutated) {
                accepted += 1;
                input = mutated;
            }
        }
    }
    println!("{accepted} of {total} mutated inputs were accepted");
    assert!(accepted * 20 > total, "most mutations lead nowhere");
}

/// Keeps the input if it fails.
fn run(target: &Target, input: &[u8]) -> bool {
    let outcome = panic::catch_unwind(AssertUnwindSafe(|| (target.run)(input)));
    outcome.unwrap_or_else(|cause| {
        let name = format!("{:08x}", crc32c::crc32c(input));
        let path = directory(target).join(name);
        fs::create_dir_all(directory(target)).expect("the directory can be made");
        fs::write(&path, input).expect("the input can be written");
        eprintln!("the input is kept: {}", path.display());
        panic::resume_unwind(cause)
    })
}

/// The inputs of the directory, by name.
fn kept(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let entries = fs::read_dir(directory(target)).expect("there are kept inputs");
    let path = |entry: Result<DirEntry, _>| entry.expect("the directory can be read").path();
    let mut paths: Vec<PathBuf> = entries.map(path).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let input = fs::read(&path).expect("the input can be read");
        (path, input)
    };
    paths.into_iter().map(read).collect()
}

fn directory(target: &Target) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    root.join("proptest-regressions/fuzz").join(target.name)
}
