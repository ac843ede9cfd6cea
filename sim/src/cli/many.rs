//! Many plans, each carried out in a process of its own: one process cannot carry out two without
//! the first one leaving traces in the second.

use std::{
    env,
    ops::ControlFlow,
    path::{Path, PathBuf},
    time::Instant,
};

use super::{
    Ending, FOUND, Failure, Settings, USELESS,
    children::{Finished, Pool},
    coverage::Coverage,
    examine::Examinee,
    flag_value, say,
};
use crate::{mutants::Mutant, plan::Focus};

/// Lines of a lost process's last words to show.
const LAST_WORDS: usize = 20;

/// A run for another process.
#[derive(Clone)]
pub(super) enum Run {
    Seed {
        seed: u64,
        focus: Focus,
        mutant: Option<Mutant>,
    },
    File {
        path: PathBuf,
        mutant: Option<Mutant>,
    },
}

impl Run {
    pub(super) fn of_seed(seed: u64, focus: Focus, mutant: Option<Mutant>) -> Self {
        Self::Seed {
            seed,
            focus,
            mutant,
        }
    }

    pub(super) fn of_file(path: &Path, mutant: Option<Mutant>) -> Self {
        Self::File {
            path: path.to_owned(),
            mutant,
        }
    }

    /// The arguments for the process.
    pub(super) fn arguments(&self, settings: &Settings) -> Vec<String> {
        let mut arguments: Vec<String> = vec!["run".into()];
        let mut flag = |name: &str, value: String| arguments.extend([name.into(), value]);
        match self {
            Self::Seed {
                seed,
                focus,
                mutant,
            } => {
                flag("--seed", seed.to_string());
                flag("--focus", flag_value(*focus));
                mutant.map(|mutant| flag("--mutant", mutant.name().into()));
            }
            Self::File { path, mutant } => {
                flag("--plan", path.display().to_string());
                mutant.map(|mutant| flag("--mutant", mutant.name().into()));
            }
        }
        flag("--out", settings.out.display().to_string());
        arguments.push("--coverage".into());
        arguments
    }

    fn examinee(&self) -> Result<Examinee, Failure> {
        match self {
            Self::Seed {
                seed,
                focus,
                mutant,
            } => Ok(Examinee::of_seed(*seed, *focus, *mutant)),
            Self::File { path, mutant } => Examinee::of_file(path, *mutant),
        }
    }
}

/// What became of a run.
pub(super) enum Verdict {
    Well,
    /// Found, or lost on the way: a process that dies without a word is a finding too.
    Found(String),
}

/// Carries out all of `runs`, and prints one line for each, more for those that fail. What they
/// came to is returned.
pub(super) fn run(runs: &[Run], settings: &Settings) -> Result<(Ending, Coverage), Failure> {
    let begin = Instant::now();
    let (mut well, mut found) = (0_u64, 0_u64);
    let coverage = each(runs, settings, |_, verdict, text| {
        say(text);
        match verdict {
            Verdict::Well => well += 1,
            Verdict::Found(_) => found += 1,
        }
        ControlFlow::Continue(())
    })?;
    let elapsed = begin.elapsed().as_secs_f64();
    let rate = (well + found) as f64 * 60.0 / elapsed.max(1e-3);
    say(&format!(
        "{well} ok, {found} failed, {elapsed:.1} s, {rate:.0} runs per minute"
    ));
    Ok((Ending::found_if(found > 0), coverage))
}

