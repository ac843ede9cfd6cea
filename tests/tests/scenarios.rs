//! Every scenario comes out as recorded, on the core and on the reference model.
//!
//! After a change that is meant to show, `UPDATE_SCENARIOS=1 cargo test -p quorate-tests --test
//! scenarios` records anew what the core answers; read the difference before you commit it.

use std::{env, fs, path::Path};

use quorate_tests::scenario::{CoreExecutor, ModelExecutor, Recorded, check_cases, corpus, replay};

#[test]
fn scenarios_come_out_as_recorded() {
    let mut differences = Vec::new();
    for mut scenario in corpus() {
        if env::var_os("UPDATE_SCENARIOS").is_some() {
            match replay(&scenario.text, CoreExecutor::start) {
                Ok(replayed) => {
                    fs::write(&scenario.path, &replayed).expect("a scenario can be written");
                    scenario.text = replayed;
                }
                Err(fault) => differences.push(scenario.at(fault.line, &fault.message)),
            }
        }
        differences.extend(scenario.difference("core", CoreExecutor::start));
        differences.extend(scenario.difference("model", ModelExecutor::start));
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

#[test]
fn every_corner_case_is_shown_or_belongs_elsewhere() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let readme = fs::read_to_string(directory.join("README.md")).expect("there is a README");
    let texts = corpus().into_iter();
    let texts = texts.map(|scenario| (scenario.name(), scenario.text));
    let source = |path: &str| fs::read_to_string(directory.join(path)).ok();
    let wrong = check_cases(&readme, &texts.collect::<Vec<_>>(), source);
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_scenario_says_what_it_is_about() {
    for scenario in corpus() {
        let name = scenario.name();
        let mut lines = scenario.text.lines();
        let title = lines.next().unwrap_or_default();
        assert!(title.starts_with("# "), "{name}: a title");
        let explained = lines.skip_while(|line| *line == "#");
        let explained = explained.take_while(|line| line.starts_with('#')).count();
        assert!(explained >= 2, "{name}: why this matters");
    }
}

#[test]
fn a_wrong_record_is_noticed() {
    let wrong = Recorded {
        path: "wrong.txt".into(),
        text: "put a 1\n----\nrevision=3\n".to_owned(),
    };
    let core = wrong.difference("core", CoreExecutor::start);
    let model = wrong.difference("model", ModelExecutor::start);
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
