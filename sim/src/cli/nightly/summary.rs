//! What a night of runs came to, as Markdown.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use crate::cli::{cause::Cause, coverage::Coverage};

/// Most seeds that are listed for one cause; the others are counted.
const SEEDS_LISTED: usize = 12;

/// What is known when the time is over.
#[derive(Debug, Default)]
pub(super) struct Night {
    /// The commit, where it is known.
    pub(super) commit: Option<String>,
    /// The first seed; each run has the next one.
    pub(super) first_seed: u64,
    pub(super) well: u64,
    /// The time that the runs took, without that for shrinking.
    pub(super) elapsed: Duration,
    /// Most runs at once.
    pub(super) jobs: usize,
    pub(super) figures: Figures,
    /// What all runs came to.
    pub(super) coverage: Coverage,
    /// In the order of their seeds.
    pub(super) failures: Vec<Failed>,
}

/// A run that failed.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) seed: u64,
    pub(super) cause: Cause,
    /// What was found, in one line.
    pub(super) reason: String,
    /// Plan, trace and the rest; only the first failures keep theirs.
    pub(super) directory: Option<PathBuf>,
    /// How the plan was shrunk, line by line, or why not.
    pub(super) shrunk: Vec<String>,
    /// What to type to see it again.
    pub(super) commands: Vec<String>,
}

/// Sums of what runs say of themselves: `1501 ops (…), 1555 watch events, …`.
#[derive(Debug, Default)]
pub(super) struct Figures(Vec<(String, f64)>);

impl Figures {
    /// Adds the figures in the line of a run that is well.
    pub(super) fn add(&mut self, line: &str) {
        let Some((_, figures)) = line.split_once("  ok  ") else {
            return;
        };
        let figures = figures.split("  ").next().unwrap_or_default();
        for part in without_parentheses(figures).split(", ") {
            let Some((number, name)) = part.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<f64>() else {
                continue;
            };
            match self.0.iter_mut().find(|(known, _)| known == name) {
                Some((_, sum)) => *sum += number,
                None => self.0.push((name.into(), number)),
            }
        }
    }
}

fn without_parentheses(text: &str) -> String {
    let mut depth = 0_u32;
    let mut rest = String::new();
    for letter in text.chars() {
        match letter {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            letter if depth == 0 => rest.push(letter),
            _ => {}
        }
    }
    rest.replace(" ,", ",")
}

impl Night {
    fn runs(&self) -> u64 {
        self.well + self.failures.len() as u64
    }

    /// The summary.
    pub(super) fn summary(&self) -> String {
        let mut text = String::from("# Simulated runs\n\n");
        text += &self.head();
        if !self.failures.is_empty() {
            text += "\n## Failures by oracle\n\n| found by | runs | seeds |\n|---|---|---|\n";
            text += &self.causes();
            text += "\n## Failures\n";
            for failed in self
                .failures
                .iter()
                .filter(|failed| failed.directory.is_some())
            {
                text += &failed.section();
            }
        }
        if !self.figures.0.is_empty() {
            text += "\n## What the runs that are well did\n\n| figure | sum |\n|---|---|\n";
            for (name, sum) in &self.figures.0 {
                text += &format!("| {name} | {sum:.0} |\n");
            }
        }
        text += &format!("\n## What all runs came to\n\n{}\n", self.coverage.points());
        text += &self.coverage.tables();
        text
    }

    fn head(&self) -> String {
        let runs = self.runs();
        let seeds = match runs.checked_sub(1) {
            Some(others) => format!("{}..{}", self.first_seed, self.first_seed + others),
            None => format!("none, from {} on", self.first_seed),
        };
        let minutes = self.elapsed.as_secs_f64() / 60.0;
        let rate = runs as f64 / minutes.max(1e-3);
        let commit = self.commit.as_deref().unwrap_or("unknown");
        format!(
            "* commit: {commit}\n* seeds: {seeds}\n* runs: {runs} in {minutes:.1} minutes, {rate:.0} \
             per minute, {} at once\n* {} ok, {} failed\n",
            self.jobs,
            self.well,
            self.failures.len(),
        )
    }

