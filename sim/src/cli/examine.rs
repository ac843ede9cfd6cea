//! One plan, carried out in this process.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{Ending, Failure, at_path, coverage::Coverage, flag_value, keep};
use crate::{
    history::History,
    mutants::Mutant,
    oracles,
    plan::{Focus, Plan},
    run::{RunError, RunResult, message},
};

/// A plan that is to be examined.
pub(super) struct Examinee {
    /// What the output calls it.
    pub(super) title: String,
    /// The name of its files, without ending.
    pub(super) file_name: String,
    pub(super) plan: Plan,
    pub(super) mutant: Option<Mutant>,
}

/// What to print, and how it ended.
pub(super) struct Report {
    pub(super) text: String,
    /// What the run came to; `None` where it has left no history.
    pub(super) coverage: Option<Coverage>,
    pub(super) ending: Ending,
}

impl Examinee {
    pub(super) fn of_seed(seed: u64, focus: Focus, mutant: Option<Mutant>) -> Self {
        let mut file_name = format!("seed-{seed}");
        if focus != Focus::default() {
            file_name += &format!("-{}", flag_value(focus));
        }
        let plan = Plan::generate(seed, focus);
        Self {
            title: format!("seed {seed}"),
            file_name,
            plan,
            mutant,
        }
    }

    pub(super) fn of_file(path: &Path, mutant: Option<Mutant>) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(at_path(path))?;
        let plan = text.parse().map_err(|error| Failure::Plan {
            path: path.to_owned(),
            error,
        })?;
        // Kept plans are all called the same: their directories are not.
        let named = match path.parent() {
            Some(directory) if path.ends_with(keep::PLAN) => directory.file_name(),
            _ => None,
        };
        let file_name = named
            .or(path.file_stem())
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Self {
            title: path.display().to_string(),
            file_name,
            plan,
            mutant,
        })
    }

    /// Carries the plan out by `run` and judges the history. Plan and trace of a failed run are
    /// left in `out`.
    pub(super) fn examine(
        &self,
        trace: Option<&Path>,
        out: &Path,
        run: impl FnOnce(&Plan, Option<Mutant>) -> Result<RunResult, RunError> + Send,
    ) -> Result<Report, Failure> {
        let begin = Instant::now();
        let result = carry_out(&self.plan, self.mutant, run);
        let elapsed = begin.elapsed();
        match result {
            Err(panic) => self.failed(&format!("panic: {panic}"), None, out),
            Ok(result) => {
                let RunResult { history, stats } = result?;
                if let Some(path) = trace {
                    fs::write(path, history.to_string()).map_err(at_path(path))?;
                }
                self.judged(&history, &stats.to_string(), elapsed, out)
            }
        }
    }

    fn judged(
        &self,
        history: &History,
        stats: &str,
        elapsed: Duration,
        out: &Path,
    ) -> Result<Report, Failure> {
        let reasons: Vec<String> = match history.validate() {
            Err(malformed) => vec![format!("malformed history: {malformed}")],
            Ok(()) => oracles::judge(history)
                .iter()
                .map(|found| found.report(history))
                .collect(),
        };
        if !reasons.is_empty() {
            return self.failed(&reasons.join("\n  "), Some(history), out);
        }
        let text = format!(
            "{}  ok  {stats}  trace {:016x}  {:.1} s",
            self.title,
            history.trace_hash(),
            elapsed.as_secs_f64(),
        );
        Ok(Report {
            text,
            coverage: Some(Coverage::of(&self.plan, history)),
            ending: Ending::Well,
        })
    }

    fn failed(
        &self,
        reason: &str,
        history: Option<&History>,
        out: &Path,
    ) -> Result<Report, Failure> {
        let mut text = format!("{}  FAILED  {reason}\n", self.title);
        let saved = self.save(out)?;
        text += &format!("  plan:   {}\n", saved.display());
        if let Some(history) = history {
            let path = saved.with_extension("trace");
            fs::write(&path, history.to_string()).map_err(at_path(&path))?;
            text += &format!("  trace:  {}\n", path.display());
        }
        text += &format!("  replay: {}", self.replay_command(&saved));
        Ok(Report {
            text,
            coverage: history.map(|history| Coverage::of(&self.plan, history)),
            ending: Ending::Found,
        })
    }

    /// Writes the plan into `out`.
    pub(super) fn save(&self, out: &Path) -> Result<PathBuf, Failure> {
        fs::create_dir_all(out).map_err(at_path(out))?;
        let path = out.join(format!("{}.toml", self.file_name));
        fs::write(&path, self.plan.to_string()).map_err(at_path(&path))?;
        Ok(path)
    }

    /// What to type to see it again.
    pub(super) fn replay_command(&self, saved: &Path) -> String {
        let mut command = format!("cargo sim run --plan {}", saved.display());
        if let Some(mutant) = self.mutant {
            command += &format!(" --mutant {}", mutant.name());
        }
        command
    }
}

