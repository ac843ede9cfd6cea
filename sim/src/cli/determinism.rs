//! The test of the test: the same plan, in two processes, gives the same trace byte for byte.

use std::{
    env,
    fs::{self, File},
    io::{self, BufRead, BufReader},
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    Ending, FOUND, Failure, Settings, USELESS, at_path,
    children::{Finished, Pool},
    many::Run,
    say,
    seeds::Seeds,
};
use crate::plan::Focus;

/// Equal lines to show before the first difference.
const CONTEXT: usize = 20;

/// Runs each of `seeds` twice and compares the traces, with the messages between members where
/// asked for.
pub(super) fn determinism(
    seeds: Seeds,
    messages: bool,
    settings: &Settings,
) -> Result<Ending, Failure> {
    let program = env::current_exe().map_err(Failure::Process)?;
    let pool = Pool {
        program: &program,
        jobs: settings.jobs(),
        give_up: settings.give_up(),
    };
    let twins: Vec<Twin> = seeds
        .iter()
        .flat_map(|seed| ["a", "b"].map(|name| Twin { seed, name }))
        .collect();
    let mut runs = Vec::new();
    for twin in &twins {
        let mut arguments = twin.prepare(settings)?;
        arguments.extend(messages.then(|| "--messages".to_owned()));
        runs.push(arguments);
    }
    let (mut different, mut failure) = (false, None);
    pool.run(&runs, |at, finished| {
        let twin = &twins[at];
        let step = twin.check(&finished, settings).and_then(|()| match at % 2 {
            0 => Ok(true),
            _ => report(&twins[at - 1], twin, settings),
        });
        match step {
            Ok(same) => {
                different |= !same;
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        }
    })
    .map_err(Failure::Process)?;
    failure.map_or(Ok(Ending::found_if(different)), Err)
}

/// One of the two runs of a seed.
struct Twin {
    seed: u64,
    name: &'static str,
}

impl Twin {
    fn directory(&self, settings: &Settings) -> PathBuf {
        settings.out.join("determinism").join(self.name)
    }

    fn trace(&self, settings: &Settings) -> PathBuf {
        self.directory(settings)
            .join(format!("seed-{}.whole", self.seed))
    }

    /// Makes room, and gives the arguments of the process.
    fn prepare(&self, settings: &Settings) -> Result<Vec<String>, Failure> {
        let directory = self.directory(settings);
        fs::create_dir_all(&directory).map_err(at_path(&directory))?;
        let trace = self.trace(settings);
        // A trace of an earlier command must not pass for one of this.
        match fs::remove_file(&trace) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(at_path(&trace)(error));
            }
            _ => {}
        }
        let own = Settings {
            out: directory,
            ..settings.clone()
        };
        let mut arguments = Run::of_seed(self.seed, Focus::Everything, None).arguments(&own);
        arguments.extend(["--trace".into(), trace.display().to_string()]);
        Ok(arguments)
    }

    /// Checks that the run got as far as a trace. One that an oracle rejects is as good as any
    /// other here.
    fn check(&self, finished: &Finished, settings: &Settings) -> Result<(), Failure> {
        if finished.code() == Some(i32::from(USELESS)) {
            let words = finished.stderr.trim().trim_start_matches("error: ");
            return Err(Failure::Child(words.into()));
        }
        let judged = matches!(finished.code(), Some(code) if code == 0 || code == i32::from(FOUND));
        if judged && self.trace(settings).exists() {
            return Ok(());
        }
        let words = if judged {
            &finished.stdout
        } else {
            &finished.stderr
        };
        let words = words.trim().trim_start_matches("error: ");
        Err(Failure::Child(format!(
            "seed {} left no trace: {words}",
            self.seed
        )))
    }
}

/// Prints whether the twins are alike, and removes their traces if they are.
fn report(one: &Twin, other: &Twin, settings: &Settings) -> Result<bool, Failure> {
    let paths = [one.trace(settings), other.trace(settings)];
    let open = |path: &Path| File::open(path).map(BufReader::new).map_err(at_path(path));
    let comparison = compare(open(&paths[0])?, open(&paths[1])?).map_err(at_path(&paths[0]))?;
    match comparison {
        Comparison::Same { lines } => {
            say(&format!("seed {}  same  {lines} lines", one.seed));
            for path in paths {
                fs::remove_file(&path).map_err(at_path(&path))?;
            }
            Ok(true)
        }
        Comparison::Different { line, context } => {
            say(&format!(
                "seed {}  DIFFERENT from line {line} on\n{context}",
                one.seed
            ));
            say(&format!(
                "  traces: {} {}",
                paths[0].display(),
                paths[1].display()
            ));
            Ok(false)
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Comparison {
    Same {
        lines: usize,
    },
    /// The first line that differs, from 1, and it with what was equal before it.
    Different {
        line: usize,
        context: String,
    },
}

fn compare(one: impl BufRead, other: impl BufRead) -> io::Result<Comparison> {
    let (mut one, mut other) = (one.lines(), other.lines());
    let mut equal = std::collections::VecDeque::new();
    for line in 1.. {
        let pair = (one.next().transpose()?, other.next().transpose()?);
        match pair {
            (None, None) => return Ok(Comparison::Same { lines: line - 1 }),
            (Some(a), Some(b)) if a == b => {
                equal.push_back(a);
                if equal.len() > CONTEXT {
                    equal.pop_front();
                }
            }
            (a, b) => {
                let mut context: String =
                    equal.iter().map(|line| format!("    {line}\n")).collect();
                let end = || "(the trace ends)".to_owned();
                context += &format!("  a {}\n", a.unwrap_or_else(end));
                context += &format!("  b {}", b.unwrap_or_else(end));
                return Ok(Comparison::Different { line, context });
            }
        }
    }
    unreachable!("a trace has an end")
}

#[cfg(test)]
mod tests {
    use super::{CONTEXT, Comparison, compare};

    fn comparison(one: &str, other: &str) -> Comparison {
        compare(one.as_bytes(), other.as_bytes()).unwrap()
    }

    #[test]
    fn the_first_difference_is_shown_with_what_was_before_it() {
        assert_eq!(
            comparison("a\nb\n", "a\nb\n"),
            Comparison::Same { lines: 2 }
        );
        let context = "    a\n  a b\n  b c".to_owned();
        assert_eq!(
            comparison("a\nb\nd\n", "a\nc\nd\n"),
            Comparison::Different { line: 2, context }
        );
        let context = "    a\n  a (the trace ends)\n  b b".to_owned();
        assert_eq!(
            comparison("a\n", "a\nb\n"),
            Comparison::Different { line: 2, context }
        );
    }

    #[test]
    fn only_the_last_equal_lines_are_shown() {
        let equal: String = (0..50).map(|line| format!("line {line}\n")).collect();
        let found = comparison(&format!("{equal}x"), &format!("{equal}y"));
        let Comparison::Different { line: 51, context } = found else {
            panic!("{found:?}")
        };
        assert_eq!(context.lines().count(), CONTEXT + 2);
        assert!(context.starts_with("    line 30\n"), "{context}");
    }
}
