//! Planted bugs: each must be found, on a plan that is well without it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::ControlFlow,
    time::Duration,
};

use super::{
    Ending, Failure, Settings, at_path,
    cause::Cause,
    examine::Examinee,
    many::{Run, Verdict, each},
    say,
    seeds::Seeds,
    shrink,
};
use crate::{
    mutants::{Mutant, focus},
    oracles::ORACLES,
};

/// Which bugs are hunted, and for how long.
pub(super) struct Hunt {
    /// All of them if this is empty.
    pub(super) mutants: Vec<Mutant>,
    /// The seeds of the first sample; the next one's follow them.
    pub(super) seeds: Seeds,
    /// How often each bug is hunted.
    pub(super) samples: u64,
    /// How long to shrink the plan that has caught a bug, to tell which faults that takes.
    pub(super) shrink: Option<Duration>,
}

/// Hunts each bug, and prints a table: what caught it, and how many runs that took.
pub(super) fn mutants(hunt: &Hunt, settings: &Settings) -> Result<Ending, Failure> {
    let mutants = match hunt.mutants.as_slice() {
        [] => Mutant::ALL,
        some => some,
    };
    say("| bug | caught by | runs until then, median | all |\n|---|---|--:|---|");
    let mut survivors = Vec::new();
    let mut faults = Faults::default();
    for &mutant in mutants {
        let mut fates = Vec::new();
        for sample in 0..hunt.samples.max(1) {
            fates.push(track(mutant, hunt.seeds.after(sample), settings)?);
        }
        say(&row(mutant, &fates));
        if let (Some(budget), Some(Fate::Caught { seed, by, .. })) = (hunt.shrink, fates.first()) {
            faults.note(&needed(mutant, *seed, budget, settings)?, by);
        }
        if !fates.iter().all(|fate| matches!(fate, Fate::Caught { .. })) {
            survivors.push(mutant.name());
        }
    }
    if hunt.shrink.is_some() {
        say(&faults.table());
    }
    let caught = mutants.len() - survivors.len();
    say(&format!("\n{caught} of {} bugs caught", mutants.len()));
    if !survivors.is_empty() {
        say(&format!("NOT CAUGHT: {}", survivors.join(", ")));
    }
    Ok(Ending::found_if(!survivors.is_empty()))
}

/// What became of a bug.
enum Fate {
    /// Found by the last of so many runs, that of this seed, whose plan is well without it.
    Caught { runs: usize, seed: u64, by: String },
    /// Found, but the same plan fails without it: what was found is not the bug.
    Blamed { seed: u64 },
    /// In so many runs.
    Survived { runs: usize },
}

impl Fate {
    fn runs(&self) -> String {
        match self {
            Self::Caught { runs, .. } => runs.to_string(),
            Self::Blamed { seed } => format!("seed {seed} fails without it"),
            Self::Survived { runs } => format!("survived {runs}"),
        }
    }
}

fn row(mutant: Mutant, fates: &[Fate]) -> String {
    let mut runs = Vec::new();
    let mut by = BTreeSet::new();
    for fate in fates {
        if let Fate::Caught {
            runs: some,
            by: one,
            ..
        } = fate
        {
            runs.push(*some);
            by.insert(one.as_str());
        }
    }
    runs.sort_unstable();
    // Those that were not caught count as the worst.
    let median = runs.get(fates.len() / 2).map(usize::to_string);
    let by: Vec<&str> = by.into_iter().collect();
    let all: Vec<String> = fates.iter().map(Fate::runs).collect();
    format!(
        "| {} | {} | {} | {} |",
        mutant.name(),
        if by.is_empty() {
            "nobody".into()
        } else {
            by.join(", ")
        },
        median.unwrap_or_else(|| "–".into()),
        all.join(", ")
    )
}

fn track(mutant: Mutant, seeds: Seeds, settings: &Settings) -> Result<Fate, Failure> {
    let run = |seed, planted| Run::of_seed(seed, focus(mutant), planted);
    let numbers: Vec<u64> = seeds.iter().collect();
    let planted = numbers.iter().map(|seed| run(*seed, Some(mutant)));
    let runs: Vec<Run> = planted.collect();
    let mut caught = None;
    each(&runs, settings, |at, verdict, _| match verdict {
        Verdict::Well => ControlFlow::Continue(()),
        Verdict::Found(reason) => {
            caught = Some((at, catcher(&reason).to_owned()));
            ControlFlow::Break(())
        }
    })?;
    let Some((at, by)) = caught else {
        return Ok(Fate::Survived { runs: runs.len() });
    };
    let mut is_well = true;
    each(&[run(numbers[at], None)], settings, |_, verdict, _| {
        is_well = matches!(verdict, Verdict::Well);
        ControlFlow::Continue(())
    })?;
    Ok(match is_well {
        true => Fate::Caught {
            runs: at + 1,
            seed: numbers[at],
            by,
        },
        false => Fate::Blamed { seed: numbers[at] },
    })
}

