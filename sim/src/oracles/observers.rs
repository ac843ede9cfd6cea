//! Who observes an election hears of its leaders, and of all that they proclaim.
//!
//! Each response is the leader's key as it is at the response's revision. Revisions grow, and nothing
//! that a leader proclaims is left out before the next response; leaders that were gone when the
//! observer looked may be. A stream begins with nothing older than what somebody had seen when it was
//! asked for.

use std::collections::BTreeMap;

use super::{Finding, ledger::Ledger, locks::first, model::State, seconds};
use crate::history::{Blob, Event, History, Kv, Observation, What, below};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let ledger = Ledger::of(history)?;
    let mut heard = heard(history);
    for one in &heard {
        one.check_order(&ledger)?;
    }
    heard.sort_by_key(|one| one.revision);
    let mut states = ledger.states();
    for one in heard {
        one.check_leader(states.at(one.revision))?;
    }
    Ok(())
}

/// A response, with what came before it on its stream.
struct Heard<'a> {
    name: &'a Blob,
    revision: i64,
    kv: &'a Kv,
    at_ns: u64,
    record: usize,
    before: Before<'a>,
}

enum Before<'a> {
    /// The stream's beginning: when it was asked for, nanoseconds, and the record.
    Begin(u64, usize),
    /// Another response: its revision, key and record.
    Response(i64, &'a Kv, usize),
}

fn heard(history: &History) -> Vec<Heard<'_>> {
    let mut streams: BTreeMap<u64, (&Blob, Before<'_>)> = BTreeMap::new();
    let mut heard = Vec::new();
    for (record, entry) in history.records().iter().enumerate() {
        let What::Observes { client, seen } = &entry.what else {
            continue;
        };
        match seen {
            Observation::Begins { name, .. } => {
                streams.insert(*client, (name, Before::Begin(entry.at_ns, record)));
            }
            Observation::Stops { .. } => _ = streams.remove(client),
            Observation::Hears { revision, kv } => {
                let Some((name, before)) = streams.get_mut(client) else {
                    continue;
                };
                let now = Before::Response(*revision, kv, record);
                heard.push(Heard {
                    name,
                    revision: *revision,
                    kv,
                    at_ns: entry.at_ns,
                    record,
                    before: std::mem::replace(before, now),
                });
            }
        }
    }
    heard
}

impl Heard<'_> {
    fn check_order(&self, ledger: &Ledger<'_>) -> Result<(), Finding> {
        if self.revision > ledger.last() {
            return self.accuse("nobody has seen that revision", []);
        }
        match self.before {
            Before::Begin(at_ns, record) => {
                let known = newest_before(ledger, at_ns);
                if self.revision < known {
                    let text = format!("revision {known} was there when it was asked for");
                    return self.accuse(&text, [record]);
                }
            }
            Before::Response(revision, _, record) if self.revision <= revision => {
                let text = format!("revision {revision} had been told");
                return self.accuse(&text, [record]);
            }
            Before::Response(revision, leader, record) => {
                if let Some(missed) = proclaimed(ledger, leader, revision + 1, self.revision - 1) {
                    let text = format!("what {} proclaimed at {missed} was not told", leader.key);
                    return self.accuse(&text, [record]);
                }
            }
        }
        Ok(())
    }

    fn check_leader(&self, state: &State) -> Result<(), Finding> {
        match first(state, &below(self.name)) {
            Some(leader) if leader == self.kv => Ok(()),
            Some(leader) => self.accuse(&format!("{leader} led"), []),
            None => self.accuse("nobody led", []),
        }
    }

    fn accuse(&self, text: &str, records: impl IntoIterator<Item = usize>) -> Result<(), Finding> {
        let text = format!(
            "an observer of {} heard {} of revision {} at {}, but {text}",
            self.name,
            self.kv,
            self.revision,
            seconds(self.at_ns),
        );
        Finding::err(text, records.into_iter().chain([self.record]))
    }
}

/// The newest revision that somebody had seen before this time; 0 where nobody knows.
fn newest_before(ledger: &Ledger<'_>, at_ns: u64) -> i64 {
    match ledger.knows_commit_times() {
        true => ledger.newest_at(at_ns.saturating_sub(1)),
        false => 0,
    }
}

/// The first of these revisions at which a leader's key was put, before it was deleted.
fn proclaimed(ledger: &Ledger<'_>, leader: &Kv, from: i64, to: i64) -> Option<i64> {
    for revision in ledger.between(from, to) {
        let own = revision
            .events
            .iter()
            .find(|event| *event.key() == leader.key);
        match own {
            Some(Event::Put { .. }) => return Some(revision.number),
            Some(Event::Delete { .. }) => return None,
            None => {}
        }
    }
    None
}
