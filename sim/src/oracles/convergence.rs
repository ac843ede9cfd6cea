//! When nothing breaks any more, all members agree and serve within a bounded time: each answers a
//! linearizable read, some write is acknowledged, each applies all that was applied anywhere, and
//! open watches get what is due to them. Members that are broken for good, a minority, owe nothing;
//! the others must do without them. Where they do not, [`stall`](super::stall) says what it looks
//! like.
//!
//! Only for histories of whole runs, which begin with their members: such a run must also have
//! become quiet. One that a panic has ended owes nothing more.

use std::collections::BTreeMap;

use super::{Finding, ledger::Ledger, seconds, stall};
use crate::history::{History, Operation, Quiet, Request, WatchOpen, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    if history.members().is_empty() || history.panic().is_some() {
        return Ok(());
    }
    let Some(quiet) = history.quiet() else {
        return Finding::err("the run ended before its faults had stopped", []);
    };
    let ledger = Ledger::of(history)?;
    check_service(history, quiet)
        .and_then(|()| check_replicas(history, quiet))
        .and_then(|()| check_watches(history, quiet, &ledger))
        .map_err(|finding| Finding {
            explanation: format!("{} ({})", finding.explanation, stall::describe(history)),
            ..finding
        })
}

/// Some write, and a linearizable read by each member, is acknowledged in time.
fn check_service(history: &History, quiet: Quiet) -> Result<(), Finding> {
    let operations = history.operations();
    let in_time: Vec<&Operation<'_>> = operations
        .iter()
        .filter(|operation| operation.invoke_ns >= quiet.since_ns && operation.is_linearizable())
        .filter(|operation| {
            let end_ns = operation.acknowledged().map(|(at_ns, _)| at_ns);
            end_ns.is_some_and(|at_ns| at_ns <= due_ns(quiet, quiet.since_ns))
        })
        .collect();
    let since = seconds(quiet.since_ns);
    let bound = seconds(quiet.bound_ns);
    if !in_time.iter().any(|operation| operation.wrote()) {
        let text = format!("no write was acknowledged within {bound} of the last fault at {since}");
        return Finding::err(text, []);
    }
    for member in history.core() {
        let reads = |operation: &&&Operation<'_>| {
            operation.member == member && matches!(operation.request, Request::Range(_))
        };
        if in_time.iter().find(reads).is_none() {
            let text = format!(
                "n{member} answered no linearizable read within {bound} of the last fault at \
                 {since}"
            );
            return Finding::err(text, []);
        }
    }
    Ok(())
}

/// Each member applies the last entry that any has applied, in time.
fn check_replicas(history: &History, quiet: Quiet) -> Result<(), Finding> {
    let mut last: Option<(u64, u64, usize)> = None;
    let mut reached: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        let What::Applied { member, index, .. } = entry.what else {
            continue;
        };
        if last.is_none_or(|last| last.1 < index) {
            last = Some((entry.at_ns, index, record));
        }
        let best = reached.entry(member).or_insert((index, entry.at_ns));
        if best.0 < index {
            *best = (index, entry.at_ns);
        }
    }
    let Some((at_ns, index, record)) = last else {
        return Ok(());
    };
    for member in history.core() {
        let due_ns = due_ns(quiet, at_ns);
        let (applied, applied_ns) = reached.get(&member).copied().unwrap_or((0, 0));
        if applied < index || applied_ns > due_ns {
            let text = format!(
                "n{member} had not applied log position {index} at {}, only {applied}",
                seconds(due_ns.min(history.end_ns()))
            );
            return Finding::err(text, [record]);
        }
    }
    Ok(())
}

/// Each open watch is created, and gets its next event, in time.
fn check_watches(history: &History, quiet: Quiet, ledger: &Ledger<'_>) -> Result<(), Finding> {
    let late = |since_ns| due_ns(quiet, since_ns) <= history.end_ns();
    let core = history.core();
    for (open, next, open_ns, record) in open_watches(history) {
        if !core.contains(&open.member) {
            continue;
        }
        let Some(next) = next else {
            if late(open_ns) {
                return Finding::err(format!("watch{} is never created", open.watch), [record]);
            }
            continue;
        };
        let due = ledger
            .between(next, ledger.last())
            .find(|revision| revision.events.iter().any(|event| open.wants(event)));
        if let Some(due) = due.filter(|due| late(due.seen_ns.max(open_ns))) {
            let text = format!("watch{} never delivers revision {}", open.watch, due.number);
            return Finding::err(text, [record, due.record]);
        }
    }
    Ok(())
}

/// The watches that are open at the end: the next revision of each (`None` where it was not even
/// created), when and where it was opened.
fn open_watches(history: &History) -> Vec<(&WatchOpen, Option<i64>, u64, usize)> {
    let mut watches: BTreeMap<u64, (&WatchOpen, Option<i64>, u64, usize)> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        let (watch, next) = match &entry.what {
            What::WatchOpen(open) => {
                watches.insert(open.watch, (open, None, entry.at_ns, record));
                continue;
            }
            What::WatchEnd { watch, .. } => {
                watches.remove(watch);
                continue;
            }
            What::WatchCreated { watch, revision } => (watch, revision + 1),
            What::WatchProgress { watch, revision } => (watch, revision + 1),
            What::WatchEvents {
                watch,
                fragment: false,
                events,
                ..
            } => (
                watch,
                events.last().map_or(0, |event| event.mod_revision() + 1),
            ),
            _ => continue,
        };
        if let Some((open, known, ..)) = watches.get_mut(watch) {
            let created = matches!(entry.what, What::WatchCreated { .. });
            let next = if created && open.start_revision != 0 {
                open.start_revision
            } else {
                next
            };
            *known = Some(next.max(known.unwrap_or(0)));
        }
    }
    watches.into_values().collect()
}

/// When something that could begin at `at_ns` has to be done.
fn due_ns(quiet: Quiet, at_ns: u64) -> u64 {
    at_ns.max(quiet.since_ns).saturating_add(quiet.bound_ns)
}
