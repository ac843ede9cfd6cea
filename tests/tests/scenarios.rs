//! Every scenario comes out as recorded, on the core and on the reference model.
//!
//! After a change that is meant to show, `UPDATE_SCENARIOS=1 cargo test -p quorate-tests --test
//! scenarios` records anew what the core answers; read the difference before you commit it.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use quorate_tests::scenario::{
    CoreExecutor, Executor, ModelExecutor, Settings, check_cases, replay,
};

#[test]
fn scenarios_come_out_as_recorded() {
    let mut differences = Vec::new();
    for path in scenarios() {
        let mut recorded = read(&path);
        if env::var_os("UPDATE_SCENARIOS").is_some() {
            match replay(&recorded, CoreExecutor::start) {
                Ok(replayed) => {
                    fs::write(&path, &replayed).expect("a scenario can be written");
                    recorded = replayed;
                }
                Err(fault) => differences.push(at(&path, fault.line, &fault.message)),
            }
        }
        differences.extend(difference(&path, &recorded, "core", CoreExecutor::start));
        differences.extend(difference(&path, &recorded, "model", ModelExecutor::start));
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn every_corner_case_is_shown_or_belongs_elsewhere() {
    let readme = read(&directory().join("README.md"));
    let texts = scenarios().into_iter().map(|path| {
        let name = path.file_name().expect("a file has a name");
        (name.to_string_lossy().into_owned(), read(&path))
    });
    let wrong = check_cases(&readme, &texts.collect::<Vec<_>>());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_scenario_says_what_it_is_about() {
    for path in scenarios() {
        let text = read(&path);
        let mut lines = text.lines();
        let title = lines.next().unwrap_or_default();
        assert!(title.starts_with("# "), "{}: a title", path.display());
        let explained = lines.skip_while(|line| *line == "#");
        let explained = explained.take_while(|line| line.starts_with('#')).count();
        assert!(explained >= 2, "{}: why this matters", path.display());
    }
}

#[test]
fn a_wrong_record_is_noticed() {
    let path = Path::new("wrong.txt");
    let recorded = "put a 1\n----\nrevision=3\n";
    let core = difference(path, recorded, "core", CoreExecutor::start);
    let model = difference(path, recorded, "model", ModelExecutor::start);
    assert_eq!(
        [core, model].map(Option::unwrap_or_default),
        ["core", "model"]
            .map(|who| format!("wrong.txt:3:\n  recorded: revision=3\n  {who}: revision=2"))
    );
}

#[test]
fn a_bad_line_is_named() {
    for (text, line, message) in [
        (
            "# A comment.\n\nfetch a\n",
            3,
            "\"fetch a\": \"fetch\" is no command",
        ),
        (
            "get a limit=few\n",
            1,
            "\"get a limit=few\": \"few\" is no number, or not one that is possible here",
        ),
        (
            "get a prev_kv\n",
            1,
            "\"get a prev_kv\": \"prev_kv\" does not belong here",
        ),
        ("put a\n", 1, "\"put a\": is too short: put KEY VALUE"),
        (
            "put a \\q\n",
            1,
            "\"put a \\\\q\": a backslash begins \\xNN, \\0 or \\\\: \"\\\\q\"",
        ),
        (
            "get a\nget b\n",
            2,
            "\"get b\": only a txn has lines under it",
        ),
        (
            "txn\n  then txn\n    when a\n",
            3,
            "\"when a\": is no part of a txn: if, then or else",
        ),
        (
            "get a\n\nserver --max-txn-ops=3\n",
            3,
            "\"server --max-txn-ops=3\": comes first of all",
        ),
        (
            "restart\n----\nok\n",
            1,
            "\"restart\": is not answered: leave out the ----",
        ),
        (
            "lease grant 0 10\n",
            1,
            "\"lease grant 0 10\": the server's choice of an id cannot be recorded",
        ),
        (
            "as alice\n",
            1,
            "alice has not logged in since the server was started",
        ),
    ] {
        let fault = replay(text, CoreExecutor::start).expect_err(text);
        assert_eq!((fault.line, fault.message.as_str()), (line, message));
    }
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// All scenarios, in the order of their names.
fn scenarios() -> Vec<PathBuf> {
    let entries = fs::read_dir(directory()).expect("there are scenarios");
    let paths = entries.map(|entry| entry.expect("a directory can be read").path());
    let mut paths: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    assert!(!paths.is_empty());
    paths.sort();
    paths
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn at(path: &Path, line: usize, message: &str) -> String {
    let name = path.file_name().expect("a file has a name");
    format!("{}:{line}:{message}", name.to_string_lossy())
}

/// Where what `who` answers is not what is recorded.
fn difference<E: Executor>(
    path: &Path,
    recorded: &str,
    who: &str,
    start: impl FnOnce(&Settings) -> E,
) -> Option<String> {
    let replayed = match replay(recorded, start) {
        Ok(replayed) if replayed == recorded => return None,
        Ok(replayed) => replayed,
        Err(fault) => return Some(at(path, fault.line, &format!(" {}", fault.message))),
    };
    let lines = recorded.lines().zip(replayed.lines());
    let line = lines.take_while(|(one, other)| one == other).count();
    let nth = |text: &str| text.lines().nth(line).unwrap_or("(end)").to_owned();
    let (then, now) = (nth(recorded), nth(&replayed));
    let message = format!("\n  recorded: {then}\n  {who}: {now}");
    Some(at(path, line + 1, &message))
}
