//! What the log says besides its entries.

use bytes::Bytes;

use super::{LogEntry, LogPosition};

/// The sum of a log's records. The log keeps it twice: as accepted from the callers, and as
/// written to disk; recovery computes it a third time. All by the same transitions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct LogState {
    pub(super) vote: Option<Bytes>,
    pub(super) committed: Option<LogPosition>,
    /// The last entry that is no longer needed.
    pub(super) purged: Option<LogPosition>,
    /// Index of the next entry; `None` in a log that never had one, which may begin anywhere.
    pub(super) next_index: Option<u64>,
}

impl LogState {
    /// Whether the log holds an entry that is still needed.
    pub(super) fn has_entries(&self) -> bool {
        self.next_index
            .is_some_and(|next| next > self.first_index())
    }

    /// The first index that is still needed, if there is an entry at all.
    pub(super) fn first_index(&self) -> u64 {
        self.purged.map_or(0, |purged| purged.index + 1)
    }

    pub(super) fn append(&mut self, entry: &LogEntry) -> Result<(), &'static str> {
        if self.next_index.is_some_and(|next| next != entry.index) {
            return Err("an entry that does not follow the last one");
        }
        self.next_index = Some(entry.index + 1);
        Ok(())
    }

    /// Drops the entries from index `from` on.
    pub(super) fn truncate(&mut self, from: u64) -> Result<(), &'static str> {
        if self.purged.is_some_and(|purged| from <= purged.index) {
            return Err("a truncation of entries that have been purged");
        }
        if self.next_index.is_some_and(|next| from < next) {
            self.next_index = Some(from);
        }
        Ok(())
    }

    /// Drops the entries up to `last`, which may lie behind the end of the log: a checkpoint from
    /// another member covers entries that this one never had.
    pub(super) fn purge(&mut self, last: LogPosition) -> Result<(), &'static str> {
        if self.purged.is_some_and(|purged| last.index < purged.index) {
            return Err("a purge of less than has been purged");
        }
        self.purged = Some(last);
        self.next_index = Some(self.next_index.map_or(0, |next| next).max(last.index + 1));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(index: u64) -> LogEntry {
        LogEntry {
            term: 1,
            index,
            payload: Bytes::new(),
        }
    }

    fn at(index: u64) -> LogPosition {
        LogPosition { term: 1, index }
    }

    #[test]
    fn entries_follow_each_other() {
        let mut state = LogState::default();
        assert!(
            state.append(&entry(4)).is_ok(),
            "an empty log begins anywhere"
        );
        assert!(state.append(&entry(4)).is_err());
        assert!(state.append(&entry(6)).is_err());
        assert!(state.append(&entry(5)).is_ok());
    }

    #[test]
    fn a_truncation_moves_the_end_back_only() {
        let mut state = LogState::default();
        state.append(&entry(0)).unwrap();
        state.append(&entry(1)).unwrap();
        state.truncate(9).unwrap();
        assert_eq!(state.next_index, Some(2));
        state.truncate(0).unwrap();
        assert_eq!((state.next_index, state.has_entries()), (Some(0), false));
    }

    #[test]
    fn a_purge_may_jump_over_the_end() {
        let mut state = LogState::default();
        state.append(&entry(0)).unwrap();
        state.purge(at(9)).unwrap();
        assert_eq!((state.next_index, state.has_entries()), (Some(10), false));
        assert!(state.purge(at(8)).is_err());
        assert!(state.truncate(9).is_err());
        assert!(state.append(&entry(10)).is_ok());
        assert!(state.has_entries());
    }
}
