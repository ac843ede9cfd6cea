//! Whether some order of the operations explains a history, found by search.
//!
//! The second opinion on what [`linearizability`](super::linearizability) says, which reads the
//! order off the answers' revisions. Here an order is built step by step, as Wing and Gong have
//! it: a step may come next if no other one had to be over before it began; if a choice leads
//! nowhere the next one is tried; and what is known to lead nowhere is not tried again (Lowe).
//! The two share no code: this one has its own key space ([`keys`]), its own idea of what was seen
//! ([`changes`]) and no notion of a place in the order.
//!
//! Steps that change nothing are taken as soon as they fit: whatever comes after them in an order
//! can do without their coming later. So only causes that nobody knows, requests without an
//! answer, leave a choice.

mod changes;
mod keys;
mod steps;

use std::collections::BTreeSet;

use self::{
    changes::Changes,
    keys::Space,
    steps::{Due, Step, Steps},
};
use crate::history::History;

/// Most nodes of the search before it gives up.
const NODES_MAX: usize = 200_000;

/// What came of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// There is such an order.
    Order,
    /// There is none: why the furthest attempt could not go on, and the records that show it.
    Nothing(String, Vec<usize>),
    /// The search took too long.
    GaveUp,
}

/// Searches an order for `history`.
pub(super) fn search(history: &History) -> Found {
    let changes = match Changes::of(history) {
        Ok(changes) => changes,
        Err((reason, records)) => return Found::Nothing(reason, records),
    };
    let operations = history.operations_in_parts();
    let steps = match Steps::of(&operations, &changes) {
        Ok(steps) => steps,
        Err((reason, records)) => return Found::Nothing(reason, records),
    };
    Search {
        changes: &changes,
        steps: &steps,
        dead: BTreeSet::new(),
        furthest: None,
    }
    .run()
}

/// A point of the search: the order so far, by what it has led to.
#[derive(Clone)]
struct Point<'a> {
    /// The keys after the last step.
    space: Space<'a>,
    /// Which steps that are due have been taken.
    taken: Due,
    /// The requests without an answer that have been taken, in order of their numbers.
    guessed: Vec<usize>,
}

struct Search<'a> {
    changes: &'a Changes<'a>,
    steps: &'a Steps<'a>,
    /// What leads nowhere: revision and guesses say all that a point depends on, since all that can
    /// be taken without a choice has been.
    dead: BTreeSet<(i64, Vec<usize>)>,
    /// The greatest revision that was reached, and why it went no further.
    furthest: Option<(i64, String, Vec<usize>)>,
}

impl<'a> Search<'a> {
    fn run(mut self) -> Found {
        let mut open = vec![Point {
            space: Space::default(),
            taken: self.steps.due(),
            guessed: Vec::new(),
        }];
        let mut nodes = 0;
        while let Some(mut point) = open.pop() {
            nodes += 1;
            if nodes > NODES_MAX {
                return Found::GaveUp;
            }
            if let Err((reason, records)) = self.settle(&mut point) {
                self.note(point.space.revision(), reason, records);
                continue;
            }
            if point.space.revision() == self.changes.last() {
                return Found::Order;
            }
            let next = self.choices(&mut point);
            if next.is_empty() {
                let revision = point.space.revision() + 1;
                let (words, record) = self.changes.words(revision);
                let reason = format!("no request can have been next and have changed {words}");
                self.note(revision - 1, reason, vec![record]);
            }
            if next.len() < 2 || self.dead.insert((point.space.revision(), point.guessed)) {
                // The last one is tried first.
                open.extend(next.into_iter().rev());
            }
        }
        let (revision, reason, records) = self.furthest.expect("a search ends somewhere");
        Found::Nothing(format!("at revision {revision} {reason}"), records)
    }

    /// Takes all steps that change nothing and can be next. What has to be at this revision and
    /// cannot is a dead end, unless it can follow a change: at the last revision nothing follows.
    fn settle(&self, point: &mut Point<'a>) -> Result<(), (String, Vec<usize>)> {
        let revision = point.space.revision();
        let mut waiting: Vec<usize> = self.steps.looks_at(revision).to_vec();
        loop {
            let limit_ns = point.taken.limit_ns(self.steps);
            let before = waiting.len();
            for at in std::mem::take(&mut waiting) {
                let step = self.steps.get(at);
                if step.from_ns > limit_ns {
                    waiting.push(at);
                    continue;
                }
                if !step.fits(&point.space) {
                    return Err((format!("{step} does not fit"), step.records.clone()));
                }
                point.taken.take(at);
            }
            if waiting.is_empty() {
                break;
            }
            if waiting.len() == before {
                let step = self.steps.get(waiting[0]);
                let reason = format!("{step} would come after what it had not waited for");
                return Err((reason, step.records.clone()));
            }
        }
        if revision == self.changes.last()
            && let Some(at) = point.taken.first_left(self.steps)
        {
            let step = self.steps.get(at);
            return Err((format!("{step} is left over"), step.records.clone()));
        }
        Ok(())
    }

    /// The points behind each change that may be next, the likeliest first.
    fn choices(&self, point: &mut Point<'a>) -> Vec<Point<'a>> {
        let revision = point.space.revision() + 1;
        let limit_ns = point.taken.limit_ns(self.steps);
        let may_begin = |step: &Step<'_>| step.from_ns <= limit_ns;
        let changes = self.changes.of_revision(revision);
        // Whoever says to have made a revision must have: there is no place left for it later.
        if let Some(at) = self.steps.writer_of(revision) {
            let step = self.steps.get(at);
            let behind = may_begin(step)
                .then(|| step.change(&point.space, changes))
                .flatten();
            return behind
                .into_iter()
                .map(|space| {
                    let mut next = Point {
                        space,
                        ..point.clone()
                    };
                    next.taken.take(at);
                    next
                })
                .collect();
        }
        let mut next = Vec::new();
        let may_end = |lease| self.changes.may_end(revision, lease);
        if let Some(space) = point.space.after_lease_end(changes, may_end) {
            next.push(Point {
                space,
                ..point.clone()
            });
        }
        for &at in self.steps.guesses() {
            let step = self.steps.get(at);
            if !may_begin(step) || !step.may_change(changes) || point.guessed.contains(&at) {
                continue;
            }
            if let Some(space) = step.change(&point.space, changes) {
                let mut guessed = point.guessed.clone();
                guessed.insert(guessed.partition_point(|other| *other < at), at);
                next.push(Point {
                    space,
                    guessed,
                    taken: point.taken.clone(),
                });
            }
        }
        next
    }

    fn note(&mut self, revision: i64, reason: String, records: Vec<usize>) {
        if self
            .furthest
            .as_ref()
            .is_none_or(|furthest| furthest.0 < revision)
        {
            self.furthest = Some((revision, reason, records));
        }
    }
}
