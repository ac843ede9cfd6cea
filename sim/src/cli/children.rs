//! Many runs, each in a process of its own.

use std::{
    io::{self, Read},
    ops::ControlFlow,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        atomic::{AtomicBool, AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};

/// How often a running process is looked at.
const POLL: Duration = Duration::from_millis(10);

/// How processes are run.
pub(super) struct Pool<'a> {
    pub(super) program: &'a Path,
    /// Most processes at once.
    pub(super) jobs: usize,
    /// A process that takes longer is killed.
    pub(super) give_up: Duration,
}

/// A process that has ended.
#[derive(Debug)]
pub(super) struct Finished {
    /// `None` where it was given up.
    pub(super) status: Option<ExitStatus>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Finished {
    /// The exit code; `None` where it was killed, by us or by anybody.
    pub(super) fn code(&self) -> Option<i32> {
        self.status.and_then(|status| status.code())
    }
}

impl Pool<'_> {
    /// Starts the program once for each of `runs`' arguments, and gives what came of it to `done`
    /// in the order of `runs`, until `done` has seen enough.
    pub(super) fn run(
        &self,
        runs: &[Vec<String>],
        mut done: impl FnMut(usize, Finished) -> ControlFlow<()>,
    ) -> io::Result<()> {
        let next = AtomicUsize::new(0);
        let enough = AtomicBool::new(false);
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..self.jobs.min(runs.len()) {
                let (sender, next, enough) = (sender.clone(), &next, &enough);
                scope.spawn(move || {
                    while !enough.load(Ordering::Relaxed) {
                        let at = next.fetch_add(1, Ordering::Relaxed);
                        let Some(arguments) = runs.get(at) else {
                            return;
                        };
                        if sender.send((at, self.run_one(arguments, enough))).is_err() {
                            return;
                        }
                    }
                });
            }
            drop(sender);
            let result = in_order(&receiver, &mut done);
            enough.store(true, Ordering::Relaxed);
            result
        })
    }

    fn run_one(&self, arguments: &[String], enough: &AtomicBool) -> io::Result<Finished> {
        let mut child = Command::new(self.program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        thread::scope(|scope| {
            let stdout = scope.spawn(|| read_all(stdout));
            let stderr = scope.spawn(|| read_all(stderr));
            let status = self.wait(&mut child, enough)?;
            let text = |reader: thread::ScopedJoinHandle<'_, String>| {
                reader
                    .join()
                    .expect("reading a pipe into memory does not panic")
            };
            Ok(Finished {
                status,
                stdout: text(stdout),
                stderr: text(stderr),
            })
        })
    }

    /// Waits for the end, or kills the process when its time is up or nobody cares any more.
    fn wait(&self, child: &mut Child, enough: &AtomicBool) -> io::Result<Option<ExitStatus>> {
        let begin = Instant::now();
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(Some(status));
            }
            if begin.elapsed() > self.give_up || enough.load(Ordering::Relaxed) {
                child.kill()?;
                child.wait()?;
                return Ok(None);
            }
            thread::sleep(POLL);
        }
    }
}

/// Hands over what arrives in any order in the right one.
fn in_order<T>(
    receiver: &mpsc::Receiver<(usize, io::Result<T>)>,
    done: &mut impl FnMut(usize, T) -> ControlFlow<()>,
) -> io::Result<()> {
    let mut early = std::collections::BTreeMap::new();
    let mut next = 0;
    for (at, finished) in receiver {
        early.insert(at, finished?);
        while let Some(finished) = early.remove(&next) {
            if done(next, finished).is_break() {
                return Ok(());
            }
            next += 1;
        }
    }
    Ok(())
}

fn read_all(pipe: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What could be read before an error is still worth showing.
        let _ = pipe.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use std::{ops::ControlFlow, path::Path, time::Duration};

    use super::{Finished, Pool};

    fn shell(jobs: usize, give_up: Duration, scripts: &[&str], stop_at: usize) -> Vec<Finished> {
        let pool = Pool {
            program: Path::new("/bin/sh"),
            jobs,
            give_up,
        };
        let runs: Vec<Vec<String>> = scripts
            .iter()
            .map(|script| vec!["-c".into(), (*script).into()])
            .collect();
        let mut finished = Vec::new();
        pool.run(&runs, |at, run| {
            assert_eq!(at, finished.len());
            finished.push(run);
            if at == stop_at {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })
        .unwrap();
        finished
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn results_come_in_order_whoever_is_first() {
        let scripts = [
            "sleep 0.2; echo a",
            "echo b; echo why >&2; exit 1",
            "echo c; exit 2",
        ];
        let runs = shell(3, LONG, &scripts, 9);
        let seen: Vec<_> = runs
            .iter()
            .map(|run| (run.stdout.as_str(), run.code()))
            .collect();
        assert_eq!(seen, [("a\n", Some(0)), ("b\n", Some(1)), ("c\n", Some(2))]);
        assert_eq!(runs[1].stderr, "why\n");
    }

    #[test]
    fn a_process_that_hangs_is_given_up() {
        let runs = shell(1, Duration::from_millis(100), &["echo a; exec sleep 60"], 9);
        assert_eq!((runs[0].code(), runs[0].stdout.as_str()), (None, "a\n"));
    }

    #[test]
    fn a_killed_process_has_no_code() {
        assert_eq!(shell(1, LONG, &["kill -9 $$"], 9)[0].code(), None);
    }

    #[test]
    fn whoever_has_seen_enough_does_not_wait_for_the_rest() {
        let runs = shell(2, LONG, &["echo a", "exec sleep 60", "exec sleep 60"], 0);
        assert_eq!(runs.len(), 1);
    }

    #[test]
    fn output_beyond_a_pipes_size_is_no_problem() {
        let runs = shell(1, LONG, &["head -c 1000000 /dev/zero | tr '\\0' x"], 9);
        assert_eq!(runs[0].stdout.len(), 1_000_000);
    }
}
