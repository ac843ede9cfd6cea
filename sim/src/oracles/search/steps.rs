//! The steps that an order consists of.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

use super::{
    changes::{Changes, Refusal},
    keys::{Change, Space},
};
use crate::history::{Body, Operation, Outcome, Range, Request, Response};

/// Something that has its place in the order.
pub(super) struct Step<'a> {
    /// It comes after everything that was over before this time, nanoseconds.
    pub(super) from_ns: u64,
    /// It comes before everything that begins after this time; `None` where it may never come.
    until_ns: Option<u64>,
    what: Kind<'a>,
    /// The operation; `None` where somebody just saw something.
    op: Option<u64>,
    pub(super) records: Vec<usize>,
}

enum Kind<'a> {
    /// A request, with its answer where that is known.
    Request(&'a Request, Option<&'a Body>),
    /// A read of an old revision: its answer, at that revision.
    Past(&'a Range, &'a Body),
    /// Its header, at the revision at which it was answered; or somebody saw this revision.
    Revision,
}

impl<'a> Step<'a> {
    fn of(operation: &Operation<'a>, from_ns: u64, until_ns: Option<u64>, what: Kind<'a>) -> Self {
        Self {
            from_ns,
            until_ns,
            what,
            op: Some(operation.id),
            records: operation.records(),
        }
    }

    /// Whether it changes nothing in `space` and is right about it.
    pub(super) fn fits(&self, space: &Space<'a>) -> bool {
        match self.what {
            Kind::Revision => true,
            Kind::Past(range, answer) => space.is_found(range, answer),
            Kind::Request(Request::Range(range), Some(answer)) => space.is_found(range, answer),
            Kind::Request(request, answer) => space
                .after(request, answer)
                .is_some_and(|(_, changes)| changes.is_empty()),
        }
    }

    /// The space behind it, if it makes these changes and is right about `space`.
    pub(super) fn change(&self, space: &Space<'a>, changes: &[Change<'a>]) -> Option<Space<'a>> {
        let Kind::Request(request, answer) = self.what else {
            return None;
        };
        let (next, made) = space.after(request, answer)?;
        (made == changes).then_some(next)
    }

    /// Whether it could make these changes, looked at quickly.
    pub(super) fn may_change(&self, changes: &[Change<'_>]) -> bool {
        let Kind::Request(request, _) = self.what else {
            return false;
        };
        changes.iter().all(|change| request.may_change(change.key))
    }
}

impl Display for Step<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.op {
            None => f.write_str("what was seen"),
            Some(op) => write!(f, "op{op}"),
        }
    }
}

/// All steps, by what they wait for.
pub(super) struct Steps<'a> {
    steps: Vec<Step<'a>>,
    /// Those that change nothing, by the revision at which they must come.
    looks: BTreeMap<i64, Vec<usize>>,
    /// Those that say which revision they made.
    writers: BTreeMap<i64, usize>,
    /// Those of which nobody knows whether they came.
    guesses: Vec<usize>,
    /// Those that must come, the first to be over first.
    by_end: Vec<usize>,
}

