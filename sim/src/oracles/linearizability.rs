//! Every answer is what one copy, doing one operation at a time between its request and its
//! answer, would have given.
//!
//! No search is needed: revisions are the witness. Every answer names one, so each operation has a
//! place in the order (a write at its revision, a read behind it), and it is enough to check that
//! the places respect real time, that each answer is the model's at its place, and that each
//! revision is explained by one request or by a lease that ended. A request whose outcome nobody
//! knows may explain a revision or none. Serializable reads may be old, but not wrong and not from
//! the future.

use std::collections::BTreeMap;

use super::{
    Finding,
    floors::{Floor, Shown, floors, place},
    ledger::{Ledger, Revision},
    matching,
    model::State,
    seconds,
};
use crate::history::{Body, Event, History, Kv, Operation, Request, Response};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let operations = history.operations_in_parts();
    let ledger = Ledger::of(history)?;
    let floors = floors(&operations, &ledger);
    check_order(&operations, &floors)?;
    let mut replay = Replay {
        ledger: &ledger,
        operations: &operations,
        unclaimed: Vec::new(),
    };
    let mut writers = replay.check_answers()?;
    writers.extend(replay.explain(&floors)?);
    check_future(&operations, &ledger, &writers)
}

/// Which operation has written a revision; operations by their position in the history's list.
type Writers = BTreeMap<i64, usize>;

/// Which revision an operation has read.
type Readers = Vec<(i64, usize)>;

/// What was acknowledged or seen before a request was sent comes before it in the order.
fn check_order(operations: &[Operation<'_>], floors: &[Option<Floor>]) -> Result<(), Finding> {
    for (operation, floor) in operations.iter().zip(floors) {
        let (Some((_, response)), Some(floor)) = (operation.acknowledged(), *floor) else {
            continue;
        };
        if !operation.is_linearizable() || place(operation, response) >= floor.place {
            continue;
        }
        let (how, records) = match floor.shown_by {
            Shown::Answer(at) => {
                let earlier = &operations[at];
                let how = format!("op{} had been acknowledged at", earlier.id);
                (how, earlier.records())
            }
            Shown::Seen(record) => ("somebody had seen".to_owned(), vec![record]),
        };
        let text = format!(
            "op{} took place at revision {}, although {how} revision {} before op{} was sent",
            operation.id,
            response.revision,
            floor.place / 2,
            operation.id,
        );
        return Finding::err(text, operation.records().into_iter().chain(records));
    }
    Ok(())
}

/// The revisions one after the other, with the operations that have their place there.
struct Replay<'a> {
    ledger: &'a Ledger<'a>,
    operations: &'a [Operation<'a>],
    /// Revisions that no acknowledged operation claims, with the requests of unknown outcome that
    /// would have had the same effect.
    unclaimed: Vec<(&'a Revision, Vec<usize>)>,
}

impl<'a> Replay<'a> {
    /// Compares every answer with the model's. Gives the writer of each claimed revision, and
    /// collects those that are not claimed.
    fn check_answers(&mut self) -> Result<Writers, Finding> {
        let (mut writers, readers) = self.claims()?;
        let mut readers = readers.into_iter().peekable();
        let mut state = State::default();
        self.check_reads(&state, i64::MIN, 1, &mut readers)?;
        for revision in self.ledger.revisions() {
            match writers.get(&revision.number) {
                Some(&at) => self.check_write(&state, revision, &self.operations[at])?,
                None if is_lease_end(&state, revision) => {}
                None => self
                    .unclaimed
                    .push((revision, self.possible_writers(&state, revision))),
            }
            state.apply(&revision.events);
            self.check_reads(&state, revision.number, revision.number, &mut readers)?;
        }
        writers.retain(|revision, _| self.ledger.get(*revision).is_some());
        Ok(writers)
    }

