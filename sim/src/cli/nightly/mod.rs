//! Runs of seeds that nobody has seen, for a given time; and what is needed to work on each failure.

mod summary;

use std::{
    collections::BTreeSet,
    env, fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process::{self, Command},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use clap::Args;

use super::{
    Ending, Failure, Settings, at_path,
    cause::Cause,
    examine::Examinee,
    many::{self, Run, Verdict},
    say, shrink,
};
use crate::{mutants::Mutant, plan::Focus};
use summary::{Failed, Night};

/// Seeds that belong to each second. No machine uses them up, so no seed is ever used again.
const SEEDS_PER_SECOND: u64 = 1_000;

/// Failures whose plans and traces are kept; where there are more, most have the same cause, and
/// traces are long.
const KEPT: usize = 20;

/// Failures that are shrunk, each cause once before any is shrunk again.
const SHRUNK: usize = 5;

/// Runs handed out at once for each process. All of them are waited for, so that no seed that has
/// failed is forgotten when the time is over.
const RUNS_PER_JOB: u64 = 8;

/// What to run.
#[derive(Args)]
pub(super) struct NightlyArgs {
    /// How long to run; shrinking what fails comes on top.
    #[arg(long, default_value_t = 60.0, value_parser = shrink::minutes)]
    minutes: f64,
    /// The report's directory; below target/sim-nightly, called by its first seed, if not given.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// How long to shrink each of the first failures.
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0, value_parser = shrink::minutes)]
    shrink_minutes: f64,
    /// What the faults are drawn from.
    #[arg(long, value_enum, default_value_t)]
    focus: Focus,
    /// A bug to plant, to see a report with failures.
    #[arg(long, value_name = "NAME", value_parser = crate::mutants::parse)]
    mutant: Option<Mutant>,
    /// Most runs at once; as many as there are cores if not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Give a run up after this many seconds of real time.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    give_up_s: u64,
}

/// Runs fresh seeds until the time is over, and writes the report.
pub(super) fn nightly(args: &NightlyArgs) -> Result<Ending, Failure> {
    let first_seed = fresh_seed();
    let out = args
        .out
        .clone()
        .unwrap_or_else(|| Path::new("target/sim-nightly").join(first_seed.to_string()));
    let settings = Settings {
        out: out.join(format!("work-{}", process::id())),
        jobs: args.jobs,
        give_up_s: args.give_up_s,
    };
    fs::create_dir_all(&settings.out).map_err(at_path(&settings.out))?;
    say(&format!(
        "seeds from {first_seed} on, report in {}",
        out.display()
    ));
    let mut watch = Nightwatch {
        args,
        failures: out.join("failures"),
        settings,
        night: Night {
            commit: commit(),
            first_seed,
            ..Night::default()
        },
    };
    watch.run_all()?;
    watch.write(&out)?;
    for at in to_shrink(&watch.night.failures) {
        watch.shrink(at)?;
        // What is known is written down at once: a night may end early.
        watch.write(&out)?;
    }
    // Nothing in it is of use any more, and nothing depends on its being gone.
    let _ = fs::remove_dir_all(&watch.settings.out);
    let night = watch.night;
    say(night.summary().trim_end());
    Ok(Ending::found_if(!night.failures.is_empty()))
}

/// A seed that no run has had: those of a second that is past never come again.
fn fresh_seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap_or_default().as_secs() * SEEDS_PER_SECOND
}

/// The commit of the working directory.
fn commit() -> Option<String> {
    let git = Command::new("git")
        .args(["rev-parse", "HEAD"])
        .output()
        .ok()?;
    let name = String::from_utf8(git.stdout).ok()?;
    Some(name.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The failures that are worth the time: the first one of each cause, then the next ones.
fn to_shrink(failures: &[Failed]) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let kept = || (0..failures.len()).filter(|&at| failures[at].directory.is_some());
    let (mut first, again): (Vec<usize>, Vec<usize>) =
        kept().partition(|&at| seen.insert(&failures[at].cause));
    first.extend(again);
    first.truncate(SHRUNK);
    first
}

struct Nightwatch<'a> {
    args: &'a NightlyArgs,
    /// Where failures are kept.
    failures: PathBuf,
    /// With a directory for what runs leave.
    settings: Settings,
    night: Night,
}

