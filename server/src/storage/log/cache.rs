//! The entries at the end of the log, in memory: what replication and apply read.

use std::collections::VecDeque;

use super::LogEntry;

/// Contiguous entries up to the log's last one, and for each the ticket of the operation that
/// brought it. Entries whose ticket is not on disk yet stay in any case.
#[derive(Debug, Default)]
pub(super) struct EntryCache {
    entries: VecDeque<(LogEntry, u64)>,
    bytes: usize,
}

/// What an entry costs besides its payload.
const ENTRY_OVERHEAD_BYTES: usize = size_of::<(LogEntry, u64)>();

/// Memory of one entry.
pub(super) fn entry_bytes(entry: &LogEntry) -> usize {
    entry.payload.len() + ENTRY_OVERHEAD_BYTES
}

impl EntryCache {
    pub(super) fn push(&mut self, entry: LogEntry, ticket: u64) {
        debug_assert!(
            self.entries
                .back()
                .is_none_or(|(last, _)| last.index + 1 == entry.index)
        );
        self.bytes += entry_bytes(&entry);
        self.entries.push_back((entry, ticket));
    }

    /// Drops the entries from index `from` on.
    pub(super) fn truncate(&mut self, from: u64) {
        while let Some((entry, _)) = self.entries.pop_back_if(|(entry, _)| entry.index >= from) {
            self.bytes -= entry_bytes(&entry);
        }
    }

    /// Drops the entries up to index `last`.
    pub(super) fn purge(&mut self, last: u64) {
        while let Some((entry, _)) = self.entries.pop_front_if(|(entry, _)| entry.index <= last) {
            self.bytes -= entry_bytes(&entry);
        }
    }

    /// Drops the oldest entries until no more than `bytes_max` are left, but never the last entry
    /// nor one whose ticket is above `durable_ticket`.
    pub(super) fn evict(&mut self, bytes_max: usize, durable_ticket: u64) {
        while self.bytes > bytes_max
            && self.entries.len() > 1
            && let Some((entry, _)) = self
                .entries
                .pop_front_if(|(_, ticket)| *ticket <= durable_ticket)
        {
            self.bytes -= entry_bytes(&entry);
        }
    }

    /// Index of the first entry here.
    pub(super) fn first_index(&self) -> Option<u64> {
        self.entries.front().map(|(entry, _)| entry.index)
    }

    pub(super) fn last(&self) -> Option<&LogEntry> {
        self.entries.back().map(|(entry, _)| entry)
    }

    /// The entries `from..to` that are here, as many as `bytes_max` of payload allow, but at
    /// least one.
    pub(super) fn read(&self, from: u64, to: u64, bytes_max: usize) -> Vec<LogEntry> {
        let Some(first) = self.first_index() else {
            return Vec::new();
        };
        let place = |index: u64| (index.saturating_sub(first) as usize).min(self.entries.len());
        let mut found = Vec::new();
        let mut bytes = 0;
        for (entry, _) in self.entries.range(place(from)..place(to).max(place(from))) {
            bytes += entry.payload.len();
            if bytes > bytes_max && !found.is_empty() {
                break;
            }
            found.push(entry.clone());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn cache(indexes: std::ops::Range<u64>) -> EntryCache {
        let mut cache = EntryCache::default();
        for index in indexes {
            let payload = Bytes::from(vec![0; 10]);
            cache.push(
                LogEntry {
                    term: 1,
                    index,
                    payload,
                },
                index,
            );
        }
        cache
    }

    fn indexes(entries: &[LogEntry]) -> Vec<u64> {
        entries.iter().map(|entry| entry.index).collect()
    }

    #[test]
    fn reads_are_bounded_by_range_and_bytes() {
        let cache = cache(5..9);
        assert_eq!(indexes(&cache.read(0, 7, 1000)), [5, 6]);
        assert_eq!(indexes(&cache.read(6, 99, 20)), [6, 7]);
        assert_eq!(indexes(&cache.read(6, 99, 0)), [6], "one at least");
        assert!(cache.read(7, 6, 1000).is_empty());
        assert!(cache.read(9, 12, 1000).is_empty());
    }

    #[test]
    fn what_is_not_durable_stays() {
        let mut cache = cache(0..6);
        cache.evict(0, 2);
        assert_eq!(cache.first_index(), Some(3));
        cache.evict(0, 99);
        assert_eq!(cache.first_index(), Some(5), "the last entry stays");
        cache.truncate(0);
        assert_eq!((cache.first_index(), cache.bytes), (None, 0));
    }

    #[test]
    fn both_ends_can_be_cut() {
        let mut cache = cache(0..6);
        cache.purge(1);
        cache.truncate(5);
        assert_eq!(indexes(&cache.read(0, 9, 1000)), [2, 3, 4]);
        assert_eq!(cache.last().map(|entry| entry.index), Some(4));
    }
}
