//! Compaction: logical at once, physical in bounded steps.
//!
//! Only keys that changed at or below the compact revision can have versions to drop, and the
//! event log names them: the sweep takes the log's changes from the oldest on, trims the key that
//! each names, and drops the change. Those of the compact revision itself stay, for watchers that
//! start there. So the work is in proportion to what goes, not to what stays.

use super::{Store, key::Probe, version_bytes};
use crate::{
    error::Error,
    planted::{Bug, is_planted},
    probe,
};

impl Store {
    /// Makes all revisions below `revision` unreadable.
    ///
    /// # Errors
    ///
    /// [`Error::Compacted`] unless `revision` is above the compact revision;
    /// [`Error::FutureRevision`] if it is above the store's.
    pub(crate) fn compact(&mut self, revision: i64) -> Result<(), Error> {
        if revision <= self.compact_revision {
            return Err(Error::Compacted);
        }
        if revision > self.revision {
            return Err(Error::FutureRevision);
        }
        probe!(CompactionOvertakes if self.is_compacting());
        self.compact_revision = revision;
        // Also where the last sweep ended: what it kept at its own compact revision may go now.
        self.sweep = Some(0);
        Ok(())
    }

    /// Whether [`Self::compact_step`] has anything left to do.
    pub(crate) fn is_compacting(&self) -> bool {
        self.sweep.is_some()
    }

    /// Removes up to `versions_max` versions, or looks at as many keys in vain, that no reader
    /// can reach any more. `true` while more is left.
    pub(crate) fn compact_step(&mut self, versions_max: usize) -> bool {
        let mut budget = versions_max.max(1);
        while let Some(position) = self.sweep {
            let change = self.log.get(position);
            let Some(change) = change.filter(|change| change.at().main <= self.compact_revision)
            else {
                self.sweep = None;
                break;
            };
            if budget == 0 {
                break;
            }
            let change = change.clone();
            let (removed, finished) = self.trim(change.key(), budget);
            budget -= removed.clamp(1, budget);
            if !finished {
                continue;
            }
            let main = change.at().main;
            if main < self.compact_revision || is_planted(Bug::CompactionDropsItsEvents) {
                self.log.drop_first();
            } else {
                self.sweep = Some(position + 1);
            }
        }
        probe!(CompactionGoesOn if self.is_compacting());
        self.is_compacting()
    }

    /// Drops up to `versions_max` of a key's unreachable versions, and the key with its last one.
    /// Gives how many went and whether that was all.
    fn trim(&mut self, key: &[u8], versions_max: usize) -> (usize, bool) {
        // A key that a transaction changed twice, or that has gone before, has nothing to trim;
        // looking first keeps shared nodes from being copied for nothing.
        let Some(history) = self.history(key) else {
            return (0, true);
        };
        let from = match is_planted(Bug::CompactionDropsLive) {
            true => self.revision,
            false => self.compact_revision,
        };
        let unreachable = history.logical_start(from);
        let remove = unreachable.min(versions_max);
        if remove == 0 {
            return (0, true);
        }
        let removed = (0..remove).map(|position| version_bytes(history.get(position)));
        let removed_bytes: u64 = removed.sum();
        let all = remove == history.len();
        self.size_bytes -= removed_bytes;
        let probe = Probe::new(key);
        if all {
            probe!(KeyForgotten);
            self.keys.remove(&probe);
        } else if let Some((key, versions)) = self.keys.get_key_value_mut(&probe)
            && let Some((key, versions)) = versions.drop_oldest(key, remove)
        {
            self.keys.insert(key, versions);
        }
        (remove, remove == unreachable)
    }
}
