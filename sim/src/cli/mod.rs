//! The command line.
//!
//! Exit codes: 0 all is well, 1 something was found, 2 the command could not be carried out.

mod cause;
mod check;
mod children;
mod coverage;
mod determinism;
mod examine;
mod keep;
mod many;
mod mutants;
mod nightly;
mod replay;
mod report;
mod seeds;
mod shrink;
mod step;

use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::{
    mutants::Mutant,
    plan::{Focus, Plan, ReadError, SEED_MAX},
    run::{Recording, run_recording},
};
use seeds::Seeds;

/// Deterministic simulation of Quorate clusters.
#[derive(Parser)]
#[command(name = "cargo sim", bin_name = "cargo sim")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Carry out plans and judge what happened.
    Run(RunArgs),
    /// Print the plan of a seed.
    Plan {
        /// The seed.
        #[arg(long, value_parser = seed())]
        seed: u64,
        /// What the faults are drawn from.
        #[arg(long, value_enum, default_value_t)]
        focus: Focus,
    },
    /// Run each seed in two processes and compare the whole traces.
    Determinism {
        /// The seeds, both ends included.
        #[arg(long, value_name = "A..B")]
        seeds: Seeds,
        /// Record the messages between members, too.
        #[arg(long)]
        messages: bool,
        #[command(flatten)]
        settings: Settings,
    },
    /// Plant known bugs, and see that each is found.
    Mutants {
        /// Their names; all if none are given.
        #[arg(value_parser = crate::mutants::parse)]
        mutants: Vec<Mutant>,
        /// Most seeds to try for each bug, both ends included.
        #[arg(long, value_name = "A..B", default_value = "1..200")]
        seeds: Seeds,
        /// Hunt each bug so often, with other seeds each time, and tell the median.
        #[arg(long, value_name = "N", default_value_t = 1)]
        samples: u64,
        /// Shrink each plan that has caught a bug for so long, and tell which faults it takes.
        #[arg(long, value_name = "MINUTES", value_parser = shrink::minutes)]
        faults: Option<f64>,
        #[command(flatten)]
        settings: Settings,
    },
    /// Run seeds that nobody has seen, for a given time, and report on what fails.
    Nightly(nightly::NightlyArgs),
    /// Keep a plan that failed, and why, among those that are run again for ever.
    Keep(keep::KeepArgs),
    /// Run every plan of a directory: DIRECTORY/NAME/plan.toml, as in ci/seeds, and DIRECTORY/*.toml.
    Replay {
        /// The directory.
        directory: PathBuf,
        #[command(flatten)]
        settings: Settings,
    },
    /// Make a failing plan as small as possible while the same oracle rejects it.
    Shrink(shrink::ShrinkArgs),
    /// Judge a saved trace, from a simulation or from a real cluster.
    Check {
        /// The trace.
        trace: PathBuf,
    },
    /// Write a run as a page for a browser.
    Report(report::ReportArgs),
    /// Walk through a saved trace by commands from standard input; `help` lists them.
    Step {
        /// The trace.
        trace: PathBuf,
    },
}

#[derive(Args)]
struct RunArgs {
    #[command(flatten)]
    source: Source,
    /// What the faults of a generated plan are drawn from.
    #[arg(long, value_enum, default_value_t, conflicts_with = "plan")]
    focus: Focus,
    /// A bug to plant.
    #[arg(long, value_name = "NAME", value_parser = crate::mutants::parse)]
    mutant: Option<Mutant>,
    /// Record the messages between members, too.
    #[arg(long, conflicts_with = "seeds")]
    messages: bool,
    /// Tell what the runs came to: points of the product, faults, operations.
    #[arg(long)]
    coverage: bool,
    /// Write the trace to this file, whatever the verdict. For a single run.
    #[arg(long, value_name = "FILE", conflicts_with = "seeds")]
    trace: Option<PathBuf>,
    #[command(flatten)]
    settings: Settings,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Generate the plan of this seed and run it.
    #[arg(long, value_parser = seed())]
    seed: Option<u64>,
    /// Run a saved plan.
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    /// Run each of these seeds, both ends included, in a process of its own.
    #[arg(long, value_name = "A..B")]
    seeds: Option<Seeds>,
}

/// What all runs share.
#[derive(Args, Clone)]
struct Settings {
    /// Where plans and traces of failed runs go.
    #[arg(long, value_name = "DIR", default_value = "target/sim-out")]
    out: PathBuf,
    /// Most runs at once; as many as there are cores if not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Give a run up after this many seconds of real time.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    give_up_s: u64,
}

impl Settings {
    fn jobs(&self) -> usize {
        let cores = || std::thread::available_parallelism().map_or(1, usize::from);
        self.jobs.unwrap_or_else(cores).max(1)
    }

    fn give_up(&self) -> Duration {
        Duration::from_secs(self.give_up_s)
    }
}

fn seed() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(0..=SEED_MAX)
}