impl<'a> Steps<'a> {
    pub(super) fn of(
        operations: &'a [Operation<'a>],
        changes: &Changes<'a>,
    ) -> Result<Self, Refusal> {
        let mut all = Self {
            steps: Vec::new(),
            looks: BTreeMap::new(),
            writers: BTreeMap::new(),
            guesses: Vec::new(),
            by_end: Vec::new(),
        };
        for operation in operations {
            all.add(operation, changes.last())?;
        }
        for (revision, at_ns, record) in changes.times() {
            all.look(
                revision,
                Step {
                    from_ns: 0,
                    until_ns: Some(at_ns),
                    what: Kind::Revision,
                    op: None,
                    records: vec![record],
                },
            );
        }
        let due = |at: &usize| all.steps[*at].until_ns.is_some();
        let mut by_end: Vec<usize> = (0..all.steps.len()).filter(due).collect();
        by_end.sort_by_key(|at| all.steps[*at].until_ns);
        all.by_end = by_end;
        Ok(all)
    }

    fn add(&mut self, operation: &Operation<'a>, last: i64) -> Result<(), Refusal> {
        let request = operation.request;
        match (request, operation.end) {
            (
                Request::Put(_)
                | Request::Delete(_)
                | Request::Range(_)
                | Request::Txn(_)
                | Request::Queue(_),
                Some((end_ns, _, Outcome::Ok(response))),
            ) => self.add_answered(operation, end_ns, response, last),
            // What a call in several steps may have changed are operations of their own.
            (
                Request::Put(_) | Request::Delete(_) | Request::Range(_) | Request::Txn(_),
                Some((_, _, Outcome::Unknown(_))) | None,
            ) => {
                let guess = Kind::Request(request, None);
                self.guesses.push(self.steps.len());
                self.steps
                    .push(Step::of(operation, operation.invoke_ns, None, guess));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add_answered(
        &mut self,
        operation: &Operation<'a>,
        end_ns: u64,
        response: &'a Response,
        last: i64,
    ) -> Result<(), Refusal> {
        if response.revision > last {
            let text = format!("op{} knows a revision that nobody saw", operation.id);
            return Err((text, operation.records()));
        }
        // What may be old may come as early as it likes, though not later than its answer.
        let from_ns = if operation.is_linearizable() {
            operation.invoke_ns
        } else {
            0
        };
        let step = |from_ns, what| Step::of(operation, from_ns, Some(end_ns), what);
        let body = &response.body;
        let whole = step(from_ns, Kind::Request(operation.request, Some(body)));
        match operation.request {
            Request::Range(range) if range.revision > 0 => {
                self.look(response.revision, step(from_ns, Kind::Revision));
                self.look(range.revision, step(0, Kind::Past(range, body)));
            }
            Request::Queue(_) => self.look(response.revision, step(from_ns, Kind::Revision)),
            _ if body.wrote() => {
                let at = self.steps.len();
                if let Some(other) = self.writers.insert(response.revision, at) {
                    let other = &self.steps[other];
                    let text = format!("op{} and {other} made the same revision", operation.id);
                    return Err((text, [&operation.records()[..], &other.records].concat()));
                }
                self.steps.push(whole);
            }
            _ => self.look(response.revision, whole),
        }
        Ok(())
    }

    fn look(&mut self, revision: i64, step: Step<'a>) {
        self.looks
            .entry(revision)
            .or_default()
            .push(self.steps.len());
        self.steps.push(step);
    }

    pub(super) fn get(&self, at: usize) -> &Step<'a> {
        &self.steps[at]
    }

    /// The steps that change nothing and must come at `revision`.
    pub(super) fn looks_at(&self, revision: i64) -> &[usize] {
        self.looks.get(&revision).map_or(&[], Vec::as_slice)
    }

    /// The step that says to have made `revision`.
    pub(super) fn writer_of(&self, revision: i64) -> Option<usize> {
        self.writers.get(&revision).copied()
    }

    /// The steps of which nobody knows whether they came.
    pub(super) fn guesses(&self) -> &[usize] {
        &self.guesses
    }

    /// No step is taken yet.
    pub(super) fn due(&self) -> Due {
        Due {
            taken: vec![0; self.steps.len().div_ceil(64)],
            first: 0,
        }
    }
}

/// Which of the steps that must come have come.
#[derive(Clone)]
pub(super) struct Due {
    taken: Vec<u64>,
    /// All before this one in the order of their ends are taken.
    first: usize,
}

impl Due {
    pub(super) fn take(&mut self, at: usize) {
        self.taken[at / 64] |= 1 << (at % 64);
    }

    /// The end of the first step that must come and has not: nothing that begins later may be next.
    pub(super) fn limit_ns(&mut self, steps: &Steps<'_>) -> u64 {
        let left = self.first_left(steps).map(|at| &steps.steps[at]);
        left.and_then(|step| step.until_ns).unwrap_or(u64::MAX)
    }

    /// That step.
    pub(super) fn first_left(&mut self, steps: &Steps<'_>) -> Option<usize> {
        while let Some(&at) = steps.by_end.get(self.first) {
            if self.taken[at / 64] & (1 << (at % 64)) == 0 {
                return Some(at);
            }
            self.first += 1;
        }
        None
    }
}
