//! A failing plan made small: each candidate is carried out in a process of its own.

use std::{
    env, fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    process,
    time::{Duration, Instant},
};

use clap::Args;

use super::{
    Ending, Failure, Settings, at_path,
    cause::Cause,
    examine::Examinee,
    many::{self, Run, Verdict},
    say,
};
use crate::{
    mutants::Mutant,
    plan::Plan,
    shrink::{Quiet, Size, Tried, shrink},
};

/// A candidate may take so many times as long as the plan that is shrunk, and a bit, before it is
/// given up: what takes longer is no simpler.
const SLOWER: u64 = 10;
const A_BIT_S: u64 = 10;

/// The oracle whose verdict is about the length of the quiet.
const CONVERGENCE: &str = "convergence";

/// What is to be shrunk.
#[derive(Args)]
pub(super) struct ShrinkArgs {
    /// The plan, which must fail.
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    /// The bug to plant.
    #[arg(long, value_name = "NAME", value_parser = crate::mutants::parse)]
    mutant: Option<Mutant>,
    /// How long to try.
    #[arg(long, default_value_t = 5.0, value_parser = minutes)]
    minutes: f64,
    /// Where the small plan goes; beside the big one, as *.min.toml, if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Most runs at once; as many as there are cores if not given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Give a run up after this many seconds of real time; few, where the plan fails since it hangs.
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    give_up_s: u64,
}

/// A length of time above nothing, in minutes.
pub(super) fn minutes(text: &str) -> Result<f64, String> {
    let refuse = || format!("`{text}` is no number of minutes");
    let minutes: f64 = text.parse().map_err(|_| refuse())?;
    Some(minutes)
        .filter(|minutes| *minutes > 0.0 && *minutes < 1e6)
        .ok_or_else(refuse)
}

/// Shrinks the plan in a file.
pub(super) fn command(args: ShrinkArgs) -> Result<Ending, Failure> {
    let work = env::temp_dir().join(format!("quorate-shrink-{}", process::id()));
    let settings = Settings {
        out: work.clone(),
        jobs: args.jobs,
        give_up_s: args.give_up_s,
    };
    let out = args
        .out
        .unwrap_or_else(|| args.plan.with_extension("min.toml"));
    let budget = Duration::from_secs_f64(args.minutes * 60.0);
    let result = in_file(&args.plan, args.mutant, budget, &settings, &out);
    // Nothing in it is of use any more, and nothing depends on its being gone.
    let _ = fs::remove_dir_all(work);
    for line in result? {
        say(&line);
    }
    Ok(Ending::Well)
}

/// Shrinks the plan in the file at `path` and writes the small one to `out`; what to say in the end.
/// Candidates are left in the directory of `settings`.
pub(super) fn in_file(
    path: &Path,
    mutant: Option<Mutant>,
    budget: Duration,
    settings: &Settings,
    out: &Path,
) -> Result<Vec<String>, Failure> {
    let big = Examinee::of_file(path, mutant)?;
    if is_same(path, out) {
        return Err(Failure::Overwrites(path.to_owned()));
    }
    let begin = Instant::now();
    let Some(cause) = cause_of(path, mutant, settings)? else {
        return Err(Failure::DoesNotFail(path.to_owned()));
    };
    say(&format!("{} fails: {cause}", path.display()));
    let slow_s = begin.elapsed().as_secs() * SLOWER + A_BIT_S;
    let quiet = if cause.is(CONVERGENCE) {
        Quiet::Stays
    } else {
        Quiet::MayShrink
    };
    let mut trials = Trials {
        size: Size::of(&big.plan),
        cause,
        mutant,
        settings: settings.clone(),
        out: out.to_owned(),
        give_up_s: settings.give_up_s.min(slow_s),
        end: begin + budget,
        runs: 0,
        said: String::new(),
        failure: None,
    };
    let shrunk = shrink(&big.plan, quiet, |plans| trials.fails(plans));
    if let Some(failure) = trials.failure {
        return Err(failure);
    }
    fs::write(out, shrunk.plan.to_string()).map_err(at_path(out))?;
    let mut lines = vec![format!(
        "{}: {} ({} runs, {:.0} s, {})",
        out.display(),
        trials.size.down_to(&Size::of(&shrunk.plan)),
        trials.runs,
        begin.elapsed().as_secs_f64(),
        if shrunk.complete {
            "nothing else can be left out"
        } else {
            "the time was up"
        },
    )];
    if let Some(mutant) = mutant {
        lines.push(match cause_of(out, None, settings)? {
            None => format!("  it is well without {}", mutant.name()),
            Some(cause) => format!("  IT FAILS WITHOUT {}, too: {cause}", mutant.name()),
        });
    }
    let small = Examinee::of_file(out, mutant)?;
    lines.push(format!("  replay: {}", small.replay_command(out)));
    Ok(lines)
}

