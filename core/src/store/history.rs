//! One key's versions since the last compaction, oldest first.

use std::sync::Arc;

use imbl::Vector;

use super::record::{Record, Revision};

/// Up to this many versions sit in one allocation that is copied when a view shares it; above, in
/// a tree of which only the touched part is copied.
const FEW_VERSIONS_MAX: usize = 32;

/// A key's versions, strictly ascending by revision; never empty. Most keys have one version, so
/// that case costs no allocation.
#[derive(Clone, Debug)]
pub(crate) struct KeyHistory(Versions);

#[derive(Clone, Debug)]
enum Versions {
    One(Record),
    Few(Arc<Vec<Record>>),
    Many(Arc<Vector<Record>>),
}

impl KeyHistory {
    pub(crate) fn new(first: Record) -> Self {
        Self(Versions::One(first))
    }

    /// Appends a version, which must be newer than all others.
    pub(crate) fn push(&mut self, version: Record) {
        assert!(self.newest().at() < version.at(), "a key's versions ascend");
        match &mut self.0 {
            Versions::One(first) => {
                let mut few = Vec::with_capacity(2);
                few.extend([first.clone(), version]);
                self.0 = Versions::Few(Arc::new(few));
            }
            Versions::Few(few) if few.len() < FEW_VERSIONS_MAX => {
                Arc::make_mut(few).push(version);
            }
            Versions::Few(few) => {
                let mut many: Vector<Record> = few.iter().cloned().collect();
                many.push_back(version);
                self.0 = Versions::Many(Arc::new(many));
            }
            Versions::Many(many) => Arc::make_mut(many).push_back(version),
        }
    }

    pub(crate) fn len(&self) -> usize {
        match &self.0 {
            Versions::One(_) => 1,
            Versions::Few(few) => few.len(),
            Versions::Many(many) => many.len(),
        }
    }

    /// The version at a position below [`Self::len`].
    pub(crate) fn get(&self, position: usize) -> &Record {
        match &self.0 {
            Versions::One(only) => {
                assert!(position == 0, "positions are below the length");
                only
            }
            Versions::Few(few) => &few[position],
            Versions::Many(many) => &many[position],
        }
    }

    pub(crate) fn newest(&self) -> &Record {
        self.get(self.len() - 1)
    }

    /// The key as it was after all changes up to main revision `main`: the last version up to
    /// there, which may be a tombstone.
    pub(crate) fn at(&self, main: i64) -> Option<&Record> {
        let newest = self.newest();
        if newest.at().main <= main {
            return Some(newest);
        }
        let newer = self.count_before(Revision {
            main: main.saturating_add(1),
            sub: 0,
        });
        newer.checked_sub(1).map(|position| self.get(position))
    }

    /// The version that exactly this change made.
    pub(crate) fn find(&self, at: Revision) -> Option<&Record> {
        let position = self.count_before(at);
        (position < self.len())
            .then(|| self.get(position))
            .filter(|version| version.at() == at)
    }

    /// The position of the oldest version that still counts after a compaction to
    /// `compact_revision`; [`Self::len`] if none does.
    ///
    /// What counts is everything that a read or a watch from the compact revision on can see: all
    /// versions at and above it, and, for a key that did not change at it, the one before, unless
    /// that is a tombstone. Replicas may hold more than that, but never show it.
    pub(crate) fn logical_start(&self, compact_revision: i64) -> usize {
        let at_or_above = self.count_before(Revision {
            main: compact_revision,
            sub: 0,
        });
        let changed_there =
            at_or_above < self.len() && self.get(at_or_above).at().main == compact_revision;
        match at_or_above.checked_sub(1) {
            Some(before) if !changed_there && !self.get(before).is_tombstone() => before,
            _ => at_or_above,
        }
    }

    /// Drops the oldest `count` versions. At least one must remain.
    pub(crate) fn drop_oldest(&mut self, count: usize) {
        assert!(count < self.len(), "a history is never empty");
        match &mut self.0 {
            Versions::One(_) => {}
            Versions::Few(few) if few.len() - count == 1 => {
                self.0 = Versions::One(few[count].clone());
            }
            Versions::Few(few) => {
                Arc::make_mut(few).drain(..count);
            }
            Versions::Many(many) => {
                let many = Arc::make_mut(many);
                for _ in 0..count {
                    many.pop_front();
                }
                // Half the bound: a key at the border does not change its form with every put.
                if many.len() <= FEW_VERSIONS_MAX / 2 {
                    self.0 = match many.len() {
                        1 => Versions::One(many[0].clone()),
                        _ => Versions::Few(Arc::new(many.iter().cloned().collect())),
                    };
                }
            }
        }
    }

