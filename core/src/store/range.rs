//! Reading an interval (contract api.md §5.2).

use std::cmp::Ordering;

use super::{Store, record::Record};
use crate::{
    error::Error,
    kv::{KeyRange, KeyValue},
    planted::{Bug, is_planted},
    probe,
    request::{PageRequest, RangeRequest, RevisionFilter, Sort, SortOrder, SortTarget},
    response::{Page, RangeResponse},
};

/// Number of records that a scan looks at before it takes references to them.
const SCAN_BATCH: usize = 64;

/// In which order, and how many, key-values a scan gives; it counts all keys in any case.
#[derive(Clone, Copy)]
enum Take {
    Nothing,
    First(usize),
    Last(usize),
}

impl Store {
    /// Reads outside of transactions.
    ///
    /// # Errors
    ///
    /// [`Error::FutureRevision`] above the store's revision, [`Error::Compacted`] below the
    /// compact revision.
    pub(crate) fn range(&self, request: &RangeRequest) -> Result<RangeResponse, Error> {
        self.check_revision(request.revision)?;
        Ok(self.read(request, self.revision))
    }

    /// Reads at the requested revision, or at `now` if it names none. Its bounds were checked.
    pub(super) fn read(&self, request: &RangeRequest, now: i64) -> RangeResponse {
        let at = if request.revision > 0 {
            request.revision
        } else {
            now
        };
        let limit = usize::try_from(request.limit)
            .ok()
            .filter(|&limit| limit > 0);
        let (take, sort) = plan(request, limit);
        let (mut kvs, count) = self.scan(&request.range, at, take);

        retain(&mut kvs, request.filter);
        if let Some(sort) = sort {
            kvs.sort_by(|a, b| compare(a, b, sort));
        }
        let more = limit.is_some_and(|limit| kvs.len() > limit);
        probe!(RangeCut if more);
        probe!(RangeOfThePast if at < now);
        if let Some(limit) = limit {
            kvs.truncate(limit + usize::from(is_planted(Bug::LimitOffByOne)));
        }
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        RangeResponse {
            revision: now,
            kvs,
            more,
            count: count as i64,
        }
    }

    /// Reads an interval from its first key on, as far as the limits let it.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub(crate) fn page(&self, request: &PageRequest) -> Result<Page, Error> {
        self.check_revision(request.revision)?;
        let at = if request.revision > 0 {
            request.revision
        } else {
            self.revision
        };
        let mut live = self
            .histories(&request.range)
            .filter_map(|history| history.at(at))
            .filter(|version| !version.is_tombstone())
            .peekable();
        let mut bytes = 0;
        let first = std::iter::from_fn(|| {
            let record = live.next_if(|_| bytes < request.bytes_max)?;
            let value_bytes = if request.keys_only {
                0
            } else {
                record.value().len()
            };
            bytes += record.key().len() + value_bytes;
            Some(record)
        });
        let mut kvs = key_values(first.take(request.keys_max));
        if request.keys_only {
            kvs.iter_mut().for_each(|kv| kv.value.clear());
        }
        let more = live.peek().is_some();
        Ok(Page { kvs, more })
    }

    /// Whether a main revision can be read; 0 or less means the newest, which can.
    pub(super) fn check_revision(&self, revision: i64) -> Result<(), Error> {
        if revision > self.revision {
            return Err(Error::FutureRevision);
        }
        let is_compacted = revision > 0 && revision < self.compact_revision;
        probe!(RangeCompacted if is_compacted);
        if is_compacted && !is_planted(Bug::ReadsCompacted) {
            return Err(Error::Compacted);
        }
        Ok(())
    }

    /// The key-values to take from an interval at a main revision, and how many keys it has there.
    fn scan(&self, range: &KeyRange, at: i64, take: Take) -> (Vec<KeyValue>, usize) {
        let mut live = self
            .histories(range)
            .filter_map(|history| history.at(at))
            .filter(|version| !version.is_tombstone());
        let kvs = match take {
            Take::Nothing => Vec::new(),
            Take::First(max) => key_values(live.by_ref().take(max)),
            Take::Last(max) => key_values(live.by_ref().rev().take(max)),
        };
        let count = kvs.len() + live.count();
        (kvs, count)
    }
}

/// What readers get of some puts.
///
/// Looks at a batch of records before it takes references: a processor waits for many reads of
/// memory at a time, but for each counted reference alone.
fn key_values<'a>(mut puts: impl Iterator<Item = &'a Record>) -> Vec<KeyValue> {
    let mut kvs = Vec::new();
    loop {
        let batch: Vec<&Record> = puts.by_ref().take(SCAN_BATCH).collect();
        kvs.extend(batch.iter().filter_map(|record| record.key_value()));
        if batch.len() < SCAN_BATCH {
            return kvs;
        }
    }
}

/// How much of the interval to look at, and how to sort it then.
fn plan(request: &RangeRequest, limit: Option<usize>) -> (Take, Option<Sort>) {
    if request.count_only {
        return (Take::Nothing, None);
    }
    // One more than the limit, to know whether there is more.
    let limited = limit.map_or(usize::MAX, |limit| limit.saturating_add(1));
    let filtered = request.filter.is_set();
    match request.sort {
        None
        | Some(Sort {
            target: SortTarget::Key,
            order: SortOrder::Unspecified | SortOrder::Ascend,
        }) => (
            Take::First(if filtered { usize::MAX } else { limited }),
            None,
        ),
        Some(Sort {
            target: SortTarget::Key,
            order: SortOrder::Descend,
        }) => (
            Take::Last(if filtered { usize::MAX } else { limited }),
            None,
        ),
        // etcd cuts before it sorts where the client named no order (corner case 15).
        Some(
            sort @ Sort {
                order: SortOrder::Unspecified,
                ..
            },
        ) if !filtered => (Take::First(limited), Some(sort)),
        Some(sort) => (Take::First(usize::MAX), Some(sort)),
    }
}

/// Drops what a filter leaves out. Bounds are inclusive, 0 is none.
fn retain(kvs: &mut Vec<KeyValue>, filter: RevisionFilter) {
    let within = |revision: i64, min: i64, max: i64| {
        (min == 0 || revision >= min) && (max == 0 || revision <= max)
    };
    if filter.is_set() {
        kvs.retain(|kv| {
            within(kv.mod_revision, filter.min_mod, filter.max_mod)
                && within(kv.create_revision, filter.min_create, filter.max_create)
        });
    }
}

/// The order of two key-values; equal ones stay in key order.
fn compare(a: &KeyValue, b: &KeyValue, sort: Sort) -> Ordering {
    let ascending = match sort.target {
        SortTarget::Key => a.key.cmp(&b.key),
        SortTarget::Version => a.version.cmp(&b.version),
        SortTarget::Create => a.create_revision.cmp(&b.create_revision),
        SortTarget::Mod => a.mod_revision.cmp(&b.mod_revision),
        SortTarget::Value => a.value.cmp(&b.value),
    };
    match sort.order {
        SortOrder::Unspecified | SortOrder::Ascend => ascending,
        SortOrder::Descend => ascending.reverse(),
    }
}
