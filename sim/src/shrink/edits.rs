//! What can be left out of a plan. Each edit gives a plan that is simpler in one way and leaves the
//! rest as it is; those that save the most come first.

use std::collections::BTreeSet;

use toml::Value;

use super::{
    members,
    tree::{self, Path},
};
use crate::plan::{Fault, Knobs, Plan, TimedFault};

/// Makes a plan simpler; none where it cannot.
pub(super) type Edit = Box<dyn Fn(&Plan) -> Option<Plan>>;

/// The edits to try on a plan, kind by kind. Every edit makes something smaller that no edit makes
/// bigger again, so that trying comes to an end.
pub(super) const EDITS: [fn(&Plan) -> Vec<Edit>; 10] = [
    earlier_end,
    without_users,
    fewer_kinds,
    fewer_faults,
    smaller_workload,
    fewer_members,
    shorter_gaps,
    shorter_faults,
    simpler_details,
    shorter_quiet,
];

/// How finely the end of a run is cut.
const CUTS: u64 = 12;

/// Times of faults are not made shorter than this, milliseconds: it would only cost runs.
const SHORT_MS: i64 = 50;

/// What is left between two faults when a gap is cut, milliseconds.
const GAP_MS: u64 = 100;

/// The first fault may come at this time, milliseconds: the members have found each other.
const FIRST_FAULT_MS: u64 = 1_500;

/// A quiet that every correct cluster gets along with after what [`Plan::generate`] makes, milliseconds.
/// A shorter one would fail when the bug is mended, and so would one of fewer election timeouts.
const QUIET_MS: [u64; 2] = [10_000, 20_000];
const QUIET_ELECTIONS: u64 = 5;

/// The longest pause between a client's operations that is tried, microseconds.
const THINK_US_MAX: i64 = 100_000;

/// Fields of the workload that stand for somebody or something, those that save the most first.
const POPULATION: [&str; 5] = ["contenders", "lease_holders", "watchers", "clients", "keys"];

fn edit(edit: impl Fn(&Plan) -> Option<Plan> + 'static) -> Edit {
    Box::new(edit)
}

fn with(plan: &Plan, change: impl FnOnce(&mut Plan)) -> Plan {
    let mut plan = plan.clone();
    change(&mut plan);
    plan
}

/// The run up to some time. Up to there it stays exactly as it was, so this is what helps the most.
fn earlier_end(plan: &Plan) -> Vec<Edit> {
    let over_ms = last_over_ms(&plan.schedule.faults);
    let run_ms = plan.schedule.run_ms;
    let mut ends: BTreeSet<u64> = (1..CUTS).map(|cut| run_ms * cut / CUTS).collect();
    ends.insert(over_ms);
    ends.into_iter()
        .map(|end_ms| edit(move |plan| ended(plan, end_ms)))
        .collect()
}

fn ended(plan: &Plan, end_ms: u64) -> Option<Plan> {
    let plan = with(plan, |plan| {
        let schedule = &mut plan.schedule;
        let was_ms = schedule.run_ms;
        schedule.faults.retain(|fault| fault.at_ms < end_ms);
        schedule.run_ms = end_ms.max(last_over_ms(&schedule.faults)).min(was_ms);
    });
    (plan.schedule.run_ms > 0).then_some(plan)
}

fn last_over_ms(faults: &[TimedFault]) -> u64 {
    faults.iter().map(TimedFault::over_ms).max().unwrap_or(0)
}

/// No users, and no operator who changes them.
fn without_users(_: &Plan) -> Vec<Edit> {
    let without = |plan: &mut Plan| {
        plan.auth = None;
        let faults = &mut plan.schedule.faults;
        faults.retain(|timed| !matches!(timed.fault, Fault::ChangeAuth { .. }));
    };
    vec![edit(move |plan| {
        plan.auth.is_some().then(|| with(plan, without))
    })]
}