    /// Who says to have written which revision, and who has read which, in order of revisions.
    fn claims(&self) -> Result<(Writers, Readers), Finding> {
        let (mut writers, mut readers) = (Writers::new(), Readers::new());
        for (at, operation) in self.operations.iter().enumerate() {
            let Some((_, response)) = operation.acknowledged() else {
                continue;
            };
            if !reads_or_writes_keys(operation.request) {
                continue;
            }
            if response.revision > self.ledger.last() {
                let text = format!(
                    "op{} was answered at revision {}, which nobody has seen",
                    operation.id, response.revision
                );
                return Finding::err(text, operation.records());
            }
            if !operation.wrote() {
                readers.push((read_revision(operation.request, response), at));
                continue;
            }
            if let Some(other) = writers.insert(response.revision, at) {
                let other: &Operation<'_> = &self.operations[other];
                let text = format!(
                    "op{} and op{} both wrote revision {}",
                    other.id, operation.id, response.revision
                );
                return Finding::err(text, operation.records().into_iter().chain(other.records()));
            }
        }
        readers.sort_unstable();
        Ok((writers, readers))
    }

    /// Checks the reads of the revisions from `from` to `to`, all of which are `state`.
    fn check_reads(
        &self,
        state: &State,
        from: i64,
        to: i64,
        readers: &mut std::iter::Peekable<std::vec::IntoIter<(i64, usize)>>,
    ) -> Result<(), Finding> {
        while let Some((_, at)) = readers.next_if(|reader| (from..=to).contains(&reader.0)) {
            let operation = &self.operations[at];
            let expected = state.outcome(operation.request, to + 1);
            compare_answers(operation, expected.as_ref().map(|(body, _)| body), to)?;
        }
        Ok(())
    }

    fn check_write(
        &self,
        before: &State,
        revision: &Revision,
        operation: &Operation<'_>,
    ) -> Result<(), Finding> {
        let Some((body, events)) = before.outcome(operation.request, revision.number) else {
            return Ok(());
        };
        compare_answers(operation, Some(&body), revision.number)?;
        if revision.seen_ns < operation.invoke_ns {
            let text = format!(
                "op{} was acknowledged at revision {}, which was there before it was sent",
                operation.id, revision.number
            );
            let records = operation.records().into_iter().chain([revision.record]);
            return Finding::err(text, records);
        }
        if same_changes(&events, &revision.events) {
            return Ok(());
        }
        let text = format!(
            "op{} was acknowledged at revision {}, which changed {}",
            operation.id,
            revision.number,
            words(&revision.events),
        );
        Finding::err(
            text,
            operation.records().into_iter().chain([revision.record]),
        )
    }

    /// The requests of unknown outcome, sent before `revision` was seen, that would have done the
    /// same.
    fn possible_writers(&self, before: &State, revision: &Revision) -> Vec<usize> {
        let possible = |operation: &Operation<'_>| {
            operation.is_unknown()
                && operation.invoke_ns <= revision.seen_ns
                && operation.request.may_change(revision.events[0].key())
                && before
                    .outcome(operation.request, revision.number)
                    .is_some_and(|(_, events)| same_changes(&events, &revision.events))
        };
        let operations = self.operations.iter().enumerate();
        operations
            .filter(|(_, operation)| possible(operation))
            .map(|(at, _)| at)
            .collect()
    }

    /// Finds a request for each revision that no acknowledged operation claims.
    fn explain(&self, floors: &[Option<Floor>]) -> Result<Writers, Finding> {
        let candidates: Vec<Vec<usize>> = self
            .unclaimed
            .iter()
            .map(|(revision, writers)| {
                let in_time =
                    |at: &usize| floors[*at].is_none_or(|floor| floor.place <= revision.number * 2);
                writers.iter().copied().filter(in_time).collect()
            })
            .collect();
        match matching::assign(&candidates) {
            Ok(writers) => Ok(writers
                .into_iter()
                .map(|(at, writer)| (self.unclaimed[at].0.number, writer))
                .collect()),
            Err(at) => {
                let (revision, writers) = &self.unclaimed[at];
                let text = format!(
                    "no request explains revision {}, which changed {}",
                    revision.number,
                    words(&revision.events),
                );
                let near = writers
                    .iter()
                    .flat_map(|writer| self.operations[*writer].records());
                Finding::err(text, near.chain([revision.record]))
            }
        }
    }
}

