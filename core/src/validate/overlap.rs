//! Whether one run of a transaction could write a key twice (contract api.md §5.6).
//!
//! The rules are etcd's, odd corners included: clients see which transactions are refused.
//!
//! * A put conflicts with another put of the same key, and with a delete around it, on the same
//!   level or on one above. Deletes may overlap.
//! * The two branches of one nested transaction exclude each other; so do those of the outermost.
//! * Among nested siblings a put conflicts with the deletes of *earlier* ones only.
//! * A delete with an open end conflicts with nothing (corner case 40): etcd compares its end,
//!   `"\0"`, as a key, and finds the interval empty.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    error::Error,
    kv::KeyRange,
    request::{Op, TxnRequest},
};

/// Checks both branches of an outermost transaction.
pub(super) fn check(request: &TxnRequest) -> Result<(), Error> {
    Writes::of(&request.success)?;
    Writes::of(&request.failure)?;
    Ok(())
}

/// The keys that a list of operations may write.
#[derive(Default)]
struct Writes<'a> {
    puts: BTreeSet<&'a [u8]>,
    deletes: Deletes<'a>,
}

impl<'a> Writes<'a> {
    fn of(ops: &'a [Op]) -> Result<Self, Error> {
        let mut writes = Self::default();
        for op in ops {
            if let Op::DeleteRange(request) = op {
                writes.deletes.add(&request.range);
            }
        }
        for op in ops {
            if let Op::Txn(nested) = op {
                writes.add_nested(nested)?;
            }
        }
        for op in ops {
            if let Op::Put(request) = op {
                writes.check_put(&request.key)?;
                writes.puts.insert(&request.key);
            }
        }
        Ok(writes)
    }

    fn add_nested(&mut self, nested: &'a TxnRequest) -> Result<(), Error> {
        let success = Self::of(&nested.success)?;
        let failure = Self::of(&nested.failure)?;
        for key in success.puts.union(&failure.puts) {
            self.check_put(key)?;
        }
        for branch in [success, failure] {
            self.puts.extend(branch.puts);
            self.deletes.merge(branch.deletes);
        }
        Ok(())
    }

    fn check_put(&self, key: &[u8]) -> Result<(), Error> {
        if self.puts.contains(key) || self.deletes.contains(key) {
            return Err(Error::DuplicateKey);
        }
        Ok(())
    }
}

/// A union of deletes: single keys, and intervals that are kept disjoint, start to end.
#[derive(Default)]
struct Deletes<'a> {
    keys: BTreeSet<&'a [u8]>,
    intervals: BTreeMap<&'a [u8], &'a [u8]>,
}

impl<'a> Deletes<'a> {
    fn add(&mut self, range: &'a KeyRange) {
        match range {
            KeyRange::Key(key) => {
                self.keys.insert(key);
            }
            KeyRange::Range { start, end } => self.add_interval(start, end),
            KeyRange::From(_) => {}
        }
    }

    fn add_interval(&mut self, start: &'a [u8], end: &'a [u8]) {
        if start >= end {
            return;
        }
        let (mut start, mut end) = (start, end);
        // All intervals that begin up to `end` and reach up to `start` become one with this.
        while let Some((&other_start, &other_end)) = self.intervals.range(..=end).next_back() {
            if other_end < start {
                break;
            }
            self.intervals.remove(other_start);
            start = start.min(other_start);
            end = end.max(other_end);
        }
        self.intervals.insert(start, end);
    }

    fn merge(&mut self, other: Self) {
        self.keys.extend(other.keys);
        for (start, end) in other.intervals {
            self.add_interval(start, end);
        }
    }

    fn contains(&self, key: &[u8]) -> bool {
        let around = self.intervals.range(..=key).next_back();
        self.keys.contains(key) || around.is_some_and(|(_, &end)| key < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_become_one_where_they_touch() {
        let mut deletes = Deletes::default();
        for (start, end) in [("c", "e"), ("k", "m"), ("m", "n"), ("z", "a"), ("a", "b")] {
            deletes.add_interval(start.as_bytes(), end.as_bytes());
        }
        assert_eq!(deletes.intervals.len(), 3);
        let covered: String = ('a'..='z')
            .filter(|c| deletes.contains(c.to_string().as_bytes()))
            .collect();
        assert_eq!(covered, "acdklm");
        deletes.add_interval(b"b", b"l");
        assert_eq!(deletes.intervals.len(), 1);
        assert!(deletes.contains(b"m\xff") && !deletes.contains(b"n"));
    }
}
