//! Which corner cases of the contract the scenarios show, and where the others belong.

use std::collections::{BTreeMap, BTreeSet};

/// The contract numbers its corner cases from 1 up to this.
const CASES: u32 = 190;

/// The layers above the core that have cases of their own.
const LAYERS: &[&str] = &["api", "server", "cluster", "tls", "http", "cli", "import"];

/// Where a case is shown: in scenarios, by file name, or in a later layer.
type Places = BTreeSet<String>;

/// Holds the table of corner cases in the README of the scenarios against the scenarios, given as
/// (file name, text). Returns what is wrong, one line each.
///
/// A row of the table is `| cases | place | remark |`: numbers and spans of numbers; names of
/// files, or the name of a layer; and why there.
pub fn check_cases(readme: &str, scenarios: &[(String, String)]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut table: BTreeMap<u32, Places> = BTreeMap::new();
    for (cases, places) in readme.lines().filter_map(row) {
        for case in cases {
            if table.insert(case, places.clone()).is_some() {
                wrong.push(format!("corner case {case} is in the table twice"));
            }
        }
    }
    let mut shown: BTreeMap<u32, Places> = BTreeMap::new();
    for (file, text) in scenarios {
        for case in named(text) {
            shown.entry(case).or_default().insert(file.clone());
        }
    }
    for case in 1..=CASES {
        let (places, files) = (table.remove(&case), shown.remove(&case));
        match (places, files) {
            (None, _) => wrong.push(format!("corner case {case} is not in the table")),
            (Some(places), None) if !places.iter().all(|place| LAYERS.contains(&&**place)) => {
                wrong.push(format!("corner case {case} is not shown by {places:?}"));
            }
            (Some(places), Some(files)) if places != files => {
                wrong.push(format!(
                    "corner case {case} is shown by {files:?}, the table says {places:?}"
                ));
            }
            _ => {}
        }
    }
    let unknown = table.keys().chain(shown.keys());
    wrong.extend(unknown.map(|case| format!("there is no corner case {case}")));
    wrong
}

/// The cases and places of a row; `None` for other lines.
fn row(line: &str) -> Option<(Vec<u32>, Places)> {
    let cells = line.strip_prefix('|')?.strip_suffix('|')?;
    let mut cells = cells.split('|').map(str::trim);
    let cases = cells.next()?.split(',').map(|span| span_of(span.trim()));
    let cases: Option<Vec<Vec<u32>>> = cases.collect();
    let places = cells.next()?.split(',').map(|place| {
        let name = place.trim().trim_start_matches('[');
        name.split(']').next().unwrap_or_default().to_owned()
    });
    Some((cases?.concat(), places.collect()))
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

    #[test]
    fn a_table_that_is_right_is_accepted() {
        let readme = table_with("| 1 | [a.txt](a.txt) | |");
        let wrong = check_cases(&readme, &scenario("# So it is [1].\n"));
        assert_eq!(wrong, [""; 0]);
    }

    #[test]
    fn what_is_missing_or_elsewhere_is_noticed() {
        let in_file = table_with("| 1 | [a.txt](a.txt) | |");
        for (readme, text, expected) in [
            (table_with(""), "", "corner case 1 is not in the table"),
            (
                in_file.clone(),
                "",
                "corner case 1 is not shown by {\"a.txt\"}",
            ),
            (
                table_with("| 1 | api | |"),
                "# [1]\n",
                "corner case 1 is shown by {\"a.txt\"}, the table says {\"api\"}",
            ),
            (
                in_file.clone(),
                "# [1, 2]\n",
                "corner case 2 is shown by {\"a.txt\"}, the table says {\"api\"}",
            ),
            (in_file, "# [1, 191]\n", "there is no corner case 191"),
            (
                table_with("| 1–2 | api | |"),
                "",
                "corner case 2 is in the table twice",
            ),
        ] {
            assert_eq!(check_cases(&readme, &scenario(text)), [expected]);
        }
    }
}
