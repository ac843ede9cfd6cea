//! A checker that nobody runs, or that has never said no, is worth nothing: each oracle is in the
//! table of its `mod.rs` and has recorded histories that it must reject, and a test goes by them.

use super::finding;
use crate::tidy::{Finding, Tree, source::Source};

const ORACLES: &str = "sim/src/oracles/";
const TABLE: &str = "sim/src/oracles/mod.rs";
const SELF_TEST: &str = "sim/src/oracles/tests/mod.rs";
const HISTORIES: &str = "sim/histories/";

pub(super) fn oracles_are_listed_and_tested(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, name) in oracles(tree) {
        if !is_listed(tree, name) {
            findings.push(finding(
                path,
                0,
                format!("{name}::check is not in {TABLE}: list it"),
            ));
        }
        let broken = format!("{HISTORIES}{name}/broken-");
        if tree.paths_from(&broken).next().is_none() {
            let message = format!("there is no {broken}…: show it a history that it must reject");
            findings.push(finding(path, 0, message));
        }
        if !tree.source(SELF_TEST).is_some_and(has_rejecting_test) {
            let message = format!("{SELF_TEST} has no test named `…reject…`: write it");
            findings.push(finding(path, 0, message));
        }
    }
    findings
}

/// The file and the name of each oracle: a module beside the table that has a function `check`.
fn oracles(tree: &Tree) -> impl Iterator<Item = (&str, &str)> {
    tree.sources().filter_map(|(path, source)| {
        let inner = path.strip_prefix(ORACLES)?.strip_suffix(".rs")?;
        let name = inner.strip_suffix("/mod").unwrap_or(inner);
        let is_module = !name.contains('/') && name != "mod";
        (is_module && functions(source).any(|function| function == (false, "check")))
            .then_some((path, name))
    })
}

fn is_listed(tree: &Tree, name: &str) -> bool {
    let Some(table) = tree.source(TABLE) else {
        return false;
    };
    table
        .product_paths
        .iter()
        .any(|path| path.has(&format!("{name}::check")))
}

fn has_rejecting_test(source: &Source) -> bool {
    functions(source).any(|(is_test, name)| is_test && name.contains("reject"))
}

/// The functions of a file: whether it belongs to tests, and its name.
fn functions(source: &Source) -> impl Iterator<Item = (bool, &str)> {
    let pairs = source.tokens.windows(2).filter(|pair| pair[0].text == "fn");
    pairs.map(|pair| (source.is_test(pair[0].line), pair[1].text.as_str()))
}
