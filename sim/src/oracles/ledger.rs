//! The agreed sequence of changes, put together from all that was seen of it.

use std::{collections::BTreeMap, iter::Peekable, slice};

use super::{Finding, model::State, seconds};
use crate::history::{Event, History, LeaseChange, What};

/// Every revision with its changes, from the first write (revision 2) on without a gap. Taken from
/// the committed entries or, where the history has none, from watches of all keys.
pub(super) struct Ledger<'a> {
    /// The first revision is 2.
    revisions: Vec<Revision>,
    /// The committed entries, in the order of the log; empty where the history has none.
    pub(super) log: Vec<LogEntry<'a>>,
}

/// The changes of one revision.
pub(super) struct Revision {
    /// Its number.
    pub(super) number: i64,
    /// In order, each with the state before the revision.
    pub(super) events: Vec<Event>,
    /// The leases that ended with it; `None` where nobody knows.
    pub(super) ended: Option<Vec<i64>>,
    /// When it was first seen, nanoseconds, and the record.
    pub(super) seen_ns: u64,
    pub(super) record: usize,
}

/// A committed entry.
pub(super) struct LogEntry<'a> {
    pub(super) revision: i64,
    pub(super) events: &'a [Event],
    pub(super) leases: &'a [LeaseChange],
    pub(super) at_ns: u64,
    pub(super) record: usize,
}

/// The revision of an empty key space.
const FIRST_REVISION: i64 = 1;

impl<'a> Ledger<'a> {
    pub(super) fn of(history: &'a History) -> Result<Self, Finding> {
        let log = committed(history)?;
        let mut seen: BTreeMap<i64, Revision> = BTreeMap::new();
        if log.is_empty() {
            watched(history, &mut seen)?;
        }
        for entry in log.iter().filter(|entry| !entry.events.is_empty()) {
            let events = entry.events.iter().map(Event::without_prev).collect();
            let revision = Revision {
                number: entry.revision,
                events,
                ended: Some(ended(entry.leases)),
                seen_ns: entry.at_ns,
                record: entry.record,
            };
            note(&mut seen, revision)?;
        }
        let mut revisions: Vec<Revision> = seen.into_values().collect();
        for (expected, revision) in (FIRST_REVISION + 1..).zip(&revisions) {
            if revision.number != expected {
                let text = format!("nobody saw the changes of revision {expected}");
                return Finding::err(text, [revision.record]);
            }
        }
        fill_prev(&mut revisions);
        Ok(Self { revisions, log })
    }

    /// The greatest revision.
    pub(super) fn last(&self) -> i64 {
        self.revisions
            .last()
            .map_or(FIRST_REVISION, |revision| revision.number)
    }

    /// The changes of `revision`; `None` for the empty key space's and for what nobody saw.
    pub(super) fn get(&self, revision: i64) -> Option<&Revision> {
        let at = revision.checked_sub(FIRST_REVISION + 1)?;
        self.revisions.get(usize::try_from(at).ok()?)
    }

    /// The revisions of `span`, in order.
    pub(super) fn between(&self, from: i64, to: i64) -> impl Iterator<Item = &Revision> {
        let first = self
            .revisions
            .partition_point(move |revision| revision.number < from);
        self.revisions[first..]
            .iter()
            .take_while(move |revision| revision.number <= to)
    }

    /// All revisions, in order.
    pub(super) fn revisions(&self) -> &[Revision] {
        &self.revisions
    }

    /// The newest revision that was there at this time, by the times at which revisions were first
    /// seen.
    pub(super) fn newest_at(&self, at_ns: u64) -> i64 {
        let there = self.revisions.iter();
        let there = there.take_while(|revision| revision.seen_ns <= at_ns);
        there.last().map_or(0, |revision| revision.number)
    }

    /// The keys at one revision after the other.
    pub(super) fn states(&self) -> States<'_> {
        States {
            state: State::default(),
            revisions: self.revisions.iter().peekable(),
        }
    }

    /// Whether the times of the revisions are those of their first application, so that nobody
    /// can have seen them earlier.
    pub(super) fn knows_commit_times(&self) -> bool {
        !self.log.is_empty()
    }
}

