//! A run as a page for a browser.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use super::{
    Ending, Failure, at_path,
    examine::{Examinee, carry_out},
    say, seed,
};
use crate::{
    history::History,
    mutants::Mutant,
    plan::{Focus, Plan},
    report::{self, About},
    run::{Recording, RunError, RunResult},
};

#[derive(Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    source: Source,
    /// What the faults of a generated plan are drawn from.
    #[arg(long, value_enum, default_value_t, requires = "seed")]
    focus: Focus,
    /// A bug to plant.
    #[arg(long, value_name = "NAME", value_parser = crate::mutants::parse, conflicts_with = "trace")]
    mutant: Option<Mutant>,
    /// The file to write; beside the trace or the saved plan, or in target/sim-out, if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
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
    /// The trace of a run, from a simulation or from a real cluster.
    trace: Option<PathBuf>,
}

/// Where pages go that have no place of their own.
const OUT: &str = "target/sim-out";

/// Carries the plan out where there is no trace yet, and writes the page.
pub(super) fn report(args: ReportArgs) -> Result<Ending, Failure> {
    let Source { seed, plan, trace } = args.source;
    let (about, history, place) = match (seed, plan, trace) {
        (_, _, Some(trace)) => of_trace(trace)?,
        (_, Some(plan), _) => {
            let examinee = Examinee::of_file(&plan, args.mutant)?;
            let command = examinee.replay_command(&plan);
            of_plan(&examinee, command, plan)?
        }
        (seed, ..) => {
            let seed = seed.expect("clap requires exactly one source");
            let examinee = Examinee::of_seed(seed, args.focus, args.mutant);
            let command = seed_command(&examinee, seed, args.focus);
            let place = Path::new(OUT).join(&examinee.file_name);
            of_plan(&examinee, command, place)?
        }
    };
    let out = args.out.unwrap_or_else(|| place.with_extension("html"));
    if let Some(directory) = out.parent() {
        fs::create_dir_all(directory).map_err(at_path(directory))?;
    }
    let page = report::page(&about, &history);
    fs::write(&out, &page).map_err(at_path(&out))?;
    say(&format!(
        "{}: {} records, {} KiB",
        out.display(),
        history.records().len(),
        page.len().div_ceil(1024),
    ));
    Ok(Ending::Well)
}

type Subject = (About, History, PathBuf);

/// A trace knows neither its seed nor its plan; a failed run leaves its plan beside it.
fn of_trace(path: PathBuf) -> Result<Subject, Failure> {
    let history = super::check::read(&path)?;
    let beside = path.with_extension("toml");
    let plan: Option<Plan> = fs::read_to_string(&beside)
        .ok()
        .and_then(|text| text.parse().ok());
    let command = match &plan {
        Some(_) => format!("cargo sim run --plan {}", beside.display()),
        None => format!("cargo sim check {}", path.display()),
    };
    let about = About {
        title: path.display().to_string(),
        seed: plan.map(|plan| plan.seed),
        command,
        panic: None,
    };
    Ok((about, history, path))
}

fn of_plan(examinee: &Examinee, command: String, place: PathBuf) -> Result<Subject, Failure> {
    let run = |plan: &Plan, mutant| -> Result<RunResult, RunError> {
        crate::run::run_recording(plan, mutant, Recording { messages: true })
    };
    let (history, panic) = match carry_out(&examinee.plan, examinee.mutant, run) {
        Ok(result) => (result?.history, None),
        Err(panic) => (History::new(), Some(panic)),
    };
    let about = About {
        title: examinee.title.clone(),
        seed: Some(examinee.plan.seed),
        command,
        panic,
    };
    Ok((about, history, place))
}

fn seed_command(examinee: &Examinee, seed: u64, focus: Focus) -> String {
    let mut command = format!("cargo sim run --seed {seed}");
    if focus != Focus::default() {
        command += &format!(" --focus {}", super::flag_value(focus));
    }
    if let Some(mutant) = examinee.mutant {
        command += &format!(" --mutant {}", mutant.name());
    }
    command
}
