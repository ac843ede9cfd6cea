//! Which keys each main revision changed: what watch catch-up and physical compaction walk.

use std::sync::Arc;

use bytes::Bytes;
use imbl::Vector;

/// The main revision of the first change of an empty store.
pub(crate) const FIRST_CHANGE: i64 = 2;

/// One element for each main revision from [`Self::first`] on, without gaps.
#[derive(Clone, Debug)]
pub(crate) struct EventLog {
    first: i64,
    changes: Vector<Changed>,
}

/// The keys that one main revision changed, in sub order; never none. A key stands there twice
/// where a transaction deleted and put it.
#[derive(Clone, Debug)]
pub(crate) enum Changed {
    /// The usual case, without an allocation of its own.
    One(Bytes),
    /// At least two.
    Many(Arc<[Bytes]>),
}

impl Changed {
    pub(crate) fn keys(&self) -> &[Bytes] {
        match self {
            Self::One(key) => std::slice::from_ref(key),
            Self::Many(keys) => keys,
        }
    }
}

impl From<Vec<Bytes>> for Changed {
    fn from(mut keys: Vec<Bytes>) -> Self {
        match keys.len() {
            1 => Self::One(keys.remove(0)),
            _ => Self::Many(keys.into()),
        }
    }
}

impl EventLog {
    /// An empty log whose first element will be for `first`.
    pub(crate) fn new(first: i64) -> Self {
        Self {
            first,
            changes: Vector::new(),
        }
    }

    /// The main revision of the oldest element, or of the next one if there is none.
    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    /// The main revision that the next element will be for.
    pub(crate) fn end(&self) -> i64 {
        self.first + self.changes.len() as i64
    }

    /// What main revision `main` changed.
    pub(crate) fn get(&self, main: i64) -> Option<&Changed> {
        let position = main.checked_sub(self.first)?;
        self.changes.get(usize::try_from(position).ok()?)
    }

    /// Appends the next main revision's keys.
    pub(crate) fn push(&mut self, changed: Changed) {
        assert!(
            !changed.keys().is_empty(),
            "a main revision changes at least one key"
        );
        self.changes.push_back(changed);
    }

    /// Drops the oldest element, if there is one.
    pub(crate) fn drop_first(&mut self) {
        if self.changes.pop_front().is_some() {
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_main_revision() {
        let mut log = EventLog::new(FIRST_CHANGE);
        for main in 2..300_i64 {
            let key = Bytes::from(main.to_string());
            log.push(Changed::from(vec![key; 1 + main as usize % 2]));
        }
        for first in 2..250 {
            assert_eq!((log.first(), log.end()), (first, 300));
            assert!(log.get(first - 1).is_none() && log.get(300).is_none());
            assert_eq!(log.get(first).unwrap().keys().len(), 1 + first as usize % 2);
            assert_eq!(log.get(299).unwrap().keys()[0], "299");
            log.drop_first();
        }
        assert!(log.get(i64::MIN).is_none());
    }
}
