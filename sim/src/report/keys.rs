//! An index from keys to the records that are about them.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::history::{Blob, History, Keys, What};

/// The keys that records name, in order, and which records are about which of them.
#[derive(Debug, Default, Serialize)]
pub(super) struct KeyIndex {
    /// The keys' texts.
    names: Vec<String>,
    /// Three numbers each: a record, and the half-open interval of `names` that it is about.
    touches: Vec<usize>,
}

impl KeyIndex {
    pub(super) fn of(history: &History) -> Self {
        let touched = touched(history);
        let mut named = BTreeSet::new();
        for (_, keys) in &touched {
            match keys {
                Keys::One(key) => _ = named.insert(key),
                Keys::Span(start, end) => named.extend([start, end]),
                Keys::From(start) => _ = named.insert(start),
            }
        }
        let named: Vec<&Blob> = named.into_iter().collect();
        let below = |key: &Blob| named.partition_point(|known| *known < key);
        let mut touches = Vec::new();
        for (record, keys) in &touched {
            let (from, to) = match keys {
                Keys::One(key) => (below(key), below(key) + 1),
                Keys::Span(start, end) => (below(start), below(end)),
                Keys::From(start) => (below(start), named.len()),
            };
            touches.extend([*record, from, to]);
        }
        Self {
            names: named.iter().map(ToString::to_string).collect(),
            touches,
        }
    }
}

/// Records with the keys that they are about. An answer is about the keys of its request.
fn touched(history: &History) -> Vec<(usize, Keys)> {
    let mut touched = Vec::new();
    let mut asked: BTreeMap<u64, Vec<Keys>> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        let keys = match &entry.what {
            What::Invoke { op, .. } => {
                asked.insert(*op, entry.what.keys());
                entry.what.keys()
            }
            What::Return { op, .. } => asked.remove(op).unwrap_or_default(),
            other => other.keys(),
        };
        touched.extend(keys.into_iter().map(|keys| (record, keys)));
    }
    touched
}

#[cfg(test)]
mod tests {
    use super::KeyIndex;

    #[test]
    fn an_interval_covers_the_keys_that_are_named_in_it() {
        let text = "1 op1 c1 n1 put b v\n1 op2 c1 n1 get [a,c)\n2 op2 ok @1 get count=0";
        let index = KeyIndex::of(&text.parse().unwrap());
        assert_eq!(index.names, ["a", "b", "c"]);
        assert_eq!(index.touches, [0, 1, 2, 1, 0, 2, 2, 0, 2]);
    }
}