/// See [`Ledger::states`].
pub(super) struct States<'a> {
    state: State,
    revisions: Peekable<slice::Iter<'a, Revision>>,
}

impl States<'_> {
    /// The keys at `revision`, which is not below the one asked for before.
    pub(super) fn at(&mut self, revision: i64) -> &State {
        while let Some(next) = self.revisions.next_if(|next| next.number <= revision) {
            self.state.apply(&next.events);
        }
        &self.state
    }
}

/// The committed entries, after checking that their revisions grow as they must.
fn committed(history: &History) -> Result<Vec<LogEntry<'_>>, Finding> {
    let mut by_index: BTreeMap<u64, LogEntry<'_>> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        let What::Committed {
            index,
            revision,
            events,
            leases,
            ..
        } = &entry.what
        else {
            continue;
        };
        let entry = LogEntry {
            revision: *revision,
            events,
            leases,
            at_ns: entry.at_ns,
            record,
        };
        if let Some(first) = by_index.get(index) {
            if (first.revision, first.events, first.leases) != (*revision, events, leases) {
                let text = format!("members saw different changes at log position {index}");
                return Finding::err(text, [first.record, record]);
            }
            continue;
        }
        by_index.insert(*index, entry);
    }
    let mut last = FIRST_REVISION;
    for (index, entry) in &by_index {
        let expected = last + i64::from(!entry.events.is_empty());
        let other = entry
            .events
            .iter()
            .find(|event| event.mod_revision() != entry.revision);
        if entry.revision != expected || other.is_some() {
            let text = format!(
                "the entry at log position {index} should have revision {expected}, not {}",
                other.map_or(entry.revision, Event::mod_revision),
            );
            return Finding::err(text, [entry.record]);
        }
        last = entry.revision;
    }
    Ok(by_index.into_values().collect())
}

/// The revisions that watches of all keys, without filters, have delivered.
fn watched(history: &History, seen: &mut BTreeMap<i64, Revision>) -> Result<(), Finding> {
    let mut parts: BTreeMap<u64, Vec<Event>> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        match &entry.what {
            What::WatchOpen(open)
                if open.keys.is_everything() && !open.no_put && !open.no_delete =>
            {
                parts.insert(open.watch, Vec::new());
            }
            What::WatchEvents {
                watch,
                fragment,
                events,
                ..
            } => {
                let Some(part) = parts.get_mut(watch) else {
                    continue;
                };
                part.extend(events.iter().map(Event::without_prev));
                if *fragment {
                    continue;
                }
                let events = std::mem::take(part);
                for chunk in events.chunk_by(|a, b| a.mod_revision() == b.mod_revision()) {
                    let revision = Revision {
                        number: chunk[0].mod_revision(),
                        events: chunk.to_vec(),
                        ended: None,
                        seen_ns: entry.at_ns,
                        record,
                    };
                    note(seen, revision)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Adds a revision, or checks that it is the same as before.
fn note(seen: &mut BTreeMap<i64, Revision>, revision: Revision) -> Result<(), Finding> {
    let Some(first) = seen.get(&revision.number) else {
        seen.insert(revision.number, revision);
        return Ok(());
    };
    if first.events == revision.events {
        return Ok(());
    }
    let text = format!(
        "revision {} had other changes at {} than at {}",
        revision.number,
        seconds(first.seen_ns),
        seconds(revision.seen_ns),
    );
    Finding::err(text, [first.record, revision.record])
}

fn ended(changes: &[LeaseChange]) -> Vec<i64> {
    let ended = |change: &LeaseChange| match change {
        LeaseChange::Ended { lease } => Some(*lease),
        LeaseChange::Granted { .. } | LeaseChange::Renewed { .. } => None,
    };
    changes.iter().filter_map(ended).collect()
}

/// Gives every event the state of its key before its revision.
fn fill_prev(revisions: &mut [Revision]) {
    let mut state = State::default();
    for revision in revisions {
        for event in &mut revision.events {
            let before = state.get(event.key()).cloned();
            match event {
                Event::Put { prev, .. } | Event::Delete { prev, .. } => *prev = before,
            }
        }
        state.apply(&revision.events);
    }
}