    /// Number of versions before `at`.
    fn count_before(&self, at: Revision) -> usize {
        let (mut low, mut high) = (0, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.get(middle).at() < at {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// Checks what every history promises: one key, ascending revisions, and generations that count
    /// their puts from a creation on. The oldest version may have lost its predecessors to
    /// compaction.
    pub(crate) fn validate(&self, key: &[u8]) {
        assert!(self.len() > 0);
        for position in 0..self.len() {
            let version = self.get(position);
            assert_eq!(version.key(), key);
            if let Some(generation) = version.generation() {
                let main = version.at().main;
                assert!(generation.version >= 1);
                assert!(generation.create_revision <= main);
                assert_eq!(generation.version == 1, generation.create_revision == main);
            }
            if position > 0 {
                validate_step(self.get(position - 1), version);
            }
        }
    }
}

/// Checks two versions that follow each other.
fn validate_step(before: &Record, version: &Record) {
    assert!(before.at() < version.at());
    match (before.generation(), version.generation()) {
        (Some(before), Some(generation)) => {
            assert_eq!(generation.version, before.version + 1);
            assert_eq!(generation.create_revision, before.create_revision);
        }
        (None, Some(generation)) => assert_eq!(generation.version, 1),
        (Some(_), None) => {}
        (None, None) => panic!("two tombstones in a row"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::Generation;

    /// Builds a history from words such as `2.0` (put) and `5.1x` (tombstone).
    fn history(text: &str) -> KeyHistory {
        let mut history: Option<KeyHistory> = None;
        for word in text.split_whitespace() {
            let (word, tombstone) = match word.strip_suffix('x') {
                Some(word) => (word, true),
                None => (word, false),
            };
            let (main, sub) = word.split_once('.').unwrap();
            let at = Revision {
                main: main.parse().unwrap(),
                sub: sub.parse().unwrap(),
            };
            let previous = history
                .as_ref()
                .and_then(|history| history.newest().generation());
            let generation = Generation {
                create_revision: previous.map_or(at.main, |previous| previous.create_revision),
                version: previous.map_or(1, |previous| previous.version + 1),
            };
            let version = match tombstone {
                true => Record::tombstone(at, b"k"),
                false => Record::put(at, generation, None, b"k", word.as_bytes()),
            };
            match &mut history {
                Some(history) => history.push(version),
                None => history = Some(KeyHistory::new(version)),
            }
        }
        let history = history.unwrap();
        history.validate(b"k");
        history
    }

    fn show(history: &KeyHistory, from: usize) -> String {
        let words: Vec<String> = (from..history.len())
            .map(|position| {
                let version = history.get(position);
                let mark = if !version.is_tombstone() { "" } else { "x" };
                format!("{}.{}{mark}", version.at().main, version.at().sub)
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn a_read_sees_the_last_change_up_to_its_revision() {
        let history = history("3.0 5.2 7.0x 7.1 9.0x");
        let at = |main| {
            history
                .at(main)
                .map(|version| (version.at().main, version.at().sub))
        };
        assert_eq!(at(2), None);
        assert_eq!(at(3), Some((3, 0)));
        assert_eq!(at(6), Some((5, 2)));
        assert_eq!(at(7), Some((7, 1)));
        assert_eq!(at(8), Some((7, 1)));
        assert!(history.at(i64::MAX).unwrap().is_tombstone());
        assert!(history.find(Revision { main: 7, sub: 0 }).is_some());
        assert!(history.find(Revision { main: 7, sub: 2 }).is_none());
        assert!(history.find(Revision { main: 10, sub: 0 }).is_none());
    }

    #[test]
    fn compaction_keeps_what_can_still_be_seen() {
        let check = |text: &str, compact_revision, expected: &str| {
            let history = history(text);
            let start = history.logical_start(compact_revision);
            assert_eq!(
                show(&history, start),
                expected,
                "{text} compacted to {compact_revision}"
            );
        };
        check("3.0 5.0 7.0", -1, "3.0 5.0 7.0");
        check("3.0 5.0 7.0", 4, "3.0 5.0 7.0");
        check("3.0 5.0 7.0", 5, "5.0 7.0");
        check("3.0 5.0 7.0", 6, "5.0 7.0");
        check("3.0 5.0 7.0", 9, "7.0");
        check("3.0 5.0x 7.0", 5, "5.0x 7.0");
        check("3.0 5.0x 7.0", 6, "7.0");
        check("3.0 5.0x", 5, "5.0x");
        check("3.0 5.0x", 6, "");
        check("3.0 5.0x 5.1 7.0", 5, "5.0x 5.1 7.0");
        check("3.0 5.0x 5.1 7.0", 6, "5.1 7.0");
    }

    #[test]
    fn a_history_grows_and_shrinks_through_all_its_forms() {
        let words: Vec<String> = (2..102).map(|main| format!("{main}.0")).collect();
        let mut grown = history(&words[..1].join(" "));
        for length in 2..=words.len() {
            grown = history(&words[..length].join(" "));
            assert_eq!(grown.len(), length);
        }
        let shared = grown.clone();
        while grown.len() > 1 {
            let drop = (grown.len() - 1).min(7);
            grown.drop_oldest(drop);
            grown.validate(b"k");
            assert_eq!(grown.newest().at().main, 101);
        }
        assert_eq!(
            show(&shared, 0),
            words.join(" "),
            "a shared copy does not change"
        );
    }
}
