//! Every scenario of `tests/scenarios`, on all that can run it: the core, its model, Quorate over
//! gRPC, and the real etcd, which has the last word.

use std::{
    fs,
    io::{self, Write as _},
    panic::{self, AssertUnwindSafe},
    path::Path,
    sync::Mutex,
    thread,
};

use quorate_tests::scenario::{CoreExecutor, ModelExecutor, Recorded, corpus};

use crate::{
    grpc::{GrpcExecutor, Program},
    harness::{in_directory, peers},
};

/// Servers that run at the same time: most of a scenario's time is start and stop.
const AT_ONCE: usize = 4;

/// Counts and findings of one executor.
#[derive(Default)]
struct Outcome {
    files: usize,
    answers: usize,
    differences: Vec<String>,
}

#[test]
fn every_scenario_comes_out_the_same_everywhere() {
    let corpus = corpus();
    let answers: usize = corpus.iter().map(Recorded::answers).sum();
    let mut summary = format!("scenarios: {} files, {answers} answers;", corpus.len());
    let mut differences = Vec::new();
    let mut add = |who: &str, outcome: Outcome| {
        summary += &format!(" {who}: {}/{} same", outcome.answers, answers);
        summary += &format!(" in {} files.", outcome.files);
        differences.extend(outcome.differences);
    };
    add(
        "core",
        outcome(&corpus, |scenario| {
            scenario.difference("core", CoreExecutor::start)
        }),
    );
    add(
        "model",
        outcome(&corpus, |scenario| {
            scenario.difference("model", ModelExecutor::start)
        }),
    );
    add("Quorate", over_grpc(&corpus, &Program::Quorate));
    match peers() {
        Some(peers) => add("etcd", over_grpc(&corpus, &Program::Etcd(peers))),
        None => summary += " etcd: skipped: no peer.",
    }
    // Past the capture of the test's output.
    let _ = writeln!(io::stderr(), "{summary}");
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

fn over_grpc(corpus: &[Recorded], program: &Program) -> Outcome {
    let mut found = None;
    in_directory(|directory| {
        found = Some(outcome(corpus, |scenario| {
            on_a_server(scenario, program, directory)
        }));
    });
    found.expect("it has run")
}

fn on_a_server(scenario: &Recorded, program: &Program, directory: &Path) -> Option<String> {
    let place = directory.join(scenario.name());
    let start = |settings: &_| GrpcExecutor::start(program, &place, settings);
    let run = AssertUnwindSafe(|| scenario.difference(program.name(), start));
    let difference = panic::catch_unwind(run).unwrap_or_else(|panicked| {
        let text = panicked.downcast_ref::<String>().map(String::as_str);
        let text = text.or(panicked.downcast_ref::<&str>().copied());
        let text = text.unwrap_or("it panicked");
        Some(format!("{}: {}: {text}", scenario.name(), program.name()))
    });
    if difference.is_none() {
        // A server's files are large from the start on, and there are many servers.
        fs::remove_dir_all(&place).expect("the server is gone");
    }
    difference
}

/// Runs all scenarios, some at the same time. `run` gives the difference, if there is one.
fn outcome(corpus: &[Recorded], run: impl Fn(&Recorded) -> Option<String> + Sync) -> Outcome {
    let waiting = Mutex::new(corpus.iter());
    let found = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(scenario) = next(&waiting) {
                    let result = run(scenario);
                    found.lock().expect("no panic").push((scenario, result));
                }
            });
        }
    });
    let mut outcome = Outcome::default();
    let mut found = found.into_inner().expect("no panic");
    found.sort_by_key(|(scenario, _)| scenario.name());
    for (scenario, result) in found {
        match result {
            None => {
                outcome.files += 1;
                outcome.answers += scenario.answers();
            }
            Some(difference) => outcome.differences.push(difference),
        }
    }
    outcome
}

fn next<'a>(waiting: &Mutex<impl Iterator<Item = &'a Recorded>>) -> Option<&'a Recorded> {
    waiting.lock().expect("no panic").next()
}
