//! What holds of a [`Store`] between any two entries; see [`crate::View::validate`].

use super::{FIRST_CHANGE, Store, history::History, version_bytes};

impl Store {
    /// Checks every structure of the store against every other.
    pub(crate) fn validate(&self) {
        assert!(self.revision >= 1 && self.compact_revision <= self.revision);
        assert_eq!(self.log.end(), self.revision + 1);
        assert!(self.log.first() <= self.compact_revision.max(FIRST_CHANGE));
        self.invariant_histories();
        self.invariant_log();
    }

    /// Each key has a history of its own, which adds to the size; what was swept is gone.
    fn invariant_histories(&self) {
        let mut size_bytes = 0;
        for history in self.keys.iter().map(History::new) {
            let key = history.key;
            assert!(!key.bytes().is_empty());
            history.validate();
            assert!(history.newest().at().main <= self.revision);
            let versions = (0..history.len()).map(|position| history.get(position));
            size_bytes += versions.map(version_bytes).sum::<u64>();
            if self.sweep.is_none() {
                let start = history.logical_start(self.compact_revision);
                assert_eq!(start, 0, "swept: {key:?}");
            }
        }
        assert_eq!(self.size_bytes, size_bytes);
    }

    /// The log has exactly the versions from the compact revision on, revision by revision.
    fn invariant_log(&self) {
        let from = self.compact_revision.max(FIRST_CHANGE);
        let mut logged = 0;
        let mut next = (from, 0);
        for record in self.log.from(from) {
            let at = record.at();
            if at.main > next.0 {
                assert!(next.1 > 0, "a main revision changes at least one key");
                next = (next.0 + 1, 0);
            }
            assert_eq!((at.main, at.sub), next, "the log has no gaps");
            next.1 += 1;
            logged += 1;
            let history = self.history(record.key());
            let version = history.and_then(|history| history.find(at));
            assert!(version.is_some(), "logged changes are kept: {record:?}");
        }
        let kept = self.keys.iter().map(History::new).map(|history| {
            let versions = (0..history.len()).map(|position| history.get(position));
            versions.filter(|version| version.at().main >= from).count()
        });
        assert_eq!(logged, kept.sum::<usize>(), "the log leaves out no change");
    }
}