    /// A row for each cause, the most frequent one first.
    fn causes(&self) -> String {
        let mut seeds: BTreeMap<&Cause, Vec<u64>> = BTreeMap::new();
        for failed in &self.failures {
            seeds.entry(&failed.cause).or_default().push(failed.seed);
        }
        let mut rows: Vec<_> = seeds.into_iter().collect();
        rows.sort_by_key(|(_, seeds)| usize::MAX - seeds.len());
        let row = |(cause, seeds): (&Cause, Vec<u64>)| {
            let listed = seeds.iter().take(SEEDS_LISTED).map(u64::to_string);
            let mut listed = listed.collect::<Vec<_>>().join(", ");
            if seeds.len() > SEEDS_LISTED {
                listed += ", …";
            }
            format!(
                "| {} | {} | {listed} |\n",
                cell(&cause.to_string()),
                seeds.len()
            )
        };
        rows.into_iter().map(row).collect()
    }
}

impl Failed {
    fn section(&self) -> String {
        let mut text = format!("\n### Seed {}\n\n", self.seed);
        text += &indented(std::slice::from_ref(&self.reason));
        if let Some(directory) = &self.directory {
            text += &format!("\nIn `{}`. ", directory.display());
        }
        text += "To see it again:\n\n";
        text += &indented(&self.commands);
        if !self.shrunk.is_empty() {
            text += "\nShrunk:\n\n";
            text += &indented(&self.shrunk);
        }
        text
    }
}

/// Lines as a block of Markdown that is shown as it is.
fn indented(lines: &[String]) -> String {
    let lines = lines.iter().flat_map(|text| text.lines());
    lines
        .map(|line| format!("    {}\n", line.trim_start()))
        .collect()
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Failed, Figures, Night};
    use crate::cli::{cause::Cause, coverage::Coverage};

    fn failed(seed: u64, reason: &str) -> Failed {
        Failed {
            seed,
            cause: Cause::of(reason),
            reason: reason.into(),
            directory: None,
            shrunk: Vec::new(),
            commands: Vec::new(),
        }
    }

    #[test]
    fn a_good_night_is_short() {
        let mut figures = Figures::default();
        let line = |ops| {
            format!(
                "seed 2  ok  {ops} ops (1490 ok, 5 refused, 6 unknown), 1555 watch events, 48 faults \
                 (0 of disks), 31.5 s simulated  trace 5f38  1.5 s"
            )
        };
        figures.add(&line(1501));
        figures.add(&line(99));
        figures.add("seed 3  FAILED  lease: 7 things");
        let night = Night {
            commit: Some("abc".into()),
            first_seed: 1000,
            well: 120,
            elapsed: Duration::from_secs(90),
            jobs: 2,
            figures,
            coverage: Coverage::default(),
            failures: Vec::new(),
        };
        let summary = night.summary();
        let (text, coverage) = summary.split_once("\n## What all runs came to\n").unwrap();
        assert!(coverage.contains("points reached"), "{coverage}");
        assert_eq!(
            text,
            "# Simulated runs\n\n* commit: abc\n* seeds: 1000..1119\n* runs: 120 in 1.5 minutes, 80 per \
             minute, 2 at once\n* 120 ok, 0 failed\n\n## What the runs that are well did\n\n\
             | figure | sum |\n|---|---|\n| ops | 1600 |\n| watch events | 3110 |\n| faults | 96 |\n\
             | s simulated | 63 |\n"
        );
    }

    #[test]
    fn failures_are_counted_by_oracle_and_those_that_are_kept_are_shown() {
        let mut night = Night {
            first_seed: 5,
            ..Night::default()
        };
        night
            .failures
            .push(failed(6, "seed 6  FAILED  watch: a gap"));
        for seed in 10..30 {
            let reason = format!("seed {seed}  FAILED  panic: {seed} | 1");
            night.failures.push(failed(seed, &reason));
        }
        night.failures[0].directory = Some("out/seed-6".into());
        night.failures[0].commands = vec!["cargo sim run --plan a.toml".into()];
        night.failures[0].shrunk = vec!["faults 9 → 1".into(), "  replay".into()];
        let text = night.summary();
        for part in [
            "* seeds: 5..25\n",
            "* 0 ok, 21 failed\n",
            "|---|---|---|\n| panic: # \\| # | 20 | 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, … |\n\
             | watch | 1 | 6 |\n",
            "### Seed 6\n\n    seed 6  FAILED  watch: a gap\n\nIn `out/seed-6`. To see it again:\n\n    \
             cargo sim run --plan a.toml\n\nShrunk:\n\n    faults 9 → 1\n    replay\n",
        ] {
            assert!(text.contains(part), "{part}\nis not in\n{text}");
        }
        assert!(!text.contains("### Seed 10"), "{text}");
    }

    #[test]
    fn a_night_without_a_run_says_so() {
        let text = Night::default().summary();
        assert!(text.contains("* seeds: none, from 0 on\n"), "{text}");
    }
}
