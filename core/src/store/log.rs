//! All changes in their order: what watch catch-up, hashing and physical compaction walk.

use imbl::Vector;

use super::record::Record;

/// The main revision of the first change of an empty store.
pub(crate) const FIRST_CHANGE: i64 = 2;

/// The record of each change from main revision [`Self::first`] on, in the order of revisions. No
/// main revision is left out, and the positions within one count from 0.
#[derive(Clone, Debug)]
pub(crate) struct EventLog {
    first: i64,
    end: i64,
    changes: Vector<Record>,
}

impl EventLog {
    /// An empty log whose first element will be for `first`.
    pub(crate) fn new(first: i64) -> Self {
        Self {
            first,
            end: first,
            changes: Vector::new(),
        }
    }

    /// The main revision of the oldest change, or of the next one if there is none.
    pub(crate) fn first(&self) -> i64 {
        self.first
    }

    /// The main revision after that of the newest change.
    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// The change at a place, counted from the oldest.
    pub(crate) fn get(&self, position: usize) -> Option<&Record> {
        self.changes.get(position)
    }

    /// All changes of main revision `main` and later.
    pub(crate) fn from(&self, main: i64) -> impl Iterator<Item = &Record> + use<'_> {
        let (mut low, mut high) = (0, self.changes.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.changes[middle].at().main < main {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        // Seeks to the place in O(log n).
        self.changes.focus().narrow(low..).into_iter()
    }

    /// Appends the next change: of the last main revision, or of the one after it. `false`, and
    /// nothing is appended, if it does not follow.
    #[must_use]
    pub(crate) fn push(&mut self, record: Record) -> bool {
        let at = record.at();
        let last = self.changes.back().map(Record::at);
        let follows = match last {
            Some(last) if last.main == at.main => at.sub == last.sub + 1,
            _ => at.main == self.end && at.sub == 0,
        };
        if follows {
            self.end = at.main + 1;
            self.changes.push_back(record);
        }
        follows
    }

    /// Drops the oldest change, if there is one.
    pub(crate) fn drop_first(&mut self) {
        if self.changes.pop_front().is_some() {
            self.first = self
                .changes
                .front()
                .map_or(self.end, |record| record.at().main);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::Revision;

    fn change(main: i64, sub: u32) -> Record {
        Record::tombstone(Revision { main, sub }, b"k")
    }

    #[test]
    fn changes_are_found_by_their_main_revision() {
        let mut log = EventLog::new(FIRST_CHANGE);
        for main in 2..300 {
            for sub in 0..1 + main as u32 % 2 {
                assert!(log.push(change(main, sub)));
            }
        }
        for first in 2..250 {
            assert_eq!((log.first(), log.end()), (first, 300));
            for from in [first, first + 7, 299] {
                assert_eq!(log.from(from).next().unwrap().at(), change(from, 0).at());
            }
            assert_eq!(log.from(first - 1).count(), log.from(first).count());
            assert_eq!(log.from(300).count(), 0);
            for _ in 0..1 + first % 2 {
                log.drop_first();
            }
        }
    }

    #[test]
    fn only_what_follows_is_appended() {
        let mut log = EventLog::new(5);
        assert!(!log.push(change(4, 0)) && !log.push(change(6, 0)) && !log.push(change(5, 1)));
        assert!(log.push(change(5, 0)) && log.push(change(5, 1)));
        assert!(!log.push(change(5, 1)) && !log.push(change(5, 3)) && !log.push(change(7, 0)));
        assert!(log.push(change(6, 0)));
        assert_eq!(log.end(), 7);
    }
}
