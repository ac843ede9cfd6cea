use super::*;

fn environment(variables: &[(&str, &str)]) -> BTreeMap<String, String> {
    variables
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_string()))
        .collect()
}

fn parse_flags(flags: &[&str], variables: &[(&str, &str)]) -> Result<Invocation, UsageError> {
    parse(["quorate"].iter().chain(flags), &environment(variables))
}

fn options(flags: &[&str], variables: &[(&str, &str)]) -> Options {
    match parse_flags(flags, variables) {
        Ok(Invocation::Run { options, .. }) => *options,
        other => panic!("{flags:?} gave {other:?}"),
    }
}

fn refusal_of(flags: &[&str]) -> String {
    let error = parse_flags(flags, &[]).unwrap_err();
    let code = if error.exit_code() == ExitCode::from(2) {
        2
    } else {
        1
    };
    format!("{code}: {error}")
}

fn printed(flag: &str) -> String {
    match parse_flags(&[flag], &[]) {
        Ok(Invocation::Print(text)) => text,
        other => panic!("{flag} gave {other:?}"),
    }
}

#[test]
fn etcds_defaults() {
    let options = options(&[], &[]);
    assert_eq!(options.name, "default");
    assert_eq!(
        (options.heartbeat_interval, options.election_timeout),
        (100, 1000)
    );
    assert_eq!(
        (options.quota_backend_bytes, options.max_request_bytes),
        (0, 1_572_864)
    );
    assert_eq!(options.max_txn_ops, 128);
    assert_eq!(options.max_concurrent_streams, u32::MAX);
    assert_eq!(options.initial_cluster_token, "etcd-cluster");
    assert_eq!(options.initial_cluster_state, ClusterState::New);
    assert_eq!(
        (options.log_level, options.log_format),
        (LogLevel::Info, LogFormat::Console)
    );
    assert!(options.data_dir.is_none() && options.initial_cluster.is_none());
}

#[test]
fn one_dash_two_dashes_and_equals_signs_are_one() {
    for flags in [
        ["-name", "x"].as_slice(),
        &["--name", "x"],
        &["-name=x"],
        &["--name=x"],
    ] {
        assert_eq!(options(flags, &[]).name, "x");
    }
    assert_eq!(
        options(&["-quota-backend-bytes", "-1"], &[]).quota_backend_bytes,
        -1
    );
}

#[test]
fn of_a_repeated_flag_the_last_one_counts() {
    assert_eq!(options(&["--name", "a", "--name", "b"], &[]).name, "b");
}

#[test]
fn urls_are_sorted_and_each_is_there_once() {
    let flags = ["--listen-peer-urls", "http://b:1, http://a:1,http://b:1"];
    let urls = options(&flags, &[])
        .listen_peer_urls
        .unwrap()
        .into_given()
        .unwrap();
    assert_eq!(format!("{urls:?}"), "[http://a:1, http://b:1]");
    let empty = options(&["--listen-peer-urls", ""], &[])
        .listen_peer_urls
        .unwrap();
    assert_eq!(empty.into_given(), None);
}

#[test]
fn the_environment_fills_in_what_the_command_line_leaves_open() {
    let variables = [
        ("ETCD_NAME", "e"),
        ("ETCD_MAX_TXN_OPS", "7"),
        ("ETCD_DATA_DIR", ""),
    ];
    let options = options(&["--log-level", "warn"], &variables);
    assert_eq!((options.name.as_str(), options.max_txn_ops), ("e", 7));
    assert_eq!(
        (options.log_level, options.data_dir),
        (LogLevel::Warn, None)
    );
}

#[test]
fn a_flag_and_its_variable_together_are_fatal() {
    let error = parse_flags(&["-name", "y"], &[("ETCD_NAME", "x")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "conflicting environment variable is shadowed by corresponding command-line flag (either \
         unset environment variable or disable flag)): ETCD_NAME"
    );
    assert_eq!(error.exit_code(), ExitCode::from(1));
}

#[test]
fn a_bad_variable_is_named() {
    let refused = |name, value| parse_flags(&[], &[(name, value)]).unwrap_err().to_string();
    assert_eq!(
        refused("ETCD_HEARTBEAT_INTERVAL", "abc"),
        r#"invalid value "abc" for ETCD_HEARTBEAT_INTERVAL: invalid digit found in string"#
    );
    assert_eq!(
        refused("ETCD_LOG_FORMAT", "xml"),
        r#"invalid value "xml" for ETCD_LOG_FORMAT: [possible values: console, json]"#
    );
}

#[test]
fn variables_that_no_flag_has_are_reported() {
    let variables = [
        ("ETCD_NAM", "x"),
        ("ETCDCTL_API", "3"),
        ("ETCD_VERSION", "3"),
        ("PATH", ""),
    ];
    let Ok(Invocation::Run {
        unrecognized_variables,
        ..
    }) = parse_flags(&[], &variables)
    else {
        panic!("variables that no flag has are no error");
    };
    assert_eq!(unrecognized_variables, ["ETCD_NAM", "ETCD_VERSION"]);
}

#[test]
fn what_is_no_flag_is_refused_in_one_line() {
    let cases = [
        (
            ["--nam", "x"].as_slice(),
            "2: unknown flag --nam; did you mean --name?",
        ),
        (
            &["-listen-client-url=x"],
            "2: unknown flag --listen-client-url; did you mean --listen-client-urls?",
        ),
        (&["--zzz"], "2: unknown flag --zzz; see quorate --help"),
        (
            &["foo"],
            "1: \"foo\" is not a valid flag; flags begin with --, see quorate --help",
        ),
        (
            &["--name"],
            "2: a value is required for '--name <NAME>' but none was supplied; see quorate --help",
        ),
        (
            &["--election-timeout", "x"],
            "2: invalid value 'x' for '--election-timeout <MS>': invalid digit found in string; \
             see quorate --help",
        ),
        (
            &["--listen-client-urls", "foo"],
            "2: invalid value 'foo' for '--listen-client-urls <URLS>': URL scheme must be http, \
             https, unix, or unixs: foo; see quorate --help",
        ),
        (
            &["--log-level", "loud"],
            "2: invalid value 'loud' for '--log-level <LEVEL>' [possible values: debug, info, \
             warn, error]; see quorate --help",
        ),
    ];
    for (flags, expected) in cases {
        assert_eq!(refusal_of(flags), expected);
    }
}

#[test]
fn help_shows_headings_defaults_variables_and_an_example() {
    for flag in ["-h", "--help", "-help"] {
        let help = printed(flag);
        for part in [
            "Member:\n",
            "Clustering:\n",
            "Limits:\n",
            "Logging:\n",
            "[env: ETCD_LISTEN_CLIENT_URLS] [default: http://localhost:2379]\n",
            "[env: ETCD_ELECTION_TIMEOUT] [default: 1000]\n",
            "[env: ETCD_SNAPSHOT_COUNT] [default: by the size of the log]\n",
            "Example",
        ] {
            assert!(help.contains(part), "{part:?} is not in\n{help}");
        }
        assert!(!help.contains("ETCD_HELP") && !help.contains("ETCD_VERSION"));
        assert!(
            help.lines().all(|line| line.chars().count() <= 100),
            "too wide:\n{help}"
        );
    }
}

#[test]
fn the_version_is_printed_with_one_dash_or_two() {
    for flag in ["--version", "-version"] {
        assert!(printed(flag).starts_with("etcd Version: "));
    }
}
