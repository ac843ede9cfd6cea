//! What runs came to, over many of them: points of the product, kinds of fault, operations.

use std::collections::BTreeMap;

use quorate_core::probe::Point;

use crate::{
    history::{History, Outcome, What},
    plan::Plan,
};

/// Begins the line in which a process tells its parent what its run came to.
const MARK: &str = "reached: ";

/// What was reached, by how many runs, and how often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Coverage {
    runs: u64,
    /// By sort and name.
    reached: BTreeMap<(String, String), Reached>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reached {
    runs: u64,
    times: u64,
}

/// The sorts of things that can be reached, as a run's line names them, with the heading of each
/// one's table.
const SORTS: [(&str, &str); 3] = [
    (POINT, "point of the product"),
    (FAULT, "kind of fault"),
    (OPERATION, "operation, and what became of it"),
];
const POINT: &str = "point";
const FAULT: &str = "fault";
const OPERATION: &str = "operation";

impl Coverage {
    /// Of one run.
    pub(super) fn of(plan: &Plan, history: &History) -> Self {
        let mut coverage = Self {
            runs: 1,
            ..Self::default()
        };
        for timed in &plan.schedule.faults {
            coverage.note(FAULT, timed.fault.kind(), 1);
        }
        for operation in history.operations() {
            let request = operation.request.to_string();
            let request = request.split(' ').next().unwrap_or_default();
            let outcome = match operation.end {
                Some((.., Outcome::Ok(_))) => "ok",
                Some((.., Outcome::Failed(_))) => "refused",
                Some((.., Outcome::Unknown(_))) | None => "unknown",
            };
            coverage.note(OPERATION, &format!("{request}-{outcome}"), 1);
        }
        for record in history.records() {
            if let What::Passed { point, times } = &record.what {
                coverage.note(POINT, point, *times);
            }
        }
        coverage
    }

    fn note(&mut self, sort: &str, name: &str, times: u64) {
        let key = (sort.to_owned(), name.to_owned());
        let reached = self.reached.entry(key).or_default();
        reached.runs = 1;
        reached.times += times;
    }

    /// Adds other runs.
    pub(super) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        for (key, more) in other.reached {
            let reached = self.reached.entry(key).or_default();
            reached.runs += more.runs;
            reached.times += more.times;
        }
    }

    /// The line of one run.
    pub(super) fn line(&self) -> String {
        let words = self.reached.iter();
        let words = words.map(|((sort, name), reached)| format!("{sort}/{name}={}", reached.times));
        format!("{MARK}{}", words.collect::<Vec<_>>().join(" "))
    }

    /// Takes the line of one run out of what its process printed.
    pub(super) fn split_off(output: &str) -> (String, Self) {
        let mut coverage = Self::default();
        let mut rest = Vec::new();
        for line in output.lines() {
            match line.strip_prefix(MARK) {
                Some(words) => coverage.add(Self::parse(words)),
                None => rest.push(line),
            }
        }
        (rest.join("\n"), coverage)
    }

    fn parse(words: &str) -> Self {
        let mut coverage = Self {
            runs: 1,
            ..Self::default()
        };
        for word in words.split(' ') {
            let parts = word.split_once('=').and_then(|(key, times)| {
                let (sort, name) = key.split_once('/')?;
                Some((sort, name, times.parse().ok()?))
            });
            if let Some((sort, name, times)) = parts {
                coverage.note(sort, name, times);
            }
        }
        coverage
    }

    /// The points that no run came to.
    pub(super) fn unreached(&self) -> Vec<&'static str> {
        let names = Point::ALL.iter().map(|point| point.name());
        names
            .filter(|name| self.get(POINT, name).runs == 0)
            .collect()
    }

    fn get(&self, sort: &str, name: &str) -> Reached {
        let key = (sort.to_owned(), name.to_owned());
        self.reached.get(&key).copied().unwrap_or_default()
    }

    /// How many of the points were reached, and which were not, in one line.
    pub(super) fn points(&self) -> String {
        let unreached = self.unreached();
        let reached = Point::ALL.len() - unreached.len();
        let mut text = format!("{reached} of {} points reached", Point::ALL.len());
        if !unreached.is_empty() {
            text += &format!("; NOT REACHED: {}", unreached.join(", "));
        }
        text
    }

    /// A table for each sort.
    pub(super) fn tables(&self) -> String {
        let mut text = String::new();
        for (sort, heading) in SORTS {
            text += &format!(
                "\n| {heading} | runs of {} | times |\n|---|--:|--:|\n",
                self.runs
            );
            let reached = self.reached.keys().filter(|(of, _)| of == sort);
            // Of points it matters as well which were not reached.
            let names: Vec<&str> = match sort {
                POINT => Point::ALL.iter().map(|point| point.name()).collect(),
                _ => reached.map(|(_, name)| name.as_str()).collect(),
            };
            for name in names {
                let Reached { runs, times } = self.get(sort, name);
                text += &format!("| `{name}` | {runs} | {times} |\n");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::Coverage;
    use crate::plan::{Fault, Focus, Plan, TimedFault};

    fn coverage() -> Coverage {
        let mut plan = Plan::generate(1, Focus::Crashes);
        let fault = TimedFault {
            at_ms: 1,
            fault: Fault::Compact { keep: 1 },
        };
        plan.schedule.faults = vec![fault.clone(), fault];
        let history = "1 op1 c1 n1 put a b\n2 op1 ok @2 put\n3 op2 c1 n1 put a b\n\
                       4 passed key-put-again times=3";
        Coverage::of(&plan, &history.parse().unwrap())
    }

    #[test]
    fn a_run_tells_its_parent_what_it_came_to() {
        let line = coverage().line();
        assert_eq!(
            line,
            "reached: fault/compact=2 operation/put-ok=1 operation/put-unknown=1 \
             point/key-put-again=3"
        );
        let output = format!("seed 1  ok\n{line}");
        assert_eq!(
            Coverage::split_off(&output),
            ("seed 1  ok".into(), coverage())
        );
    }

    #[test]
    fn runs_add_up() {
        let mut sum = coverage();
        sum.add(coverage());
        let tables = sum.tables();
        for row in [
            "| kind of fault | runs of 2 | times |",
            "| `compact` | 2 | 4 |",
            "| `key-put-again` | 2 | 6 |",
            "| `txn-fails` | 0 | 0 |",
        ] {
            assert!(tables.contains(row), "{tables}");
        }
        assert!(sum.unreached().contains(&"txn-fails"));
        assert!(!sum.unreached().contains(&"key-put-again"));
        assert!(sum.points().contains("NOT REACHED: "), "{}", sum.points());
    }
}
