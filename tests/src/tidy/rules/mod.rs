//! The rules. `tests.rs` beside the table of [`RULES`] has for each a tree that it must reject.

mod absences;
mod docs;
mod markers;
mod modules;
mod oracles;
mod seams;
pub(super) mod size;

use super::{Finding, Rule, Tree};

pub(super) const RULES: &[Rule] = &[
    rule("core is pure", absences::core_is_pure),
    rule("core depends on little", absences::core_depends_on_little),
    rule(
        "openraft stays in its module",
        absences::openraft_stays_in_its_module,
    ),
    rule(
        "madsim stays in the seams",
        seams::madsim_stays_in_the_seams,
    ),
    rule(
        "simulated code is repeatable",
        seams::simulated_code_is_repeatable,
    ),
    rule("select is biased", seams::select_is_biased),
    rule("files belong to a crate", modules::files_belong_to_a_crate),
    rule("files are short", size::files_are_short),
    rule("functions are short", size::functions_are_short),
    rule(
        "nothing is left unfinished",
        markers::nothing_is_left_unfinished,
    ),
    rule(
        "oracles are listed and tested",
        oracles::oracles_are_listed_and_tested,
    ),
    rule("crates have a README", docs::crates_have_a_readme),
    rule("links lead somewhere", docs::links_lead_somewhere),
    rule("no path of one machine", docs::no_path_of_one_machine),
];

const fn rule(name: &'static str, check: fn(&Tree) -> Vec<Finding>) -> Rule {
    Rule { name, check }
}

fn finding(path: &str, line: usize, message: impl Into<String>) -> Finding {
    Finding {
        path: path.to_owned(),
        line,
        message: message.into(),
    }
}