/// Why the plan at `path` fails, if it does.
fn cause_of(
    path: &Path,
    mutant: Option<Mutant>,
    settings: &Settings,
) -> Result<Option<Cause>, Failure> {
    let mut cause = None;
    many::each(&[Run::of_file(path, mutant)], settings, |_, verdict, _| {
        if let Verdict::Found(reason) = verdict {
            cause = Some(Cause::of(&reason));
        }
        ControlFlow::Continue(())
    })?;
    Ok(cause)
}

/// Candidates carried out until the time is up.
struct Trials {
    /// Of the plan that is shrunk.
    size: Size,
    /// Why it fails, and a candidate has to.
    cause: Cause,
    mutant: Option<Mutant>,
    settings: Settings,
    /// Where the smallest plan so far is, should nobody wait for the end.
    out: PathBuf,
    give_up_s: u64,
    end: Instant,
    /// Candidates so far.
    runs: u64,
    /// What was said last.
    said: String,
    /// Why no candidate can be tried any more.
    failure: Option<Failure>,
}

impl Trials {
    fn fails(&mut self, plans: &[Plan]) -> Tried {
        self.try_all(plans).unwrap_or_else(|failure| {
            self.failure = Some(failure);
            Tried::TimeUp
        })
    }

    fn try_all(&mut self, plans: &[Plan]) -> Result<Tried, Failure> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Tried::TimeUp);
        }
        let settings = Settings {
            give_up_s: self.give_up_s.min(left.as_secs() + 1),
            ..self.settings.clone()
        };
        let runs = write(plans, self.mutant, &settings.out)?;
        let mut tried = Tried::NoneFails;
        many::each(&runs, &settings, |at, verdict, _| {
            self.runs += 1;
            // Who is given up because the time is up has not failed.
            if Instant::now() >= self.end {
                tried = Tried::TimeUp;
            } else if matches!(&verdict, Verdict::Found(reason) if Cause::of(reason) == self.cause)
            {
                tried = Tried::Fails(at);
            } else {
                return ControlFlow::Continue(());
            }
            ControlFlow::Break(())
        })?;
        if let Tried::Fails(at) = tried {
            self.note(&plans[at])?;
        }
        Ok(tried)
    }

    /// Writes a smaller plan down and says how small it is, unless that has been said.
    fn note(&mut self, smaller: &Plan) -> Result<(), Failure> {
        fs::write(&self.out, smaller.to_string()).map_err(at_path(&self.out))?;
        let less = self.size.down_to(&Size::of(smaller));
        if self.said != less {
            say(&format!("  {less} ({} runs)", self.runs));
            self.said = less;
        }
        Ok(())
    }
}

/// Whether two paths lead to one file that is there.
fn is_same(one: &Path, other: &Path) -> bool {
    let file = |path: &Path| fs::canonicalize(path).ok();
    file(one).is_some() && file(one) == file(other)
}

/// Writes candidates down for the processes that carry them out.
fn write(plans: &[Plan], mutant: Option<Mutant>, directory: &Path) -> Result<Vec<Run>, Failure> {
    fs::create_dir_all(directory).map_err(at_path(directory))?;
    let mut runs = Vec::new();
    for (number, plan) in plans.iter().enumerate() {
        let path = directory.join(format!("candidate-{number}.toml"));
        fs::write(&path, plan.to_string()).map_err(at_path(&path))?;
        runs.push(Run::of_file(&path, mutant));
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use std::{env, fs, process, time::Duration};

    use super::{in_file, is_same, minutes};
    use crate::{
        cli::{Failure, Settings},
        plan::{Focus, Plan},
    };

    #[test]
    fn the_big_plan_is_never_overwritten() {
        let directory = env::temp_dir().join(format!("quorate-shrink-same-{}", process::id()));
        fs::create_dir_all(&directory).unwrap();
        let plan = directory.join("plan.toml");
        fs::write(&plan, Plan::generate(1, Focus::Crashes).to_string()).unwrap();
        let out = directory.join(".").join("plan.toml");
        let settings = Settings {
            out: directory.clone(),
            jobs: None,
            give_up_s: 1,
        };
        let refused = in_file(&plan, None, Duration::from_secs(1), &settings, &out);
        assert!(matches!(refused, Err(Failure::Overwrites(path)) if path == plan));
        assert!(!is_same(&plan, &directory.join("plan.min.toml")));
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn times_are_above_nothing() {
        assert_eq!(minutes("0.5"), Ok(0.5));
        for text in ["0", "-1", "NaN", "inf", "five"] {
            assert!(minutes(text).is_err(), "{text}");
        }
    }
}
