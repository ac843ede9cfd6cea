//! The reference model beside the members: what it makes of each entry that they apply.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use quorate_core::{Applied, Entry};
use quorate_model::Model;

/// Most characters of a value that is told.
const TOLD_MAX: usize = 400;

/// Applies each entry once, when the first member has. Clones are the same.
#[derive(Clone)]
pub(super) struct Reference(Arc<Mutex<State>>);

struct State {
    model: Model,
    /// It has differed: from there on it knows nothing of the members' state.
    has_differed: bool,
}

impl Reference {
    pub(super) fn new() -> Self {
        let state = State {
            model: Model::new(),
            has_differed: false,
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// What is different, in one line, where the model does not agree with what `entry` did. Of an
    /// entry that it knows it says nothing.
    pub(super) fn judge(&self, entry: &Entry, applied: &Applied) -> Option<String> {
        let mut state = self.0.lock().expect("the model does not panic");
        if state.has_differed || entry.index <= state.model.applied_index() {
            return None;
        }
        let expected = state.model.apply(entry);
        let difference = difference(&expected, applied)?;
        state.has_differed = true;
        Some(difference)
    }
}

/// What the first member to apply each entry made of it: all others must make the same of it. Clones
/// are the same.
#[derive(Clone, Default)]
pub(super) struct Outcomes(Arc<Mutex<BTreeMap<u64, Applied>>>);

impl Outcomes {
    /// What is different, in one line, where a member makes something else of the entry at `index`
    /// than the first one did.
    pub(super) fn compare(&self, index: u64, applied: &Applied) -> Option<String> {
        let mut outcomes = self.0.lock().expect("comparing does not panic");
        match outcomes.get(&index) {
            None => {
                outcomes.insert(index, applied.clone());
                None
            }
            Some(first) if first == applied => None,
            Some(first) => difference(first, applied),
        }
    }
}

fn difference(expected: &Applied, applied: &Applied) -> Option<String> {
    let mut pairs = [
        ("answer", told(&expected.result), told(&applied.result)),
        (
            "revision",
            told(&expected.revision),
            told(&applied.revision),
        ),
        ("time", told(&expected.time_ms), told(&applied.time_ms)),
        ("events", told(&expected.events), told(&applied.events)),
        (
            "changes of leases",
            told(&expected.lease_changes),
            told(&applied.lease_changes),
        ),
    ]
    .into_iter();
    let (what, expected, applied) = pairs.find(|(_, expected, applied)| expected != applied)?;
    let short = |text: String| text.chars().take(TOLD_MAX).collect::<String>();
    Some(format!(
        "{what}: {} and not {}",
        short(expected),
        short(applied)
    ))
}

/// A value in one line, as two of them are compared.
fn told(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}")
}