/// The kinds of fault that are left when the plan that has caught a bug is shrunk.
fn needed(
    mutant: Mutant,
    seed: u64,
    budget: Duration,
    settings: &Settings,
) -> Result<BTreeSet<&'static str>, Failure> {
    let examinee = Examinee::of_seed(seed, focus(mutant), Some(mutant));
    let full = examinee.save(&settings.out)?;
    let small = full.with_file_name(format!("{}.min.toml", mutant.name()));
    for line in shrink::in_file(&full, Some(mutant), budget, settings, &small)? {
        say(&line);
    }
    let plan = Examinee::of_file(&small, Some(mutant))?.plan;
    fs::remove_file(&full).map_err(at_path(&full))?;
    let kinds = plan.schedule.faults.iter();
    Ok(kinds.map(|timed| timed.fault.kind()).collect())
}

/// Which faults, and which oracles, it takes to catch the bugs.
#[derive(Default)]
struct Faults {
    /// Bugs that take a kind of fault, by what catches them.
    bugs: BTreeMap<(&'static str, String), u64>,
}

/// Stands for the kind of fault where a bug takes none.
const NONE: &str = "none";

impl Faults {
    fn note(&mut self, kinds: &BTreeSet<&'static str>, by: &str) {
        let none = kinds.is_empty().then_some(NONE);
        for kind in kinds.iter().copied().chain(none) {
            *self.bugs.entry((kind, by.to_owned())).or_default() += 1;
        }
    }

    /// A row for each kind of fault, a column for each oracle.
    fn table(&self) -> String {
        let kinds: BTreeSet<&str> = self.bugs.keys().map(|(kind, _)| *kind).collect();
        let by: BTreeSet<&str> = self.bugs.keys().map(|(_, by)| by.as_str()).collect();
        let list = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let heads = by.iter().map(|by| (*by).to_owned());
        let mut text = String::from("\n");
        text += &list([String::from("takes")].into_iter().chain(heads).collect());
        text += &format!("|---|{}\n", "--:|".repeat(by.len()));
        for kind in kinds {
            let cell = |by: &&str| {
                let bugs = self.bugs.get(&(kind, (*by).to_owned()));
                bugs.map_or_else(String::new, u64::to_string)
            };
            let cells = [format!("`{kind}`")].into_iter().chain(by.iter().map(cell));
            text += &list(cells.collect());
        }
        text
    }
}

/// The oracle that has rejected a run, by the first line of its output; where it is none, the run
/// itself has panicked, or did not end.
fn catcher(line: &str) -> &'static str {
    let cause = Cause::of(line);
    let oracle = ORACLES.iter().find(|oracle| cause.is(oracle.name));
    oracle.map_or("panic", |oracle| oracle.name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Fate, Faults, Mutant, catcher, row};

    fn caught(runs: usize, by: &str) -> Fate {
        Fate::Caught {
            runs,
            seed: 1,
            by: by.to_owned(),
        }
    }

    #[test]
    fn faults_are_set_against_what_catches_with_them() {
        let mut faults = Faults::default();
        faults.note(&BTreeSet::from(["crash", "compact"]), "watch");
        faults.note(&BTreeSet::from(["crash"]), "watch");
        faults.note(&BTreeSet::new(), "lease");
        let table = "
| takes | lease | watch |
|---|--:|--:|
| `compact` |  | 1 |
| `crash` |  | 2 |
| `none` | 1 |  |
";
        assert_eq!(faults.table(), table);
    }

    #[test]
    fn a_row_has_the_median_and_everyone_who_caught_it() {
        let fates = [caught(9, "watch"), caught(1, "lease"), caught(3, "watch")];
        let text = "| event-twice | lease, watch | 3 | 9, 1, 3 |";
        assert_eq!(row(Mutant::EventTwice, &fates), text);
        let fates = [caught(2, "watch"), Fate::Survived { runs: 60 }];
        let text = "| event-twice | watch | – | 2, survived 60 |";
        assert_eq!(row(Mutant::EventTwice, &fates), text);
    }

    #[test]
    fn the_first_oracle_that_speaks_has_caught_it() {
        let line = "seed 1  FAILED  watch: an event is missing";
        assert_eq!(catcher(line), "watch");
        let line = "seed 1  FAILED  panic: no lease: 7";
        assert_eq!(catcher(line), "panic");
        assert_eq!(catcher("seed 1  FAILED  the process ended"), "panic");
    }
}