/// How a command ended where it could be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Nothing was found.
    Well,
    /// Something was found.
    Found,
}

impl Ending {
    fn found_if(found: bool) -> Self {
        if found { Self::Found } else { Self::Well }
    }
}

/// Exit code where something was found.
const FOUND: u8 = 1;

/// Exit code where the command could not be carried out.
const USELESS: u8 = 2;

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{}: {error}", .path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: {error}", .path.display())]
    Plan { path: PathBuf, error: ReadError },
    #[error("{}: {error}", .path.display())]
    Trace {
        path: PathBuf,
        error: crate::history::text::ParseError,
    },
    #[error(transparent)]
    Run(#[from] crate::run::RunError),
    #[error("cannot start a process: {0}")]
    Process(io::Error),
    #[error("{0}")]
    Child(String),
    #[error("{}: the small plan would replace the big one", .0.display())]
    Overwrites(PathBuf),
    #[error("{}: the plan does not fail, so there is nothing to shrink", .0.display())]
    DoesNotFail(PathBuf),
}

/// For `map_err`: an error about a file.
fn at_path(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::File {
        path: path.into(),
        error,
    }
}

/// Reads the arguments and carries the command out.
pub fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(Ending::Well) => ExitCode::SUCCESS,
        Ok(Ending::Found) => ExitCode::from(FOUND),
        Err(failure) => {
            let _ = writeln!(io::stderr(), "error: {failure}");
            ExitCode::from(USELESS)
        }
    }
}

fn dispatch(command: Command) -> Result<Ending, Failure> {
    match command {
        Command::Run(args) => run(args),
        Command::Plan { seed, focus } => {
            say(Plan::generate(seed, focus).to_string().trim_end());
            Ok(Ending::Well)
        }
        Command::Mutants {
            mutants,
            seeds,
            samples,
            faults,
            settings,
        } => {
            let minutes = |minutes: f64| Duration::from_secs_f64(minutes * 60.0);
            let hunt = mutants::Hunt {
                mutants,
                seeds,
                samples,
                shrink: faults.map(minutes),
            };
            mutants::mutants(&hunt, &settings)
        }
        Command::Nightly(args) => nightly::nightly(&args),
        Command::Keep(args) => {
            let plan = keep::keep(&args)?;
            say(&format!("replay: cargo sim run --plan {}", plan.display()));
            Ok(Ending::Well)
        }
        Command::Determinism {
            seeds,
            messages,
            settings,
        } => determinism::determinism(seeds, messages, &settings),
        Command::Replay {
            directory,
            settings,
        } => replay::replay(&directory, &settings),
        Command::Shrink(args) => shrink::command(args),
        Command::Check { trace } => check::check(&trace),
        Command::Report(args) => report::report(args),
        Command::Step { trace } => step::step(&trace),
    }
}

fn run(args: RunArgs) -> Result<Ending, Failure> {
    let RunArgs {
        source,
        focus,
        mutant,
        messages,
        coverage,
        trace,
        settings,
    } = args;
    let examinee = match (source.seeds, source.plan, source.seed) {
        (Some(seeds), ..) => {
            let run = |seed| many::Run::of_seed(seed, focus, mutant);
            let runs: Vec<_> = seeds.iter().map(run).collect();
            let (ending, reached) = many::run(&runs, &settings)?;
            say(&reached.points());
            if coverage {
                say(&reached.tables());
            }
            return Ok(ending);
        }
        (_, Some(path), _) => examine::Examinee::of_file(&path, mutant)?,
        (_, _, seed) => {
            let seed = seed.expect("clap requires exactly one source");
            examine::Examinee::of_seed(seed, focus, mutant)
        }
    };
    let run = |plan: &Plan, mutant| run_recording(plan, mutant, Recording { messages });
    let report = examinee.examine(trace.as_deref(), &settings.out, run)?;
    say(&report.text);
    if let Some(reached) = report.coverage.filter(|_| coverage) {
        say(&reached.line());
    }
    Ok(report.ending)
}

/// Prints a line. Where nobody reads on, as behind `| head`, the exit code still tells.
fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// The name of a value as it is written on the command line.
fn flag_value<T: ValueEnum>(value: T) -> String {
    let value = value
        .to_possible_value()
        .expect("no value is hidden from the command line");
    value.get_name().to_owned()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::Cli;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_run_has_exactly_one_source() {
        let parses = |line: &str| Cli::try_parse_from(line.split(' ')).is_ok();
        assert!(parses("sim run --seed 7"));
        assert!(parses(
            "sim run --seeds 1..200 --focus crashes --mutant leader-restore"
        ));
        assert!(parses("sim run --plan x.toml --trace x.trace"));
        assert!(!parses("sim run"));
        assert!(!parses("sim run --seed 7 --seeds 1..2"));
        assert!(!parses("sim run --seed 7 --plan x.toml"));
        assert!(!parses("sim run --seed -1"));
        assert!(!parses("sim run --seed 9223372036854775808"));
    }
}