/// One kind of fault alone; all but one kind.
fn fewer_kinds(plan: &Plan) -> Vec<Edit> {
    let kinds: BTreeSet<&'static str> = plan
        .schedule
        .faults
        .iter()
        .map(|timed| timed.fault.kind())
        .collect();
    let alone = kinds
        .iter()
        .map(|&kind| retaining(move |timed| timed.fault.kind() == kind));
    let without = kinds
        .iter()
        .map(|&kind| retaining(move |timed| timed.fault.kind() != kind));
    alone.chain(without).collect()
}

/// No faults; the last few alone; then without ever smaller groups of neighbours, down to single ones.
fn fewer_faults(plan: &Plan) -> Vec<Edit> {
    let faults = &plan.schedule.faults;
    let mut edits = vec![retaining(|_| false)];
    let sizes = || {
        std::iter::successors(Some(1), |size| Some(size * 2))
            .take_while(|size| *size < faults.len())
    };
    for size in sizes() {
        let last = faults[faults.len() - size..].to_vec();
        edits.push(retaining(move |fault| last.contains(fault)));
    }
    let sizes: Vec<usize> = sizes().collect();
    for size in sizes.into_iter().rev() {
        for chunk in faults.chunks(size) {
            let chunk = chunk.to_vec();
            edits.push(retaining(move |fault| !chunk.contains(fault)));
        }
    }
    edits
}

fn retaining(keep: impl Fn(&TimedFault) -> bool + 'static) -> Edit {
    edit(move |plan| Some(with(plan, |plan| plan.schedule.faults.retain(&keep))))
}

/// Nobody, one, half, or a few less of each sort of client; no operation of one kind; fewer keys.
fn smaller_workload(plan: &Plan) -> Vec<Edit> {
    let mut numbers: Vec<(Path, i64)> = Vec::new();
    tree::walk(&tree::of(plan), &mut Path::new(), &mut |path, value| {
        let counts = path.first().is_some_and(|name| name == "workload")
            && path.last().is_some_and(|name| !is_measure(name))
            && path.len() == 2 + usize::from(path.get(1).is_some_and(|name| name == "weights"));
        if let (true, Some(number)) = (counts, value.as_integer()) {
            numbers.push((path.clone(), number));
        }
    });
    let rank = |path: &Path| {
        let place = POPULATION.iter().position(|name| path[1] == *name);
        place.unwrap_or(POPULATION.len())
    };
    numbers.sort_by_key(|(path, _)| rank(path));
    numbers
        .into_iter()
        .flat_map(|(path, number)| {
            let a_few_less = number - (number / 8).max(1);
            [0, 1, number / 2, a_few_less].map(|less| (path.clone(), number, less))
        })
        .filter(|(_, number, less)| less < number)
        .map(|(path, _, less)| lowered(path, less))
        .collect()
}

/// Whether a field is a length of time or a share, and stands for nothing that could be left out.
fn is_measure(name: &str) -> bool {
    ["_ms", "_us", "_s", "_percent", "_bytes"]
        .iter()
        .any(|unit| name.ends_with(unit))
}

/// Replaces a number by a lower one, if it still is higher when its turn comes.
fn lowered(path: Path, to: i64) -> Edit {
    edit(move |plan| {
        let now = tree::number(plan, &path)?;
        (now > to).then(|| tree::replaced(plan, &path, Value::Integer(to)))?
    })
}

fn fewer_members(plan: &Plan) -> Vec<Edit> {
    (1..plan.cluster.members)
        .map(|members| {
            edit(move |plan| {
                (members < plan.cluster.members).then(|| members::reduced(plan, members))?
            })
        })
        .collect()
}

/// What comes after a gap in the schedule, and the end, earlier.
fn shorter_gaps(plan: &Plan) -> Vec<Edit> {
    (0..plan.schedule.faults.len())
        .flat_map(|at| [true, false].map(|whole| edit(move |plan| without_gap(plan, at, whole))))
        .collect()
}