/// Carries `plan` out by `run`, on a thread of its own: the simulator makes hash maps deterministic
/// on threads that have not used any yet. The error is what a panic said.
pub(super) fn carry_out<T: Send>(
    plan: &Plan,
    mutant: Option<Mutant>,
    run: impl FnOnce(&Plan, Option<Mutant>) -> T + Send,
) -> Result<T, String> {
    thread::scope(|scope| scope.spawn(|| run(plan, mutant)).join())
        .map_err(|panic| message(&*panic).to_owned())
}

#[cfg(test)]
mod tests {
    use std::{env, fs, path::PathBuf};

    use super::{Examinee, Report};
    use crate::{
        cli::{Ending, Failure},
        history::{History, Stats},
        mutants::Mutant,
        plan::{Focus, Plan},
        run::{RunError, RunResult},
    };

    /// Examines seed 7 with a run that gives `history`.
    fn examine(
        test: &str,
        run: impl FnOnce() -> Result<RunResult, RunError> + Send,
    ) -> (PathBuf, Result<Report, Failure>) {
        let out = env::temp_dir().join(format!("quorate-examine-{test}-{}", std::process::id()));
        let examinee = Examinee::of_seed(7, Focus::Crashes, Some(Mutant::LeaderRestore));
        let report = examinee.examine(None, &out, |_, _| run());
        (out, report)
    }

    fn history(text: &str) -> Result<RunResult, RunError> {
        let history: History = text.parse().unwrap();
        Ok(RunResult {
            stats: Stats::of(&history),
            history,
        })
    }

    #[test]
    fn a_good_run_takes_one_line_and_leaves_nothing() {
        let (out, report) = examine("good", || history("1 n1 leads term=1"));
        let report = report.unwrap();
        assert_eq!(report.ending, Ending::Well);
        assert!(
            report.text.starts_with("seed 7  ok  0 ops"),
            "{}",
            report.text
        );
        assert!(!report.text.contains('\n') && !out.exists());
    }

    #[test]
    fn a_failed_run_says_why_and_how_to_see_it_again() {
        let broken = "1 n1 leads term=1\n2 n2 leads term=1";
        let (out, report) = examine("broken", || history(broken));
        let report = report.unwrap();
        let plan = out.join("seed-7-crashes.toml");
        assert_eq!(report.ending, Ending::Found);
        for part in [
            "seed 7  FAILED  leadership: n1 and n2 both lead in term 1",
            "\n    2.000000000 n2 leads term=1",
            &format!(
                "cargo sim run --plan {} --mutant leader-restore",
                plan.display()
            ),
        ] {
            assert!(report.text.contains(part), "{}", report.text);
        }
        let saved: Plan = fs::read_to_string(&plan).unwrap().parse().unwrap();
        assert_eq!(saved, Plan::generate(7, Focus::Crashes));
        assert!(
            fs::read_to_string(plan.with_extension("trace"))
                .unwrap()
                .contains("n2 leads")
        );
        fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn a_panic_is_a_failed_run() {
        let (out, report) = examine("panic", || panic!("a replica stopped itself"));
        let report = report.unwrap();
        assert_eq!(report.ending, Ending::Found);
        assert!(
            report.text.contains("panic: a replica stopped itself"),
            "{}",
            report.text
        );
        fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn files_of_a_kept_plan_have_the_name_of_its_directory() {
        let name = |path: &str| {
            let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
            Examinee::of_file(&path, None).unwrap().file_name
        };
        assert_eq!(
            name("../ci/seeds/refused-replication-stream/plan.toml"),
            "refused-replication-stream"
        );
        let out = env::temp_dir().join(format!("quorate-examine-name-{}", std::process::id()));
        let saved = Examinee::of_seed(7, Focus::Crashes, None)
            .save(&out)
            .unwrap();
        assert_eq!(name(saved.to_str().unwrap()), "seed-7-crashes");
        fs::remove_dir_all(out).unwrap();
    }

    #[test]
    fn a_run_that_cannot_begin_is_no_verdict() {
        let (_, report) = examine("useless", || Err(RunError::NotSimulated));
        assert!(matches!(report, Err(Failure::Run(RunError::NotSimulated))));
    }
}
