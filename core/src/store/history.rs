//! One key's versions since the last compaction, oldest first.

use std::sync::Arc;

use imbl::Vector;

use super::{
    key::Key,
    record::{Record, Revision},
};

/// Up to this many versions sit in one allocation that is copied when a view shares it; above, in
/// a tree of which only the touched part is copied.
const FEW_VERSIONS_MAX: usize = 32;

/// What the tree keeps beside a key: its versions, or nothing if the key shares the only one. Most
/// keys have one version, and cost nothing here.
#[derive(Clone, Debug)]
pub(crate) struct Versions(Option<Arc<Several>>);

#[derive(Clone, Debug)]
enum Several {
    Few(Vec<Record>),
    Many(Vector<Record>),
}

/// A key with its versions, strictly ascending by revision; never none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct History<'a> {
    pub(crate) key: &'a Key,
    versions: &'a Versions,
}

/// What the tree stores for a key with these versions, at least one, oldest first.
pub(crate) fn entry(versions: Vec<Record>) -> (Key, Versions) {
    let newest = versions.last().expect("a history is never empty");
    let key = Key::of(newest);
    let alone = versions.len() == 1 && newest.is(key.record());
    let several = (!alone).then(|| Arc::new(Several::of(versions)));
    (key, Versions(several))
}

impl Several {
    fn of(versions: Vec<Record>) -> Self {
        if versions.len() <= FEW_VERSIONS_MAX {
            Self::Few(versions)
        } else {
            Self::Many(versions.into())
        }
    }

    fn push(&mut self, version: Record) {
        match self {
            Self::Few(few) if few.len() < FEW_VERSIONS_MAX => few.push(version),
            Self::Few(few) => {
                let mut many = Vector::from(std::mem::take(few));
                many.push_back(version);
                *self = Self::Many(many);
            }
            Self::Many(many) => many.push_back(version),
        }
    }

    fn drop_oldest(&mut self, count: usize) {
        match self {
            Self::Few(few) => {
                few.drain(..count);
            }
            Self::Many(many) => {
                *many = many.split_off(count);
                // Half the bound: a key at the border does not change its form with every put.
                if many.len() <= FEW_VERSIONS_MAX / 2 {
                    *self = Self::Few(many.iter().cloned().collect());
                }
            }
        }
    }
}

impl Versions {
    /// Appends a version, which must be newer than all others of `key`.
    pub(crate) fn push(&mut self, key: &Key, version: Record) {
        let newest = History::new((key, self)).newest().at();
        assert!(newest < version.at(), "a key's versions ascend");
        match &mut self.0 {
            None => {
                let few = vec![key.record().clone(), version];
                self.0 = Some(Arc::new(Several::Few(few)));
            }
            Some(several) => Arc::make_mut(several).push(version),
        }
    }

    /// Drops the oldest `count` versions of `key`, in place; or gives what to store in place of
    /// both, where the key would keep a version alive that is dropped, or can do without this.
    #[must_use]
    pub(crate) fn drop_oldest(&mut self, key: &Key, count: usize) -> Option<(Key, Versions)> {
        let history = History::new((key, self));
        let left = history.len() - count;
        assert!(left > 0, "a history is never empty");
        if left == 1 || key.record().at() < history.get(count).at() {
            let versions = (count..history.len()).map(|position| history.get(position).clone());
            return Some(entry(versions.collect()));
        }
        if let Some(several) = &mut self.0 {
            Arc::make_mut(several).drop_oldest(count);
        }
        None
    }
}

impl<'a> History<'a> {
    pub(crate) fn new((key, versions): (&'a Key, &'a Versions)) -> Self {
        Self { key, versions }
    }

    pub(crate) fn len(&self) -> usize {
        match self.versions.0.as_deref() {
            None => 1,
            Some(Several::Few(few)) => few.len(),
            Some(Several::Many(many)) => many.len(),
        }
    }

