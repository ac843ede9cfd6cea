//! Every rule is shown trees that it must reject, and one that it must not.

use super::{rules::RULES, *};

struct Case {
    rule: &'static str,
    files: Vec<(&'static str, String)>,
    /// What each finding's line begins with, in order; empty where the tree is in order.
    findings: &'static [&'static str],
}

fn case(
    rule: &'static str,
    files: &[(&'static str, &str)],
    findings: &'static [&'static str],
) -> Case {
    let files = files
        .iter()
        .map(|(path, text)| (*path, (*text).to_owned()))
        .collect();
    Case {
        rule,
        files,
        findings,
    }
}

/// A case of one file is about that file's text: the rest of its crate is not there.
fn findings_of(case: &Case) -> Vec<String> {
    let files: Vec<(&str, &str)> = case
        .files
        .iter()
        .map(|(path, text)| (*path, text.as_str()))
        .collect();
    let mut breaches = check_except(&Tree::of(&files), &[]);
    if files.len() == 1 {
        breaches.retain(|(rule, _)| *rule != "files belong to a crate");
    }
    breaches
        .iter()
        .map(|(rule, finding)| format!("[{rule}] {finding}"))
        .collect()
}

fn assert_case(case: &Case) {
    let found = findings_of(case);
    let expected: Vec<String> = case
        .findings
        .iter()
        .map(|finding| format!("[{}] {finding}", case.rule))
        .collect();
    let agrees = found.len() == expected.len()
        && found
            .iter()
            .zip(&expected)
            .all(|(found, expected)| found.starts_with(expected));
    assert!(
        agrees,
        "{:?}\nexpected {expected:#?}\nfound {found:#?}",
        case.files
    );
}

#[test]
fn every_rule_rejects_what_breaks_it() {
    let cases = broken();
    for case in &cases {
        assert!(!case.findings.is_empty());
        assert_case(case);
    }
    for rule in RULES {
        let is_shown = cases.iter().any(|case| case.rule == rule.name);
        assert!(is_shown, "no broken tree for the rule {:?}", rule.name);
    }
}

#[test]
fn no_rule_rejects_what_is_in_order() {
    for case in fine() {
        assert_case(&case);
    }
}

fn broken() -> Vec<Case> {
    let mut cases = broken_core();
    cases.extend(broken_seams());
    cases.extend(broken_sizes());
    cases.extend(broken_documents());
    cases
}

fn broken_core() -> Vec<Case> {
    let core = |text, findings| case("core is pure", &[("core/src/a.rs", text)], findings);
    vec![
        core(
            "use std::{fmt,\n fs::File};",
            &["core/src/a.rs:2: std::fs: "],
        ),
        core(
            "use std::time::{Duration, Instant};",
            &["core/src/a.rs:1: Instant: "],
        ),
        core(
            "fn f() { std::time::SystemTime::now(); }",
            &["core/src/a.rs:1: SystemTime: "],
        ),
        core("use std::net::IpAddr;", &["core/src/a.rs:1: std::net: "]),
        core(
            "use std::collections::HashMap;",
            &["core/src/a.rs:1: HashMap: "],
        ),
        core(
            "type S = imbl::HashSet<u8>;",
            &["core/src/a.rs:1: HashSet: "],
        ),
        core(
            "fn f() { std::thread::yield_now(); }",
            &["core/src/a.rs:1: std::thread: "],
        ),
        core("\nasync fn f() {}", &["core/src/a.rs:2: async: "]),
        core("use tokio::sync::mpsc;", &["core/src/a.rs:1: tokio: "]),
        core(
            "fn f() -> u8 { rand::random() }",
            &["core/src/a.rs:1: rand: "],
        ),
        core("fn f() { println!(); }", &["core/src/a.rs:1: println!: "]),
        core("fn f(s: tonic::Status) {}", &["core/src/a.rs:1: tonic: "]),
        core(
            "#[derive(prost::Message)] struct M;",
            &["core/src/a.rs:1: prost: "],
        ),
        case(
            "core depends on little",
            &[
                (
                    "core/Cargo.toml",
                    "[dependencies]\nbytes.workspace = true\nhyper = \"1\"\n",
                ),
                ("core/README.md", ""),
            ],
            &["core/Cargo.toml:3: hyper: "],
        ),
        case(
            "openraft stays in its module",
            &[("server/src/node.rs", "use openraft::Raft;")],
            &["server/src/node.rs:1: openraft: "],
        ),
    ]
}

fn broken_seams() -> Vec<Case> {
    let server = |text, findings| {
        case(
            "simulated code is repeatable",
            &[("server/src/a.rs", text)],
            findings,
        )
    };
    vec![
        case(
            "madsim stays in the seams",
            &[("server/src/api/kv.rs", "#[cfg(not(madsim))]\nfn f() {}")],
            &["server/src/api/kv.rs:1: madsim: "],
        ),
        server(
            "use tokio::sync::{mpsc, watch};",
            &["server/src/a.rs:1: sync::watch: "],
        ),
        server(
            "fn f() { sync::watch::channel(1); }",
            &["server/src/a.rs:1: sync::watch: "],
        ),
        server("use tokio::fs;", &["server/src/a.rs:1: tokio::fs: "]),
        server(
            "fn f() { tokio::task::spawn_blocking(g); }",
            &["server/src/a.rs:1: spawn_blocking: "],
        ),
        server(
            "fn f() { std::thread::spawn(g); }",
            &["server/src/a.rs:1: thread::spawn: "],
        ),
        server(
            "fn f() { tokio::spawn(g()); }",
            &["server/src/a.rs:1: tokio::spawn: "],
        ),
        server(
            "use tokio::time::sleep;",
            &["server/src/a.rs:1: tokio::time: "],
        ),
        server("use std::fs;", &["server/src/a.rs:1: std::fs: "]),
        server(
            "fn f() { Instant::now(); }",
            &["server/src/a.rs:1: Instant::now: "],
        ),
        case(
            "simulated code is repeatable",
            &[(
                "server/src/disk/a.rs",
                "fn f() { std::time::SystemTime::now(); }",
            )],
            &["server/src/disk/a.rs:1: SystemTime::now: "],
        ),
        case(
            "simulated code is repeatable",
            &[("sim/src/a.rs", "use tokio::sync::watch;")],
            &["sim/src/a.rs:1: sync::watch: "],
        ),
        case(
            "select is biased",
            &[(
                "sim/src/a.rs",
                "f();\ntokio::select! { x = a => {}, _ = b => {} }",
            )],
            &["sim/src/a.rs:2: select!: "],
        ),
    ]
}

fn broken_sizes() -> Vec<Case> {
    let long_file = "fn a() {}\n".repeat(601);
    let long_function = format!(
        "impl A {{\nfn f<T>(x: [u8; 2]) -> T {{\n{}}}\n}}\n",
        "x;\n".repeat(69)
    );
    vec![
        case(
            "files belong to a crate",
            &[
                ("core/src/lib.rs", "mod b; // mod a;"),
                ("core/src/b.rs", ""),
                ("core/src/a.rs", ""),
            ],
            &["core/src/a.rs:0: "],
        ),
        case(
            "files are short",
            &[("core/src/a.rs", &long_file)],
            &["core/src/a.rs:0: 601 lines"],
        ),
        case(
            "functions are short",
            &[("core/src/a.rs", &long_function)],
            &["core/src/a.rs:2: fn f: 71 lines"],
        ),
    ]
}

fn broken_documents() -> Vec<Case> {
    let unfinished =
        |path, text, findings| case("nothing is left unfinished", &[(path, text)], findings);
    let machine = concat!("dir=/wo", "rk/main\n");
    vec![
        unfinished(
            "core/src/a.rs",
            "fn f() { todo!() }",
            &["core/src/a.rs:1: todo: "],
        ),
        unfinished(
            "sim/src/a.rs",
            "fn f() { core::unimplemented!() }",
            &["sim/src/a.rs:1: unimplemented: "],
        ),
        unfinished(
            "core/src/a.rs",
            "\n/* FIXME: */ fn f() {}",
            &["core/src/a.rs:2: FIXME: "],
        ),
        unfinished("ci/a", "# XXX later", &["ci/a:1: XXX: "]),
        unfinished("a.toml", "# HACK", &["a.toml:1: HACK: "]),
        unfinished("a.md", "TODO(x)", &["a.md:1: TODO: "]),
        case(
            "oracles are listed and tested",
            &[
                ("sim/src/lib.rs", "mod oracles;"),
                (
                    "sim/src/oracles/mod.rs",
                    "mod helper; mod watch; const T: &[fn()] = &[];",
                ),
                ("sim/src/oracles/helper.rs", "fn order() {}"),
                ("sim/src/oracles/watch.rs", "fn check() {} fn reject() {}"),
            ],
            &[
                "sim/src/oracles/watch.rs:0: sim/src/oracles/tests/mod.rs has no test",
                "sim/src/oracles/watch.rs:0: there is no sim/histories/watch/broken-",
                "sim/src/oracles/watch.rs:0: watch::check is not in",
            ],
        ),
        case(
            "crates have a README",
            &[("a/Cargo.toml", "[package]")],
            &["a/Cargo.toml:0: "],
        ),
        case(
            "links lead somewhere",
            &[("a/b.md", "[x](c.md) and [y](../d#e)\n[z](../../b.md)")],
            &[
                "a/b.md:1: the link to ../d#e",
                "a/b.md:1: the link to c.md",
                "a/b.md:2: ",
            ],
        ),
        case(
            "no path of one machine",
            &[("ci/a", machine)],
            &["ci/a:1: "],
        ),
    ]
}

fn fine() -> Vec<Case> {
    let rust = |path: &'static str, text: &str| case("", &[(path, text)], &[]);
    let tests = format!(
        "#[cfg(test)]\nmod tests {{\nfn f() {{\n{}}}\n}}",
        "x;\n".repeat(700)
    );
    vec![
        rust(
            "core/src/a.rs",
            "// Instant, HashMap, tokio\nconst T: &str = \"println! std::fs\";",
        ),
        rust(
            "core/src/a.rs",
            "use std::time::Duration; use std::collections::BTreeMap;",
        ),
        rust(
            "core/src/a.rs",
            "#[cfg(test)]\nmod tests { use std::collections::HashMap; }",
        ),
        rust("core/src/a.rs", &tests),
        rust(
            "core/src/a.rs",
            "fn f(g: fn(u8) -> u8); fn operand(brand: u8) {}",
        ),
        rust("server/src/raft/mod.rs", "use openraft::Raft;"),
        rust(
            "server/src/clock.rs",
            "#[cfg(madsim)] fn f() { Instant::now(); }",
        ),
        rust(
            "server/src/a.rs",
            "f!(tokio::select! { biased; x = a => {} });",
        ),
        rust(
            "sim/src/a.rs",
            "fn f() { std::thread::spawn(g); std::time::Instant::now(); }",
        ),
        rust(
            "server/src/a.rs",
            "const A: &str = \"TODO\"; // XXXX todo unfinished",
        ),
        rust(
            "ci/a",
            "mktemp -d quorate.XXXXXX # ~/work, data/root, /workers",
        ),
        case(
            "",
            &[
                ("sim/src/lib.rs", "mod oracles;"),
                (
                    "sim/src/oracles/mod.rs",
                    "mod watch; const T: &[F] = &[watch::check]; mod tests;",
                ),
                ("sim/src/oracles/watch.rs", "fn check() {}"),
                (
                    "sim/src/oracles/tests/mod.rs",
                    "#[test] fn each_rejects_its_broken_histories() {}",
                ),
                ("sim/histories/watch/broken-gap", ""),
            ],
            &[],
        ),
        case(
            "",
            &[
                ("core/src/lib.rs", "pub mod a;"),
                ("core/src/a.rs", "mod b; #[cfg(test)] mod tests;"),
                ("core/src/a/b/mod.rs", "mod c;"),
                ("core/src/a/b/c.rs", ""),
                ("core/src/a/tests.rs", ""),
                ("core/src/bin/d.rs", ""),
                ("core/tests/e.rs", ""),
            ],
            &[],
        ),
        case(
            "",
            &[
                (
                    "a.md",
                    "[a](b/c.md#d) [e](b) [f](https://g) [h](#i) `[j](k)`\n```\n[l](m)\n```",
                ),
                ("b/c.md", "[a](../a.md)"),
            ],
            &[],
        ),
    ]
}

#[test]
fn an_exception_needs_a_use_and_a_reason() {
    let tree = Tree::of(&[("core/src/lib.rs", "use tokio::sync;")]);
    let exception = |what, reason| Exception {
        rule: "core is pure",
        path: "core/src/lib.rs",
        what,
        reason,
    };
    assert_eq!(
        check_except(&tree, &[exception("tokio", "for the test")]),
        []
    );
    assert_eq!(check_except(&tree, &[exception("tokio", "")]).len(), 1);
    assert_eq!(
        check_except(&tree, &[exception("std::fs", "for the test")]).len(),
        2
    );
}

#[test]
fn long_files_are_reported_before_they_are_refused() {
    let text = "fn a() {}\n".repeat(401);
    let tree = Tree::of(&[("core/src/lib.rs", &text)]);
    assert_eq!(long_files(&tree).len(), 1);
    assert_eq!(check_except(&tree, &[]), []);
}
