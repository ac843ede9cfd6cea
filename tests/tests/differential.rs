//! The scripts of the differential test, without servers: they are what they say, and the core and
//! its model answer them alike. `server/tests/process/differential.rs` runs them on servers.

use quorate_tests::{
    differential::{Admission, generate, shrink},
    scenario::{CoreExecutor, ModelExecutor, Request, Step, read_script, replay, write_script},
};

const SEEDS: std::ops::Range<u64> = 1..21;
const STEPS: usize = 600;

#[test]
fn a_script_is_read_as_it_was_written() {
    for seed in SEEDS {
        let script = generate(seed, STEPS);
        let text = write_script(&script);
        assert_eq!(read_script(&text), Ok(script), "seed {seed}:\n{text}");
    }
}

#[test]
fn a_seed_makes_one_script() {
    assert_eq!(generate(7, STEPS), generate(7, STEPS));
    assert_ne!(generate(7, STEPS), generate(8, STEPS));
}

#[test]
fn the_model_answers_scripts_as_the_core_does() {
    for seed in SEEDS {
        let text = write_script(&generate(seed, STEPS));
        let core = replay(&text, CoreExecutor::start).expect("a scenario");
        let model = replay(&text, ModelExecutor::start).expect("a scenario");
        assert!(core == model, "seed {seed}");
    }
}

/// Every kind of call is among the scripts, allowed and refused.
#[test]
fn scripts_hold_everything() {
    let mut text = String::new();
    for seed in SEEDS {
        let script = write_script(&generate(seed, STEPS));
        text += &replay(&script, CoreExecutor::start).expect("a scenario");
    }
    for word in [
        "put ",
        "get ",
        "del ",
        "txn\n",
        "  then txn\n",
        "compact ",
        "hashkv",
        "lease grant ",
        "lease revoke ",
        "lease keep-alive ",
        "lease timetolive ",
        "lease list",
        "watch create ",
        "watch cancel ",
        "watch progress",
        "watch receive",
        "auth enable",
        "auth disable",
        "auth status",
        "user add ",
        "user delete ",
        "user passwd ",
        "user grant-role ",
        "user revoke-role ",
        "user get ",
        "user list",
        "role add ",
        "role delete ",
        "role grant-permission ",
        "role revoke-permission ",
        "role get ",
        "role list",
        "login ",
        "as root",
        "as nobody",
        "sort=",
        "limit=",
        "min_create_revision=",
        "keys_only",
        "count_only",
        "serializable",
        "prev_kv",
        "ignore_value",
        "ignore_lease",
        "key is not provided",
        "duplicate key given",
        "too many operations",
        "has been compacted",
        "is a future revision",
        "requested lease not found",
        "lease already exists",
        "too large lease TTL",
        "permission denied",
        "user name is empty",
        "key not found",
        "DELETE ",
        "canceled",
        "progress\n",
        "duplicate watch ID",
        "watcher range is empty",
    ] {
        assert!(text.contains(word), "no script has {word:?}");
    }
}

#[test]
fn what_differs_on_purpose_is_not_let_in() {
    let before = "put a 1\n\nput b 2\n\ntxn\n  then del \\0..\n  then put b 3\n\n";
    for (text, is_let_in) in [
        ("hashkv\n", true),
        ("compact 3\n\nhashkv\n", false),
        ("compact 3\n\nhashkv revision=3\n", false),
        ("compact 0\n\nhashkv\n", false),
        ("compact 3\n", true),
        ("compact 4\n", false),
        ("watch create a\n\nwatch progress\n", true),
        (
            "compact 3\n\nwatch create a start_revision=2\n\nwatch progress\n",
            false,
        ),
        ("role get root\n", false),
        ("txn\n  then put a \"\" ignore_value\n", true),
        (
            "txn\n  then del a\n  else txn\n    then put b \"\" ignore_value\n",
            false,
        ),
    ] {
        let script = read_script(&format!("{before}{text}")).expect("a script");
        assert_eq!(Admission::admits(&script), is_let_in, "{text}");
    }
}

/// Whatever is not needed goes: other steps, and other parts of a transaction.
#[test]
fn a_script_is_shrunk_to_what_shows_the_difference() {
    let puts_and_asks = |steps: &[Step]| {
        let has_put = |step: &Step| matches!(step, Step::Call(Request::Put(_)));
        let is_txn_with_a_nested_one =
            |step: &Step| write_script(std::slice::from_ref(step)).contains("then txn");
        let put = steps.iter().position(has_put)?;
        let txn = steps[put..].iter().position(is_txn_with_a_nested_one)?;
        Some(put + txn + 1)
    };
    let script = generate(3, STEPS);
    assert!(puts_and_asks(&script).is_some());
    let shrunk = shrink(script, puts_and_asks);
    let text = write_script(&shrunk);
    assert!(text.starts_with("put "), "{text}");
    assert!(text.ends_with("\ntxn\n  then txn\n"), "{text}");
    assert_eq!(shrunk.len(), 2, "{text}");
}
