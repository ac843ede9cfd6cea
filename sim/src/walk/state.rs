//! What the records up to some point say of keys, leases and members.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Blob, Event, Kv, LeaseChange, Record, What};

/// What is known behind a row of records.
#[derive(Clone, Debug, Default)]
pub(super) struct State<'a> {
    /// The committed entries by their log position. More than one where members saw different ones.
    pub(super) log: BTreeMap<u64, Vec<Entry<'a>>>,
    pub(super) members: BTreeMap<u64, Member>,
    /// Leases that exist, by the log.
    pub(super) leases: BTreeMap<i64, Lease>,
    /// Operations without an answer so far.
    pub(super) open_ops: BTreeSet<u64>,
    /// The last word on faults.
    pub(super) fault: Option<(u64, &'a str)>,
}

/// A committed entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Entry<'a> {
    pub(super) term: u64,
    pub(super) revision: i64,
    pub(super) events: &'a [Event],
    pub(super) what: &'a What,
}

/// How far a member is, by what it said last.
#[derive(Clone, Debug, Default)]
pub(super) struct Member {
    /// Log position, term, revision, hash of the state.
    pub(super) applied: Option<Applied>,
    /// The hash at each log position that it told.
    pub(super) hashes: BTreeMap<u64, u64>,
    /// The newest term that it has led.
    pub(super) led: Option<u64>,
}

/// A member's own account of its state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Applied {
    pub(super) index: u64,
    pub(super) term: u64,
    pub(super) revision: i64,
    pub(super) hash: u64,
}

/// A lease that exists.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) ttl_s: i64,
    pub(super) granted_ns: u64,
    pub(super) renewed_ns: Option<u64>,
}

impl<'a> State<'a> {
    /// One more record.
    pub(super) fn add(&mut self, record: &'a Record) {
        match &record.what {
            What::Cluster { members } => {
                for member in members {
                    self.members.entry(*member).or_default();
                }
            }
            What::Invoke { op, .. } => _ = self.open_ops.insert(*op),
            What::Return { op, .. } => _ = self.open_ops.remove(op),
            What::Fault { text } => self.fault = Some((record.at_ns, text)),
            What::Leader { member, term } => {
                self.members.entry(*member).or_default().led = Some(*term);
            }
            What::Applied {
                member,
                index,
                term,
                revision,
                state_hash,
            } => {
                let member = self.members.entry(*member).or_default();
                member.hashes.insert(*index, *state_hash);
                member.applied = Some(Applied {
                    index: *index,
                    term: *term,
                    revision: *revision,
                    hash: *state_hash,
                });
            }
            What::Committed { leases, .. } => {
                self.commit(&record.what);
                for change in leases {
                    self.change_lease(record.at_ns, *change);
                }
            }
            _ => {}
        }
    }

    fn commit(&mut self, what: &'a What) {
        if let What::Committed {
            index,
            term,
            revision,
            events,
            ..
        } = what
        {
            self.log.entry(*index).or_default().push(Entry {
                term: *term,
                revision: *revision,
                events,
                what,
            });
        }
    }

    fn change_lease(&mut self, at_ns: u64, change: LeaseChange) {
        match change {
            LeaseChange::Granted { lease, ttl_s } => {
                let lease_state = Lease {
                    ttl_s,
                    granted_ns: at_ns,
                    renewed_ns: None,
                };
                self.leases.insert(lease, lease_state);
            }
            LeaseChange::Renewed { lease } => {
                if let Some(lease) = self.leases.get_mut(&lease) {
                    lease.renewed_ns = Some(at_ns);
                }
            }
            LeaseChange::Ended { lease } => _ = self.leases.remove(&lease),
        }
    }

    /// The last entry of the log.
    pub(super) fn last_index(&self) -> u64 {
        self.log.keys().next_back().copied().unwrap_or_default()
    }

    /// The keys behind the entries up to log position `index`; where members saw different entries,
    /// by the one that was seen first.
    pub(super) fn keys_at(&self, index: u64) -> BTreeMap<&'a Blob, &'a Kv> {
        let mut keys = BTreeMap::new();
        for entry in self
            .log
            .range(..=index)
            .filter_map(|(_, seen)| seen.first())
        {
            for event in entry.events {
                match event {
                    Event::Put { kv, .. } => _ = keys.insert(&kv.key, kv),
                    Event::Delete { key, .. } => _ = keys.remove(key),
                }
            }
        }
        keys
    }
}
