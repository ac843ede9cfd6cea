//! What must come before each operation, by what was known when it was sent.

use super::ledger::Ledger;
use crate::history::{Operation, Response};

/// A place in the order: `2r` is the write of revision `r`, `2r + 1` is between it and the next.
pub(super) type Place = i64;

pub(super) fn place(operation: &Operation<'_>, response: &Response) -> Place {
    if operation.wrote() {
        response.revision * 2
    } else {
        response.revision * 2 + 1
    }
}

/// What nobody who comes later may be before: a place, and what shows that it was taken.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Floor {
    pub(super) place: Place,
    pub(super) shown_by: Shown,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    /// An answer to an operation, by its position in the history's list.
    Answer(usize),
    /// Somebody has seen the revision: the record.
    Seen(usize),
}

/// For each operation the greatest place that was acknowledged, or seen, before it was sent.
pub(super) fn floors(operations: &[Operation<'_>], ledger: &Ledger<'_>) -> Vec<Option<Floor>> {
    let answers = operations
        .iter()
        .enumerate()
        .filter(|(_, operation)| operation.is_linearizable())
        .filter_map(|(at, operation)| {
            let (return_ns, response) = operation.acknowledged()?;
            let place = place(operation, response);
            let shown_by = Shown::Answer(at);
            Some((return_ns, Floor { place, shown_by }))
        });
    let seen = ledger.revisions().iter().map(|revision| {
        let place = revision.number * 2;
        let shown_by = Shown::Seen(revision.record);
        (revision.seen_ns, Floor { place, shown_by })
    });
    let mut shown: Vec<(u64, Floor)> = answers.chain(seen).collect();
    shown.sort_unstable();
    let mut shown = shown.into_iter().peekable();
    let mut floor: Option<Floor> = None;
    let raise = |operation: &Operation<'_>| {
        while let Some((_, next)) = shown.next_if(|next| next.0 < operation.invoke_ns) {
            if floor.is_none_or(|floor| floor.place < next.place) {
                floor = Some(next);
            }
        }
        floor
    };
    operations.iter().map(raise).collect()
}
