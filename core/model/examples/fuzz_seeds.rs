//! Writes inputs for a fuzz target to begin with: `fuzz_seeds TARGET DIRECTORY`.

use std::{env, fs, path::Path, process::ExitCode};

use quorate_model::fuzz::{Random, TARGETS};

const SEEDS: u64 = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [name, directory] = &arguments[..] else {
        return fail("usage: fuzz_seeds TARGET DIRECTORY");
    };
    let Some(target) = TARGETS.into_iter().find(|target| target.name == name) else {
        return fail(&format!("there is no target {name}"));
    };
    for seed in 0..SEEDS {
        let input = (target.seed)(&mut Random::new(seed));
        let path = Path::new(directory).join(format!("seed-{seed:03}"));
        if let Err(error) = fs::write(&path, input) {
            return fail(&format!("{} cannot be written: {error}", path.display()));
        }
    }
    ExitCode::SUCCESS
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("{reason}");
    ExitCode::FAILURE
}
