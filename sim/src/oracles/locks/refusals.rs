//! That nobody leads, that another one does, or that a place is gone, is said only where it was so at
//! some time during the call.

use std::collections::BTreeMap;

use crate::{
    history::{Blob, Event, Keys, Operation, Outcome, QueueCall, Request, reason},
    oracles::{Finding, ledger::Ledger},
};

/// Only where the log tells what was when.
pub(super) fn check_refusals(
    operations: &[Operation<'_>],
    ledger: &Ledger<'_>,
) -> Result<(), Finding> {
    let refusals: Vec<Refusal<'_>> = operations
        .iter()
        .filter_map(|operation| Refusal::of(operation, ledger))
        .collect();
    if refusals.is_empty() || !ledger.knows_commit_times() {
        return Ok(());
    }
    let places = Places::of(&refusals, ledger);
    for refusal in refusals {
        if !refusal.is_right(&places) {
            let (id, text) = (refusal.operation.id, refusal.text);
            let text = format!("op{id} was told `{text}`, which was not so during the call");
            return Finding::err(text, refusal.operation.records());
        }
    }
    Ok(())
}

/// What was said instead of an answer.
struct Refusal<'a> {
    operation: &'a Operation<'a>,
    call: &'a QueueCall,
    text: &'a str,
    /// The call has met a revision from here to there.
    from: i64,
    to: i64,
}

impl<'a> Refusal<'a> {
    fn of(operation: &'a Operation<'a>, ledger: &Ledger<'_>) -> Option<Self> {
        let (Request::Queue(queueing), Some((end_ns, _, outcome))) =
            (operation.request, operation.end)
        else {
            return None;
        };
        let (Outcome::Unknown(text) | Outcome::Failed(text)) = outcome else {
            return None;
        };
        Some(Self {
            operation,
            call: queueing.call(),
            text,
            from: ledger.newest_at(operation.invoke_ns.saturating_sub(1)),
            to: ledger.newest_at(end_ns),
        })
    }

    fn is_right(&self, places: &Places<'_>) -> bool {
        match (self.text, self.call) {
            (reason::NO_LEADER, QueueCall::Leader { .. }) => {
                let below = self.call.below().expect("it asks who came first");
                places.were(self, |there| !there.keys().any(|key| below.contains(key)))
            }
            (reason::NOT_LEADER, QueueCall::Proclaim { place, .. }) => {
                places.were(self, |there| there.get(&place.key) != Some(&place.created))
            }
            (reason::SESSION_EXPIRED, QueueCall::Lock { .. })
            | (reason::NOT_LEADER, QueueCall::Campaign { .. }) => {
                let key = self.call.key().expect("it puts one");
                places.lost(self, &key)
            }
            _ => true,
        }
    }
}

/// All that became of the keys that refused calls are about, by revision.
struct Places<'a> {
    events: Vec<(i64, &'a Event)>,
}

impl<'a> Places<'a> {
    fn of(refusals: &[Refusal<'_>], ledger: &'a Ledger<'_>) -> Self {
        let about = |refusal: &Refusal<'_>| {
            let key = refusal.call.key().map(Keys::One);
            refusal.call.below().or(key)
        };
        let mut about: Vec<Keys> = refusals.iter().filter_map(about).collect();
        about.dedup();
        let is_wanted = |event: &&Event| about.iter().any(|keys| keys.contains(event.key()));
        let mut events = Vec::new();
        for revision in ledger.revisions() {
            let wanted = revision.events.iter().filter(is_wanted);
            events.extend(wanted.map(|event| (revision.number, event)));
        }
        Self { events }
    }

    /// Whether the keys, each with the revision that created it, were ever so during the call.
    fn were(&self, during: &Refusal<'_>, so: impl Fn(&BTreeMap<&Blob, i64>) -> bool) -> bool {
        let mut there = BTreeMap::new();
        let up_to = self.events.partition_point(|(at, _)| *at <= during.to);
        let mut last = 0;
        for (at, event) in &self.events[..up_to] {
            if *at > during.from && *at != last && so(&there) {
                return true;
            }
            last = *at;
            match event {
                Event::Put { kv, .. } => there.insert(&kv.key, kv.create_revision),
                Event::Delete { key, .. } => there.remove(key),
            };
        }
        so(&there)
    }

    /// Whether this key was deleted during the call.
    fn lost(&self, during: &Refusal<'_>, key: &Blob) -> bool {
        self.events.iter().any(|(at, event)| {
            let is_it = matches!(event, Event::Delete { key: deleted, .. } if deleted == key);
            is_it && during.from < *at && *at <= during.to
        })
    }
}