    /// The version at a position below [`Self::len`].
    pub(crate) fn get(&self, position: usize) -> &'a Record {
        match self.versions.0.as_deref() {
            None => {
                assert!(position == 0, "positions are below the length");
                self.key.record()
            }
            Some(Several::Few(few)) => &few[position],
            Some(Several::Many(many)) => &many[position],
        }
    }

    pub(crate) fn newest(&self) -> &'a Record {
        match self.versions.0.as_deref() {
            None => self.key.record(),
            Some(Several::Few(few)) => few.last().expect("a history is never empty"),
            Some(Several::Many(many)) => many.last().expect("a history is never empty"),
        }
    }

    /// The key as it was after all changes up to main revision `main`: the last version up to
    /// there, which may be a tombstone.
    pub(crate) fn at(&self, main: i64) -> Option<&'a Record> {
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
    pub(crate) fn find(&self, at: Revision) -> Option<&'a Record> {
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
    pub(crate) fn validate(&self) {
        assert!(self.len() > 0);
        let held = self.key.record().at();
        assert!(held >= self.get(0).at(), "the tree holds on to {held:?}");
        for position in 0..self.len() {
            let version = self.get(position);
            assert_eq!(version.key(), self.key.bytes());
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

    /// Builds versions from words such as `2.0` (put) and `5.1x` (tombstone).
    fn versions(text: &str) -> Vec<Record> {
        let mut versions: Vec<Record> = Vec::new();
        for word in text.split_whitespace() {
            let (place, tombstone) = match word.strip_suffix('x') {
                Some(place) => (place, true),
                None => (word, false),
            };
            let (main, sub) = place.split_once('.').unwrap();
            let at = Revision {
                main: main.parse().unwrap(),
                sub: sub.parse().unwrap(),
            };
            let previous = versions.last().and_then(Record::generation);
            let generation = Generation {
                create_revision: previous.map_or(at.main, |previous| previous.create_revision),
                version: previous.map_or(1, |previous| previous.version + 1),
            };
            versions.push(match tombstone {
                true => Record::tombstone(at, b"k"),
                false => Record::put(at, generation, None, b"k", place.as_bytes()),
            });
        }
        versions
    }

    fn show(history: History<'_>, from: usize) -> String {
        history.validate();
        let words: Vec<String> = (from..history.len())
            .map(|position| {
                let version = history.get(position);
                let mark = if version.is_tombstone() { "x" } else { "" };
                format!("{}.{}{mark}", version.at().main, version.at().sub)
            })
            .collect();
        words.join(" ")
    }

    #[test]
    fn a_read_sees_the_last_change_up_to_its_revision() {
        let (key, versions) = entry(versions("3.0 5.2 7.0x 7.1 9.0x"));
        let history = History::new((&key, &versions));
        let at = |main| {
            let version = history.at(main);
            version.map(|version| (version.at().main, version.at().sub))
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
            let (key, versions) = entry(versions(text));
            let history = History::new((&key, &versions));
            let start = history.logical_start(compact_revision);
            assert_eq!(
                show(history, start),
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
        let mut all = versions(&words.join(" ")).into_iter();
        let (mut key, mut versions) = entry(all.by_ref().take(1).collect());
        for (length, version) in (2..).zip(all) {
            versions.push(&key, version);
            assert_eq!(History::new((&key, &versions)).len(), length);
        }
        let (shared_key, shared) = (key.clone(), versions.clone());
        for first in [9, 16, 23, 60, 80, 87, 100, 101] {
            let history = History::new((&key, &versions));
            let count = (0..).position(|at| history.get(at).at().main == first);
            if let Some(entry) = versions.drop_oldest(&key.clone(), count.unwrap()) {
                (key, versions) = entry;
            }
            let left = show(History::new((&key, &versions)), 0);
            assert_eq!(left, words[first as usize - 2..].join(" "));
        }
        assert!(versions.0.is_none());
        let shared = History::new((&shared_key, &shared));
        assert_eq!(
            show(shared, 0),
            words.join(" "),
            "a shared copy does not change"
        );
    }
}
