//! What is compacted is refused, and nothing else is: reads at an old revision.
//!
//! That the answer to such a read is what the keys were is
//! [`linearizability`](super::linearizability)'s: it replays all changes up to the revision that
//! was asked for, for reads that may be old as for others. Here, for reads that are as new as any:
//!
//! * a revision below an acknowledged compaction is refused;
//! * a revision is refused as compacted only if somebody had asked for a compaction above it;
//! * a revision is refused as one of the future only if nobody had been told of it.
//!
//! A member that is behind may answer, or refuse, what others would not: serializable reads are
//! held to the second rule alone.

use super::{Finding, seconds};
use crate::history::{History, Operation, Outcome, Request, reason};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let operations = history.operations();
    let compactions: Vec<(&Operation<'_>, i64)> = operations
        .iter()
        .filter(|operation| operation.may_have_happened())
        .filter_map(|operation| match operation.request {
            Request::Compact(revision) => Some((operation, *revision)),
            _ => None,
        })
        .collect();
    let told = told(&operations);
    for read in &operations {
        let Request::Range(range) = read.request else {
            continue;
        };
        if range.revision == 0 {
            continue;
        }
        match read.end {
            Some((_, _, Outcome::Ok(_))) if read.is_linearizable() => {
                check_answered(read, range.revision, &compactions)?;
            }
            Some((at_ns, _, Outcome::Failed(text))) if text.contains(reason::COMPACTED) => {
                check_compacted(read, range.revision, at_ns, &compactions)?;
            }
            Some((_, _, Outcome::Failed(text)))
                if text.contains(reason::FUTURE) && read.is_linearizable() =>
            {
                check_future(read, range.revision, &told)?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_answered(
    read: &Operation<'_>,
    revision: i64,
    compactions: &[(&Operation<'_>, i64)],
) -> Result<(), Finding> {
    let over = compactions.iter().find(|(compaction, up_to)| {
        let done = compaction.acknowledged();
        *up_to > revision && done.is_some_and(|(at_ns, _)| at_ns < read.invoke_ns)
    });
    let Some((compaction, up_to)) = over else {
        return Ok(());
    };
    let text = format!(
        "op{} was answered at revision {revision}, after op{} had compacted everything below {up_to}",
        read.id, compaction.id
    );
    Finding::err(text, [read.records(), compaction.records()].concat())
}

fn check_compacted(
    read: &Operation<'_>,
    revision: i64,
    at_ns: u64,
    compactions: &[(&Operation<'_>, i64)],
) -> Result<(), Finding> {
    let mut compactions = compactions.iter();
    if compactions.any(|(compaction, up_to)| *up_to > revision && compaction.invoke_ns <= at_ns) {
        return Ok(());
    }
    let text = format!(
        "op{} was refused at {}, since revision {revision} is compacted: nobody had asked for that",
        read.id,
        seconds(at_ns)
    );
    Finding::err(text, read.records())
}

fn check_future(
    read: &Operation<'_>,
    revision: i64,
    told: &[(u64, i64, usize)],
) -> Result<(), Finding> {
    let before = told.partition_point(|told| told.0 < read.invoke_ns);
    let newest = before.checked_sub(1).map(|at| told[at]);
    let Some((at_ns, known, record)) = newest.filter(|newest| newest.1 >= revision) else {
        return Ok(());
    };
    let text = format!(
        "op{} was refused, since revision {revision} were still to come, but {known} was known at {}",
        read.id,
        seconds(at_ns)
    );
    Finding::err(text, read.records().into_iter().chain([record]))
}

/// The greatest revision that had been acknowledged over time: time, revision, record.
fn told(operations: &[Operation<'_>]) -> Vec<(u64, i64, usize)> {
    let mut answers: Vec<(u64, i64, usize)> = operations
        .iter()
        .filter(|operation| operation.is_linearizable())
        .filter_map(|operation| match operation.end {
            Some((at_ns, record, Outcome::Ok(response))) => {
                Some((at_ns, response.revision, record))
            }
            _ => None,
        })
        .collect();
    answers.sort_unstable();
    let mut told: Vec<(u64, i64, usize)> = Vec::new();
    for answer in answers {
        if told.last().is_none_or(|last| last.1 < answer.1) {
            told.push(answer);
        }
    }
    told
}
