//! What was seen to change, revision by revision.

use std::collections::BTreeMap;

use super::keys::{Cell, Change};
use crate::history::{Event, History, LeaseChange, What};

/// Why nothing can be made of a history, and the records that show it.
pub(super) type Refusal = (String, Vec<usize>);

/// The changes of each revision, from the first one on.
pub(super) struct Changes<'a> {
    /// Of revision 2, 3, …: the changes, by when somebody had seen them, and the record.
    revisions: Vec<(Vec<Change<'a>>, u64, usize)>,
    /// What became of leases with each revision, where the log tells.
    leases: Option<BTreeMap<i64, &'a [LeaseChange]>>,
}

/// The revision of an empty key space.
pub(super) const EMPTY: i64 = 1;

impl<'a> Changes<'a> {
    /// From the log, or from watches of everything where there is no log.
    pub(super) fn of(history: &'a History) -> Result<Self, Refusal> {
        let mut seen = Seen::default();
        let has_log = seen.read_log(history)?;
        if !has_log {
            seen.read_watches(history)?;
        }
        let mut revisions = Vec::new();
        for (number, (changes, at_ns, record)) in seen.revisions {
            if number != EMPTY + 1 + revisions.len() as i64 {
                return Err((
                    format!("revision {number} has no predecessor"),
                    vec![record],
                ));
            }
            revisions.push((changes, at_ns, record));
        }
        let leases = has_log.then_some(seen.leases);
        Ok(Self { revisions, leases })
    }

    /// The greatest revision.
    pub(super) fn last(&self) -> i64 {
        EMPTY + self.revisions.len() as i64
    }

    /// The changes of a revision from the second on.
    pub(super) fn of_revision(&self, revision: i64) -> &[Change<'a>] {
        &self.revisions[(revision - EMPTY - 1) as usize].0
    }

    /// Whether a lease can have ended with a revision.
    pub(super) fn may_end(&self, revision: i64, lease: i64) -> bool {
        let end = LeaseChange::Ended { lease };
        self.leases.as_ref().is_none_or(|leases| {
            let changes = leases.get(&revision);
            changes.is_some_and(|changes| changes.contains(&end))
        })
    }

    /// Each revision with the time by which it was there, and the record that shows it.
    pub(super) fn times(&self) -> impl Iterator<Item = (i64, u64, usize)> {
        let revisions = (EMPTY + 1..).zip(&self.revisions);
        revisions.map(|(revision, (_, at_ns, record))| (revision, *at_ns, *record))
    }

    /// The changes of a revision in words, and their record.
    pub(super) fn words(&self, revision: i64) -> (String, usize) {
        let (changes, _, record) = &self.revisions[(revision - EMPTY - 1) as usize];
        let keys: Vec<String> = changes
            .iter()
            .map(|change| change.key.to_string())
            .collect();
        (
            format!("{} in revision {revision}", keys.join(" ")),
            *record,
        )
    }
}

#[derive(Default)]
struct Seen<'a> {
    revisions: BTreeMap<i64, (Vec<Change<'a>>, u64, usize)>,
    leases: BTreeMap<i64, &'a [LeaseChange]>,
}

impl<'a> Seen<'a> {
    /// Whether there is a log.
    fn read_log(&mut self, history: &'a History) -> Result<bool, Refusal> {
        let mut log: BTreeMap<u64, (i64, &'a [Event], usize, &'a What)> = BTreeMap::new();
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
            let known = log
                .entry(*index)
                .or_insert((*revision, events, record, &entry.what));
            let same_leases =
                matches!(known.3, What::Committed { leases: known, .. } if known == leases);
            if known.0 != *revision || known.1 != events || !same_leases {
                return Err((
                    format!("log position {index} is two entries"),
                    vec![known.2, record],
                ));
            }
        }
        let mut newest = EMPTY;
        for (index, (revision, events, record, what)) in &log {
            newest += i64::from(!events.is_empty());
            if *revision != newest {
                return Err((
                    format!("log position {index} has a wrong revision"),
                    vec![*record],
                ));
            }
            if !events.is_empty() {
                let at_ns = history.records()[*record].at_ns;
                self.note(*revision, events.iter(), at_ns, *record)?;
                if let What::Committed { leases, .. } = what {
                    self.leases.insert(*revision, leases);
                }
            }
        }
        Ok(!log.is_empty())
    }

    fn read_watches(&mut self, history: &'a History) -> Result<(), Refusal> {
        let mut everything: BTreeMap<u64, Vec<&'a Event>> = BTreeMap::new();
        for (record, entry) in history.records().iter().enumerate() {
            match &entry.what {
                What::WatchOpen(open)
                    if open.keys.is_everything() && !open.no_put && !open.no_delete =>
                {
                    everything.insert(open.watch, Vec::new());
                }
                What::WatchEvents {
                    watch,
                    fragment,
                    events,
                    ..
                } => {
                    let Some(collected) = everything.get_mut(watch) else {
                        continue;
                    };
                    collected.extend(events);
                    if !fragment {
                        for run in collected
                            .chunk_by(|one, other| one.mod_revision() == other.mod_revision())
                        {
                            let revision = run[0].mod_revision();
                            self.note(revision, run.iter().copied(), entry.at_ns, record)?;
                        }
                        collected.clear();
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn note(
        &mut self,
        revision: i64,
        events: impl Iterator<Item = &'a Event>,
        at_ns: u64,
        record: usize,
    ) -> Result<(), Refusal> {
        let mut changes = Vec::new();
        for event in events {
            if event.mod_revision() != revision {
                let text = format!("revision {revision} has a change of another one");
                return Err((text, vec![record]));
            }
            changes.push(change(event));
        }
        match self.revisions.get(&revision) {
            None => {
                self.revisions.insert(revision, (changes, at_ns, record));
                Ok(())
            }
            Some((known, ..)) if *known == changes => Ok(()),
            Some((_, _, other)) => {
                let text = format!("revision {revision} was seen with different changes");
                Err((text, vec![*other, record]))
            }
        }
    }
}

fn change(event: &Event) -> Change<'_> {
    let after = match event {
        Event::Delete { .. } => None,
        Event::Put { kv, .. } => Some(Cell {
            value: &kv.value,
            changed: kv.mod_revision,
            created: kv.create_revision,
            version: kv.version,
            lease: kv.lease,
        }),
    };
    Change {
        key: event.key(),
        after,
    }
}