/// Shortens the gap before the fault at `at`, by all that can be spared or by half of it.
fn without_gap(plan: &Plan, at: usize, whole: bool) -> Option<Plan> {
    let faults = &plan.schedule.faults;
    let before_ms = match at.checked_sub(1) {
        None => FIRST_FAULT_MS,
        Some(before) => faults.get(before)?.at_ms + GAP_MS,
    };
    let spare_ms = faults.get(at)?.at_ms.checked_sub(before_ms)?;
    let cut_ms = if whole { spare_ms } else { spare_ms / 2 };
    Some(with(plan, |plan| {
        let schedule = &mut plan.schedule;
        for fault in &mut schedule.faults[at..] {
            fault.at_ms -= cut_ms;
        }
        schedule.run_ms -= cut_ms;
    }))
}

/// Every time that a fault has, an eighth or half as long.
fn shorter_faults(plan: &Plan) -> Vec<Edit> {
    let mut edits = Vec::new();
    tree::walk(&tree::of(plan), &mut Path::new(), &mut |path, value| {
        let Some(name) = path
            .last()
            .filter(|_| path.len() > 2 && path[1] == "faults")
        else {
            return;
        };
        let time = value
            .as_integer()
            .filter(|_| name.ends_with("_ms") && name != "at_ms");
        for divisor in [8, 2] {
            if let Some(shorter) = time.map(|ms| ms / divisor).filter(|ms| *ms >= SHORT_MS) {
                edits.push(lowered(path.clone(), shorter));
            }
        }
    });
    edits
}

/// The product's own limits, true clocks, numbers in place of spans, nothing by chance.
fn simpler_details(plan: &Plan) -> Vec<Edit> {
    let mut edits = vec![
        edit(|plan| Some(with(plan, |plan| plan.knobs = Knobs::default()))),
        edit(|plan| Some(with(plan, |plan| plan.cluster.clock_ppm.fill(0)))),
        edit(|plan| Some(with(plan, |plan| plan.schedule.lost.clear()))),
    ];
    let standard = tree::of(&with(plan, |plan| plan.knobs = Knobs::default()));
    tree::walk(&tree::of(plan), &mut Path::new(), &mut |path, value| {
        let Some(name) = path.last() else { return };
        let simple: Vec<Value> = match value {
            _ if path[0] == "knobs" && path.len() == 2 => {
                standard["knobs"].get(name).cloned().into_iter().collect()
            }
            Value::Integer(number) if name.ends_with("_percent") && *number > 0 => vec![0.into()],
            Value::Boolean(true) => vec![false.into()],
            Value::Array(_) if name == "think_us" => {
                tree::as_span(value).map_or_else(Vec::new, longer_pauses)
            }
            Value::Array(_) if !["group", "order", "clock_ppm"].contains(&name.as_str()) => {
                tree::as_span(value)
                    .filter(|(min, max)| min < max)
                    .map_or_else(Vec::new, |(min, _)| vec![vec![min, min].into()])
            }
            _ => Vec::new(),
        };
        for value in simple {
            let path = path.clone();
            edits.push(edit(move |plan| tree::replaced(plan, &path, value.clone())));
        }
    });
    edits
}

/// Pauses that give fewer operations.
fn longer_pauses((min, max): (i64, i64)) -> Vec<Value> {
    let mut pauses = Vec::new();
    for pause in [THINK_US_MAX, max] {
        if pause > max || (pause == max && min < max) {
            pauses.push(vec![pause, pause].into());
        }
    }
    pauses
}

fn shorter_quiet(_: &Plan) -> Vec<Edit> {
    QUIET_MS
        .into_iter()
        .map(|quiet_ms| {
            edit(move |plan| {
                let least_ms = QUIET_ELECTIONS * plan.cluster.election_ms;
                (least_ms <= quiet_ms && quiet_ms < plan.schedule.quiet_ms)
                    .then(|| with(plan, |plan| plan.schedule.quiet_ms = quiet_ms))
            })
        })
        .collect()
}
