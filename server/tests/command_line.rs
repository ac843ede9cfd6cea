//! The binary's first steps, as a shell sees them: what it prints where, and its exit code.

use std::process::{Command, Output};

fn quorate(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_quorate"))
        .args(arguments)
        .env_clear()
        .envs(variables.iter().copied())
        .output()
        .expect("the binary was built for this test")
}

#[track_caller]
fn assert_refused(output: &Output, code: i32, line: &str) {
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("quorate: {line}\n")
    );
    assert_eq!(output.status.code(), Some(code));
    assert!(output.stdout.is_empty());
}

#[test]
fn versions_and_help_go_to_standard_output() {
    for (flag, first_words) in [("--version", "etcd Version: "), ("--help", "A replicated")] {
        let output = quorate(&[flag], &[]);
        assert_eq!(output.status.code(), Some(0));
        assert!(String::from_utf8_lossy(&output.stdout).starts_with(first_words));
        assert!(output.stderr.is_empty());
    }
}

#[test]
fn a_flag_that_cannot_be_ends_with_2() {
    let output = quorate(&["--data-dri", "x"], &[]);
    assert_refused(
        &output,
        2,
        "unknown flag --data-dri; did you mean --data-dir?",
    );
}

#[test]
fn flags_that_do_not_go_together_end_with_1() {
    let output = quorate(&["--heartbeat-interval=500"], &[]);
    let line = "--election-timeout[1000ms] should be at least as 5 times as \
                --heartbeat-interval[500ms]; raise the one or lower the other";
    assert_refused(&output, 1, line);
    let output = quorate(&["serve"], &[]);
    assert_refused(
        &output,
        1,
        r#""serve" is not a valid flag; flags begin with --, see quorate --help"#,
    );
}

#[test]
fn a_flag_and_its_variable_end_with_1() {
    let output = quorate(&["--name", "a"], &[("ETCD_NAME", "b")]);
    let line = "conflicting environment variable is shadowed by corresponding command-line flag \
                (either unset environment variable or disable flag)): ETCD_NAME";
    assert_refused(&output, 1, line);
}

#[test]
fn the_environment_is_read() {
    let output = quorate(&[], &[("ETCD_ELECTION_TIMEOUT", "60000")]);
    let line = "--election-timeout[60000ms] is too long, and should be set less than 50000ms; \
                lower it";
    assert_refused(&output, 1, line);
}