impl Nightwatch<'_> {
    /// Runs one seed after the other until the time is over.
    fn run_all(&mut self) -> Result<(), Failure> {
        let (focus, mutant, settings) = (self.args.focus, self.args.mutant, self.settings.clone());
        let begin = Instant::now();
        let budget = Duration::from_secs_f64(self.args.minutes * 60.0);
        self.night.jobs = settings.jobs();
        let mut next = self.night.first_seed;
        while begin.elapsed() < budget {
            let seeds: Vec<u64> = (next..next + RUNS_PER_JOB * settings.jobs() as u64).collect();
            next += seeds.len() as u64;
            let runs: Vec<Run> = seeds
                .iter()
                .map(|&seed| Run::of_seed(seed, focus, mutant))
                .collect();
            let mut failure = None;
            let reached = many::each(&runs, &settings, |at, verdict, text| {
                if let Err(error) = self.note(seeds[at], verdict, text) {
                    failure = Some(error);
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
            failure.map_or(Ok(()), Err)?;
            self.night.coverage.add(reached);
            self.night.elapsed = begin.elapsed();
        }
        Ok(())
    }

    fn note(&mut self, seed: u64, verdict: Verdict, text: &str) -> Result<(), Failure> {
        let Verdict::Found(reason) = verdict else {
            self.night.well += 1;
            self.night.figures.add(text);
            return Ok(());
        };
        say(&reason);
        let failed = self.keep(seed, reason, text)?;
        self.night.failures.push(failed);
        Ok(())
    }

    /// Puts the files of a failed run where they belong, or removes them where there are enough.
    fn keep(&self, seed: u64, reason: String, text: &str) -> Result<Failed, Failure> {
        let examinee = Examinee::of_seed(seed, self.args.focus, self.args.mutant);
        let plan = self
            .settings
            .out
            .join(format!("{}.toml", examinee.file_name));
        let trace = plan.with_extension("trace");
        let mut failed = Failed {
            seed,
            cause: Cause::of(&reason),
            reason,
            directory: None,
            shrunk: Vec::new(),
            commands: Vec::new(),
        };
        if self.night.failures.len() >= KEPT {
            fs::remove_file(&plan).map_err(at_path(&plan))?;
            // A run that panicked has no trace.
            let _ = fs::remove_file(trace);
            return Ok(failed);
        }
        let directory = self.failures.join(format!("seed-{seed}"));
        fs::create_dir_all(&directory).map_err(at_path(&directory))?;
        let full = full_plan(&directory);
        fs::rename(&plan, &full).map_err(at_path(&plan))?;
        if trace.exists() {
            fs::rename(&trace, full.with_extension("trace")).map_err(at_path(&trace))?;
        }
        let verdict = directory.join("verdict.txt");
        fs::write(&verdict, format!("{text}\n")).map_err(at_path(&verdict))?;
        failed.commands.push(examinee.replay_command(&full));
        failed
            .commands
            .extend(draw(&full.with_extension("trace"), &directory));
        failed.directory = Some(directory);
        Ok(failed)
    }

    /// Shrinks the plan of a failure, runs the small one for its trace, and has that drawn instead.
    fn shrink(&mut self, at: usize) -> Result<(), Failure> {
        let Some(directory) = self.night.failures[at].directory.clone() else {
            return Ok(());
        };
        let (full, min) = (full_plan(&directory), directory.join("plan.min.toml"));
        let settings = Settings {
            out: self.settings.out.join("candidates"),
            ..self.settings.clone()
        };
        let budget = Duration::from_secs_f64(self.args.shrink_minutes * 60.0);
        let mutant = self.args.mutant;
        let shrunk = shrink::in_file(&full, mutant, budget, &settings, &min);
        let failed = &mut self.night.failures[at];
        match shrunk {
            Ok(lines) => {
                failed.shrunk = lines;
                let settings = Settings {
                    out: directory.clone(),
                    ..settings
                };
                let small = [Run::of_file(&min, mutant)];
                many::each(&small, &settings, |_, _, _| ControlFlow::Continue(()))?;
                draw(&min.with_extension("trace"), &directory);
            }
            // A plan that fails now and then would be a finding of its own.
            Err(failure) => failed.shrunk = vec![failure.to_string()],
        }
        Ok(())
    }

    fn write(&self, out: &Path) -> Result<(), Failure> {
        let path = out.join("summary.md");
        fs::write(&path, self.night.summary()).map_err(at_path(&path))
    }
}

fn full_plan(directory: &Path) -> PathBuf {
    directory.join("plan.full.toml")
}

/// Has a trace drawn, and says how to look at it. `None` where the run has left no trace.
fn draw(trace: &Path, directory: &Path) -> Option<String> {
    let page = directory.join("report.html");
    let drawn = Command::new(env::current_exe().ok()?)
        .arg("report")
        .arg(trace)
        .arg("--out")
        .arg(&page)
        .output();
    let drawn = drawn.is_ok_and(|output| output.status.code().is_some()) && page.exists();
    drawn.then(|| format!("xdg-open {}", page.display()))
}

#[cfg(test)]
mod tests {
    use super::{Failed, SEEDS_PER_SECOND, SHRUNK, fresh_seed, to_shrink};
    use crate::{cli::cause::Cause, plan::SEED_MAX};

    #[test]
    fn each_cause_is_shrunk_before_any_is_shrunk_again() {
        let failures: Vec<Failed> = [
            "watch", "watch", "watch", "watch", "watch", "lease", "lease",
        ]
        .iter()
        .zip(0..)
        .map(|(oracle, seed)| Failed {
            seed,
            cause: Cause::of(&format!("x  FAILED  {oracle}: why")),
            reason: String::new(),
            directory: (seed != 1).then(|| "kept".into()),
            shrunk: Vec::new(),
            commands: Vec::new(),
        })
        .collect();
        let chosen = to_shrink(&failures);
        assert_eq!(chosen, [0, 5, 2, 3, 4]);
        assert_eq!(chosen.len(), SHRUNK);
        assert_eq!(to_shrink(&failures[..1]), [0]);
    }

    #[test]
    fn seeds_are_fresh_and_sound() {
        let seed = fresh_seed();
        assert_eq!(seed % SEEDS_PER_SECOND, 0);
        assert!((1_700_000_000 * SEEDS_PER_SECOND..SEED_MAX / 1000).contains(&seed));
    }
}
