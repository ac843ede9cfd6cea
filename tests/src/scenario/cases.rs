//! Which corner cases of the contract the scenarios show, and where the others belong.

use std::collections::{BTreeMap, BTreeSet};

/// The contract numbers its corner cases from 1 up to this.
const CASES: u32 = 190;

/// The layers above the core that have cases of their own.
const LAYERS: &[&str] = &["api", "server", "cluster", "tls", "http", "cli", "import"];

/// Where a row of the table says that its cases are shown.
#[derive(Clone, Debug, Default)]
struct Places {
    /// Scenarios, by file name.
    scenarios: BTreeSet<String>,
    /// Tests, by function and by the path of their file from the README.
    tests: Vec<(String, String)>,
    /// Layers that do not show them yet, or elsewhere.
    layers: Vec<String>,
}

/// Holds the table of corner cases in the README of the scenarios against the scenarios, given as
/// (file name, text), and against the sources of tests, which `source` gives by their path from
/// the README. Returns what is wrong, one line each.
///
/// A row of the table is `| cases | places | remark |`: numbers and spans of numbers; links to
/// scenarios, links to tests (`[function](path.rs)`), or the name of a layer; and why there.
pub fn check_cases(
    readme: &str,
    scenarios: &[(String, String)],
    source: impl Fn(&str) -> Option<String>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut table: BTreeMap<u32, Places> = BTreeMap::new();
    for (cases, places) in readme.lines().filter_map(row) {
        wrong.extend(missing_tests(&places, &source));
        for case in cases {
            if table.insert(case, places.clone()).is_some() {
                wrong.push(format!("corner case {case} is in the table twice"));
            }
        }
    }
    let mut shown: BTreeMap<u32, BTreeSet<String>> = BTreeMap::new();
    for (file, text) in scenarios {
        for case in named(text) {
            shown.entry(case).or_default().insert(file.clone());
        }
    }
    for case in 1..=CASES {
        let Some(places) = table.remove(&case) else {
            wrong.push(format!("corner case {case} is not in the table"));
            continue;
        };
        let files = shown.remove(&case).unwrap_or_default();
        if places.scenarios != files {
            let named = places.scenarios;
            wrong.push(format!(
                "corner case {case} is shown by {files:?}, the table says {named:?}"
            ));
        } else if files.is_empty() && places.tests.is_empty() && places.layers.is_empty() {
            wrong.push(format!("corner case {case} is shown nowhere"));
        }
    }
    let unknown = table.keys().chain(shown.keys());
    wrong.extend(unknown.map(|case| format!("there is no corner case {case}")));
    wrong
}

/// Tests that a row names and that are not there.
fn missing_tests(places: &Places, source: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let tests = places.tests.iter();
    let missing = tests.filter(|(function, path)| {
        let source = source(path).unwrap_or_default();
        !source.contains(&format!("fn {function}("))
    });
    missing
        .map(|(function, path)| format!("there is no test {function} in {path}"))
        .collect()
}

/// The cases and places of a row; `None` for other lines.
fn row(line: &str) -> Option<(Vec<u32>, Places)> {
    let cells = line.strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = cells.split('|').map(str::trim);
    let cases = cells.next()?.split(',').map(|span| span_of(span.trim()));
    let cases: Option<Vec<Vec<u32>>> = cases.collect();
    let mut places = Places::default();
    for place in cells.next()?.split(',').map(str::trim) {
        match link(place) {
            Some((test, path)) if path.ends_with(".rs") => places.tests.push((test, path)),
            Some((scenario, _)) => _ = places.scenarios.insert(scenario),
            None if LAYERS.contains(&place) => places.layers.push(place.to_owned()),
            None => _ = places.scenarios.insert(place.to_owned()),
        }
    }
    Some((cases?.concat(), places))
}

/// `[text](target)`
fn link(place: &str) -> Option<(String, String)> {
    let (text, target) = place.strip_prefix('[')?.split_once("](")?;
    let target = target.strip_suffix(')')?;
    Some((text.to_owned(), target.to_owned()))
}

/// `7`, or `7–9`.
fn span_of(span: &str) -> Option<Vec<u32>> {
    let (first, last) = span.split_once('–').unwrap_or((span, span));
    Some((first.parse().ok()?..=last.parse().ok()?).collect())
}

/// The numbers in brackets in a scenario's comments: `[7]`, `[7, 9]`.
fn named(scenario: &str) -> BTreeSet<u32> {
    let comments = scenario.lines().filter(|line| line.starts_with('#'));
    let bracketed = comments.flat_map(|line| line.split('[').skip(1));
    let inside = bracketed.filter_map(|after| Some(after.split_once(']')?.0));
    let numbers = inside.flat_map(|inside| inside.split(','));
    numbers
        .filter_map(|number| number.trim().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table_with(row: &str) -> String {
        format!("| case | where | why |\n|---|---|---|\n{row}\n| 2–190 | api | later |\n")
    }

    fn scenario(text: &str) -> Vec<(String, String)> {
        vec![("a.txt".to_owned(), text.to_owned())]
    }

    fn source(path: &str) -> Option<String> {
        (path == "a.rs").then(|| "#[test]\nfn is_so() {}\n".to_owned())
    }

    #[test]
    fn a_table_that_is_right_is_accepted() {
        for (row, text) in [
            ("| 1 | [a.txt](a.txt) | |", "# So it is [1].\n"),
            ("| 1 | [is_so](a.rs) | |", ""),
            ("| 1 | [a.txt](a.txt), [is_so](a.rs) | |", "# [1]\n"),
        ] {
            let wrong = check_cases(&table_with(row), &scenario(text), source);
            assert_eq!(wrong, [""; 0]);
        }
    }

    #[test]
    fn what_is_missing_or_elsewhere_is_noticed() {
        let in_file = "| 1 | [a.txt](a.txt) | |";
        for (row, text, expected) in [
            ("", "", "corner case 1 is not in the table"),
            (
                in_file,
                "",
                "corner case 1 is shown by {}, the table says {\"a.txt\"}",
            ),
            (
                "| 1 | api | |",
                "# [1]\n",
                "corner case 1 is shown by {\"a.txt\"}, the table says {}",
            ),
            (
                in_file,
                "# [1, 2]\n",
                "corner case 2 is shown by {\"a.txt\"}, the table says {}",
            ),
            (in_file, "# [1, 191]\n", "there is no corner case 191"),
            ("| 1–2 | api | |", "", "corner case 2 is in the table twice"),
            (
                "| 1 | [is_not](a.rs) | |",
                "",
                "there is no test is_not in a.rs",
            ),
            (
                "| 1 | [is_so](b.rs) | |",
                "",
                "there is no test is_so in b.rs",
            ),
        ] {
            let wrong = check_cases(&table_with(row), &scenario(text), source);
            assert_eq!(wrong, [expected]);
        }
    }
}
