//! A lock is held, and an election won, by whoever's key came first; who leads is told as it is.
//!
//! Calls of these services are made of reads and writes of keys, whose order is
//! [`linearizability`](super::linearizability)'s affair. Here, what an answer says is held against
//! the keys:
//!
//! * who is told to hold a lock has its key at the answer's revision, and no key below the name was
//!   created before it. Two can be told so only if the first one's key was gone in between: by its
//!   unlock, by the end of its lease or by somebody's delete;
//! * who is told to be elected comes behind nobody any more when the answer arrives. That its key
//!   may be gone by then, with its lease, is etcd's way: the leader looks after its lease;
//! * a proclamation has put the leader's key, that one and no later one of the same name;
//! * after an unlock or a resignation the key is not there;
//! * the leader is the one whose key came first;
//! * what is said instead of an answer, that nobody leads or that a place is gone, was so
//!   ([`refusals`]).

mod refusals;

use self::refusals::check_refusals;
use super::{Finding, ledger::Ledger, model::State, seconds};
use crate::history::{
    Blob, Body, Event, History, Keys, Kv, Operation, Place, QueueAnswer, QueueCall, Request,
};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let operations = history.operations();
    let ledger = Ledger::of(history)?;
    let mut claims: Vec<Claim<'_>> = operations
        .iter()
        .filter_map(|operation| Claim::of(operation, &ledger))
        .collect();
    claims.sort_by_key(|claim| claim.revision);
    let mut states = ledger.states();
    for claim in claims {
        let written = ledger.get(claim.revision);
        let events = written.map_or(&[][..], |revision| &revision.events);
        claim.check_key(&ledger)?;
        claim.check(states.at(claim.revision), events)?;
    }
    check_refusals(&operations, &ledger)
}

/// What an answer says, and the revision at which it must be so.
struct Claim<'a> {
    operation: &'a Operation<'a>,
    call: &'a QueueCall,
    answer: &'a QueueAnswer,
    revision: i64,
}

impl<'a> Claim<'a> {
    fn of(operation: &'a Operation<'a>, ledger: &Ledger<'_>) -> Option<Self> {
        let Request::Queue(queueing) = operation.request else {
            return None;
        };
        let (end_ns, response) = operation.acknowledged()?;
        let Body::Queue(answer) = &response.body else {
            return None;
        };
        let revision = match answer {
            // Its header is that of the step by which it came into the queue.
            QueueAnswer::Elected { .. } if ledger.knows_commit_times() => {
                ledger.newest_at(end_ns).max(response.revision)
            }
            QueueAnswer::Elected { .. } => ledger.last().max(response.revision),
            _ => response.revision,
        };
        Some(Self {
            operation,
            call: queueing.call(),
            answer,
            revision,
        })
    }

    /// Whether the key that it tells of is the caller's, and was created as it says.
    fn check_key(&self, ledger: &Ledger<'_>) -> Result<(), Finding> {
        let (key, created) = match self.answer {
            QueueAnswer::Locked(key) => (key, None),
            QueueAnswer::Elected { key, created } => (key, Some(*created)),
            _ => return Ok(()),
        };
        let is_created = |created| {
            let events = ledger
                .get(created)
                .map_or(&[][..], |revision| &revision.events);
            events.iter().any(|event| {
                matches!(event, Event::Put { kv, .. }
                    if kv.key == *key && kv.create_revision == created)
            })
        };
        if self.call.key().as_ref() == Some(key) && created.is_none_or(is_created) {
            return Ok(());
        }
        self.accuse(&format!("was told of {key}, which it never put so"))
    }

    /// Whether it is so after its revision, which made these changes.
    fn check(&self, state: &State, changes: &[Event]) -> Result<(), Finding> {
        match (self.call, self.answer) {
            (QueueCall::Lock { lease, .. }, QueueAnswer::Locked(key)) => {
                let own = state.get(key).filter(|own| own.lease == *lease);
                let Some(own) = own else {
                    return self.accuse(&format!("holds the lock by {key}, which is not there"));
                };
                self.check_first(state, own.create_revision)
            }
            (QueueCall::Campaign { .. }, QueueAnswer::Elected { created, .. }) => {
                self.check_first(state, *created)
            }
            (QueueCall::Unlock { key }, _) => self.check_gone(state, key, None),
            (QueueCall::Resign(place), _) => {
                self.check_gone(state, &place.key, Some(place.created))
            }
            (QueueCall::Proclaim { place, value }, _) => {
                self.check_proclaimed(place, value, changes)
            }
            (QueueCall::Leader { .. }, QueueAnswer::Leads(kv)) => {
                match first(state, &self.below()) {
                    Some(leader) if leader == kv => Ok(()),
                    Some(leader) => self.accuse(&format!("was told {kv}, but {leader} leads")),
                    None => self.accuse(&format!("was told {kv}, but nobody leads")),
                }
            }
            _ => Ok(()),
        }
    }

    fn below(&self) -> Keys {
        self.call
            .below()
            .expect("only who asks for a turn is told of one")
    }

    fn check_first(&self, state: &State, created: i64) -> Result<(), Finding> {
        match first(state, &self.below()) {
            Some(earlier) if earlier.create_revision < created => {
                let text = format!("is told to be first, created at {created}, behind {earlier}");
                self.accuse(&text)
            }
            _ => Ok(()),
        }
    }

    fn check_gone(&self, state: &State, key: &Blob, created: Option<i64>) -> Result<(), Finding> {
        let is_it = |kv: &&Kv| created.is_none_or(|created| kv.create_revision == created);
        match state.get(key).filter(is_it) {
            Some(kv) => self.accuse(&format!("has left, but {kv} is there")),
            None => Ok(()),
        }
    }

    fn check_proclaimed(
        &self,
        place: &Place,
        value: &Blob,
        changes: &[Event],
    ) -> Result<(), Finding> {
        let is_put = changes.iter().any(|event| {
            matches!(event, Event::Put { kv, .. } if kv.key == place.key
                && kv.value == *value
                && kv.create_revision == place.created)
        });
        if is_put {
            return Ok(());
        }
        let (key, created) = (&place.key, place.created);
        let text = format!("has proclaimed, but {key}, created at {created}, was not put");
        self.accuse(&text)
    }

    fn accuse(&self, text: &str) -> Result<(), Finding> {
        let (operation, revision) = (self.operation, self.revision);
        let at = seconds(operation.end.map_or(0, |(at_ns, ..)| at_ns));
        let text = format!("op{} {text}: at revision {revision}, at {at}", operation.id);
        Finding::err(text, operation.records())
    }
}

/// The key of the set that was created first.
pub(super) fn first<'a>(state: &'a State, keys: &Keys) -> Option<&'a Kv> {
    let all = state.iter().filter(|kv| keys.contains(&kv.key));
    all.min_by_key(|kv| kv.create_revision)
}