/// Carries out `runs` and gives each one's verdict and output, in order, until `done` has seen
/// enough. What all of them came to is returned.
pub(super) fn each(
    runs: &[Run],
    settings: &Settings,
    mut done: impl FnMut(usize, Verdict, &str) -> ControlFlow<()>,
) -> Result<Coverage, Failure> {
    let program = env::current_exe().map_err(Failure::Process)?;
    let pool = Pool {
        program: &program,
        jobs: settings.jobs(),
        give_up: settings.give_up(),
    };
    let arguments: Vec<_> = runs.iter().map(|run| run.arguments(settings)).collect();
    let mut failure = None;
    let mut coverage = Coverage::default();
    pool.run(&arguments, |at, mut finished| {
        let (stdout, reached) = Coverage::split_off(&finished.stdout);
        finished.stdout = stdout;
        coverage.add(reached);
        match verdict(&runs[at], finished, settings) {
            Ok((verdict, text)) => done(at, verdict, &text),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })
    .map_err(Failure::Process)?;
    failure.map_or(Ok(coverage), Err)
}

fn verdict(
    run: &Run,
    finished: Finished,
    settings: &Settings,
) -> Result<(Verdict, String), Failure> {
    let output = finished.stdout.trim_end().to_owned();
    match finished.code() {
        Some(0) => Ok((Verdict::Well, output)),
        Some(code) if code == i32::from(FOUND) => {
            let reason = output.lines().next().unwrap_or_default().to_owned();
            Ok((Verdict::Found(reason), output))
        }
        Some(code) if code == i32::from(USELESS) => {
            let text = finished.stderr.trim_end();
            Err(Failure::Child(
                text.strip_prefix("error: ").unwrap_or(text).to_owned(),
            ))
        }
        _ => lost(
            &run.examinee()?,
            &finished,
            &settings.out,
            settings.give_up_s,
        ),
    }
}

/// A process that ended without a verdict: its plan is saved here instead.
fn lost(
    examinee: &Examinee,
    finished: &Finished,
    out: &Path,
    give_up_s: u64,
) -> Result<(Verdict, String), Failure> {
    let reason = match finished.status {
        None => format!("given up after {give_up_s} s"),
        Some(status) => format!("the process ended without a verdict: {status}"),
    };
    let reason = format!("{}  FAILED  {reason}", examinee.title);
    let saved = examinee.save(out)?;
    let mut text = reason.clone();
    let words: Vec<&str> = finished.stderr.lines().collect();
    for line in &words[words.len().saturating_sub(LAST_WORDS)..] {
        text += &format!("\n    {line}");
    }
    text += &format!("\n  plan:   {}", saved.display());
    text += &format!("\n  replay: {}", examinee.replay_command(&saved));
    Ok((Verdict::Found(reason), text))
}

#[cfg(test)]
mod tests {
    use std::{
        env, fs,
        os::unix::process::ExitStatusExt,
        path::{Path, PathBuf},
        process::{ExitStatus, id},
    };

    use super::{Run, Verdict, verdict};
    use crate::{
        cli::{Failure, Settings, children::Finished},
        mutants::Mutant,
        plan::Focus,
    };

    fn settings(test: &str) -> Settings {
        let out: PathBuf = env::temp_dir().join(format!("quorate-many-{test}-{}", id()));
        Settings {
            out,
            jobs: None,
            give_up_s: 5,
        }
    }

    fn finished(raw: i32, stdout: &str, stderr: &str) -> Finished {
        let status = Some(ExitStatus::from_raw(raw));
        Finished {
            status,
            stdout: stdout.into(),
            stderr: stderr.into(),
        }
    }

    fn run() -> Run {
        Run::of_seed(7, Focus::Crashes, Some(Mutant::LeaderRestore))
    }

    #[test]
    fn a_process_gets_all_that_makes_the_run() {
        let arguments = run().arguments(&Settings {
            out: "o".into(),
            jobs: None,
            give_up_s: 1,
        });
        let line = arguments.join(" ");
        assert_eq!(
            line,
            "run --seed 7 --focus crashes --mutant leader-restore --out o --coverage"
        );
        let file = Run::of_file(Path::new("a.toml"), Some(Mutant::LeaderRestore));
        let line = file.arguments(&settings("o")).join(" ");
        assert!(
            line.starts_with("run --plan a.toml --mutant leader-restore --out "),
            "{line}"
        );
    }

    #[test]
    fn verdicts_pass_through() {
        let settings = settings("pass");
        let of = |raw, stdout, stderr| verdict(&run(), finished(raw, stdout, stderr), &settings);
        assert!(
            matches!(of(0, "seed 7  ok\n", ""), Ok((Verdict::Well, text)) if text == "seed 7  ok")
        );
        assert!(matches!(
            of(1 << 8, "seed 7  FAILED  x\n  more\n", ""),
            Ok((Verdict::Found(reason), _)) if reason == "seed 7  FAILED  x"
        ));
        assert!(matches!(
            of(2 << 8, "", "error: no simulator\n"),
            Err(Failure::Child(text)) if text == "no simulator"
        ));
    }

    #[test]
    fn a_process_that_dies_leaves_its_plan_and_last_words() {
        let settings = settings("dies");
        let (found, text) = verdict(&run(), finished(9, "", "memory\ngone"), &settings).unwrap();
        assert!(matches!(found, Verdict::Found(_)));
        for part in [
            "seed 7  FAILED  the process ended",
            "signal: 9",
            "\n    gone",
            "--mutant",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(settings.out.join("seed-7-crashes.toml").exists());
        fs::remove_dir_all(settings.out).unwrap();
    }
}