/// No answer shows a write that was sent only after it: for linearizable operations the order has
/// said so already, this is for the others.
fn check_future(
    operations: &[Operation<'_>],
    ledger: &Ledger<'_>,
    writers: &Writers,
) -> Result<(), Finding> {
    // The latest time at which a write up to some revision was sent, with that write.
    let mut latest: Vec<(i64, u64, usize)> = Vec::new();
    for revision in ledger.revisions() {
        let Some(&writer) = writers.get(&revision.number) else {
            continue;
        };
        let invoke_ns = operations[writer].invoke_ns;
        if latest.last().is_none_or(|last| last.1 < invoke_ns) {
            latest.push((revision.number, invoke_ns, writer));
        }
    }
    for operation in operations
        .iter()
        .filter(|operation| reads_or_writes_keys(operation.request))
    {
        let Some((return_ns, response)) = operation.acknowledged() else {
            continue;
        };
        let before = latest.partition_point(|(revision, ..)| *revision <= response.revision);
        let Some((revision, invoke_ns, writer)) = before.checked_sub(1).map(|at| latest[at]) else {
            continue;
        };
        if invoke_ns > return_ns {
            let text = format!(
                "op{} saw revision {revision} at {}, before op{} was sent",
                operation.id,
                seconds(return_ns),
                operations[writer].id,
            );
            let records = operation
                .records()
                .into_iter()
                .chain(operations[writer].records());
            return Finding::err(text, records);
        }
    }
    Ok(())
}

fn reads_or_writes_keys(request: &Request) -> bool {
    matches!(
        request,
        Request::Put(_)
            | Request::Delete(_)
            | Request::Range(_)
            | Request::Txn(_)
            | Request::Queue(_)
    )
}

/// The revision whose keys an answer shows.
fn read_revision(request: &Request, response: &Response) -> i64 {
    match request {
        Request::Range(range) if range.revision > 0 => range.revision,
        _ => response.revision,
    }
}

fn compare_answers(
    operation: &Operation<'_>,
    expected: Option<&Body>,
    revision: i64,
) -> Result<(), Finding> {
    match (expected, operation.body()) {
        (Some(expected), Some(found)) if expected != found => {
            let text = format!(
                "op{} should have been answered `{expected}` at revision {revision}",
                operation.id
            );
            Finding::err(text, operation.records())
        }
        _ => Ok(()),
    }
}

/// Whether a revision deletes exactly the keys of some leases, which have ended with it.
fn is_lease_end(before: &State, revision: &Revision) -> bool {
    let deleted = |kv: &Kv| {
        let mut events = revision.events.iter();
        events.any(|event| matches!(event, Event::Delete { .. }) && event.key() == &kv.key)
    };
    let has_ended = |lease: i64| {
        let is_told = revision
            .ended
            .as_ref()
            .is_none_or(|ended| ended.contains(&lease));
        lease != 0 && is_told && before.attached(lease).all(deleted)
    };
    revision.events.iter().all(|event| {
        matches!(event, Event::Delete { .. })
            && before
                .get(event.key())
                .is_some_and(|kv| has_ended(kv.lease))
    })
}

/// Whether the events are the same but for what they say of the state before.
fn same_changes(some: &[Event], others: &[Event]) -> bool {
    some.len() == others.len()
        && some
            .iter()
            .zip(others)
            .all(|(a, b)| a.without_prev() == b.without_prev())
}

fn words(events: &[Event]) -> String {
    let events: Vec<String> = events
        .iter()
        .map(|event| event.without_prev().to_string())
        .collect();
    format!("`{}`", events.join(" ; "))
}
