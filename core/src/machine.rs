//! The state machine: one committed entry in, its answer and its effects out.

use std::{ops::Deref, sync::Arc};

use crate::{
    auth::Author,
    command::{Command, Entry, MemberAttributes, Renewal},
    error::Error,
    kv::{Event, LeaseId},
    lease::LeaseChange,
    planted::{Bug, is_planted},
    probe,
    request::{PutRequest, TxnRequest},
    response::Response,
    store::write::Write,
    txn::{self, Taken},
    view::View,
};

/// Replicated state. [`Self::apply`] is the only way to change it.
///
/// Everything that a [`View`] can tell, the machine tells of its present state, under whatever
/// lock guards it: meant for point reads, which take nanoseconds. Longer reads take a
/// [`Self::view`] and let go of the lock.
#[derive(Debug)]
pub struct StateMachine(View);

/// What one entry did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The entry's log index.
    pub index: u64,
    /// The store's main revision after it.
    pub revision: i64,
    /// Cluster time after it, milliseconds.
    pub time_ms: u64,
    /// The answer. A refused command has changed nothing.
    pub result: Result<Response, Error>,
    /// The changes of keys, all of main revision `revision`, in the order in which they were made;
    /// empty if there were none. Whatever the compact revision, `prev` is filled in.
    pub events: Arc<[Event]>,
    /// The changes of leases.
    pub lease_changes: Vec<LeaseChange>,
}

/// What a command does besides answering.
#[derive(Default)]
struct Effects {
    events: Arc<[Event]>,
    lease_changes: Vec<LeaseChange>,
}

impl StateMachine {
    /// The state before the first log entry: revision 1, no keys.
    pub fn new() -> Self {
        Self(View::empty())
    }

    /// The state that a checkpoint held.
    pub(crate) fn restored(state: View) -> Self {
        Self(state)
    }

    /// Applies a committed entry.
    ///
    /// # Panics
    ///
    /// If the entry's index is not above the last one's, or its term below it: a replica whose log
    /// goes back must not carry on.
    pub fn apply(&mut self, entry: Entry) -> Applied {
        self.advance(entry.index, entry.term);
        let state = &mut self.0;
        state.time_ms = state.time_ms.max(entry.time_ms);

        let mut effects = Effects::default();
        let result = match self.admit(&entry.author, &entry.command) {
            Ok(()) => self.execute(entry.command, entry.term, &mut effects),
            Err(refusal) => {
                probe!(RefusedAtApply if matches!(refusal, Error::Auth(_)));
                Err(refusal)
            }
        };
        Applied {
            index: entry.index,
            revision: self.revision(),
            time_ms: self.time_ms(),
            result,
            events: effects.events,
            lease_changes: effects.lease_changes,
        }
    }

    /// Passes over an entry that is not a command (raft's own: blank ones, membership). Only the
    /// applied position moves.
    ///
    /// # Panics
    ///
    /// As [`Self::apply`].
    pub fn skip(&mut self, index: u64, term: u64) {
        self.advance(index, term);
    }

    /// The present state, at a cost that does not depend on its size. While a view is held, writes
    /// copy the tree nodes that they touch: some microseconds each.
    pub fn view(&self) -> View {
        self.0.clone()
    }

    /// Removes what compactions have made unreachable, in a step that looks at no more than
    /// `keys_max` keys and old versions. `true` while more is left. When, or whether, this is
    /// called shows in nothing but memory and [`View::size_bytes`].
    pub fn compact_step(&mut self, keys_max: usize) -> bool {
        self.0.store.compact_step(keys_max)
    }

    fn advance(&mut self, index: u64, term: u64) {
        let state = &mut self.0;
        let (last_index, last_term) = (state.applied_index, state.applied_term);
        assert!(
            index > last_index || is_planted(Bug::AppliedTwice),
            "entry {index} comes after entry {last_index}"
        );
        assert!(
            term >= last_term,
            "entry {index} of term {term} comes after term {last_term}"
        );
        state.applied_index = index;
        state.applied_term = term;
    }

    /// Whether a command may be tried: alarms first, then its author's permissions.
    fn admit(&self, author: &Author, command: &Command) -> Result<(), Error> {
        self.0.alarms.check(command)?;
        if is_planted(Bug::NotAuthorizedAtApply) {
            return Ok(());
        }
        Ok(self.authorize(author, command)?)
    }

    fn execute(
        &mut self,
        command: Command,
        entry_term: u64,
        effects: &mut Effects,
    ) -> Result<Response, Error> {
        match command {
            Command::Put(request) => self.put(&request, effects),
            Command::DeleteRange(request) => {
                let response = self.write(effects, |write| write.delete_range(&request));
                Ok(Response::DeleteRange(response))
            }
            Command::Txn(request) => self.txn(&request, effects),
            Command::Compact { revision } => {
                self.0.store.compact(revision).map(|()| Response::Compact)
            }
            Command::LeaseGrant { id, ttl_s } => self.grant(id, ttl_s, effects),
            Command::LeaseRevoke { id } => match self.revoke(&[id], effects) {
                0 => Err(Error::LeaseNotFound),
                _ => Ok(Response::LeaseRevoke),
            },
            Command::LeaseRenew { renewals } => {
                self.renew(&renewals, effects);
                Ok(Response::LeaseRenew)
            }
            Command::LeaseExpire { term, ids } => {
                // A proposal that outlived its leader may rest on renewals it did not know of.
                let expired = if term == entry_term {
                    self.revoke(&ids, effects)
                } else {
                    0
                };
                Ok(Response::LeaseExpire { expired })
            }
            Command::Alarm { action, alarm } => {
                let alarm = self.0.alarms.apply(action, alarm);
                Ok(Response::Alarm { alarm })
            }
            Command::Auth(request) => {
                self.0.auth.apply(request.into_inner())?;
                Ok(Response::Auth)
            }
            Command::Authenticate {
                user,
                auth_revision,
                secret,
            } => {
                self.0.auth.check_login(&user, auth_revision)?;
                let token = format!("{secret}.{}", self.0.applied_index);
                Ok(Response::Authenticate { token })
            }
            Command::MemberAttributes(attributes) => {
                self.set_attributes(attributes);
                Ok(Response::MemberAttributes)
            }
            Command::ClusterVersion { version } => {
                self.0.cluster_version = Some(version.into());
                Ok(Response::ClusterVersion)
            }
        }
    }

    fn set_attributes(&mut self, attributes: MemberAttributes) {
        let known = self.0.members.get(&attributes.member_id);
        if known.is_none_or(|known| known.instance == attributes.instance) {
            self.0.members.insert(attributes.member_id, attributes);
        }
    }

    /// The lease is looked at before the key (corner case 30); in a transaction it is after.
    fn put(&mut self, request: &PutRequest, effects: &mut Effects) -> Result<Response, Error> {
        txn::check_lease(request, &self.0.leases)?;
        let keeps = request.ignore_value || request.ignore_lease;
        if keeps && !self.0.store.contains(&request.key) {
            return Err(Error::KeyNotFound);
        }
        Ok(Response::Put(
            self.write(effects, |write| write.put(request)),
        ))
    }

    fn txn(&mut self, request: &TxnRequest, effects: &mut Effects) -> Result<Response, Error> {
        let taken = Taken::decide(request, &self.0.store);
        taken.check(&self.0.store, &self.0.leases)?;
        Ok(Response::Txn(self.write(effects, |write| taken.run(write))))
    }

    fn grant(&mut self, id: LeaseId, ttl_s: i64, effects: &mut Effects) -> Result<Response, Error> {
        let at_ms = self.time_ms();
        let ttl_s = self.0.leases.grant(id, ttl_s, at_ms)?;
        effects
            .lease_changes
            .push(LeaseChange::Granted { id, ttl_s, at_ms });
        Ok(Response::LeaseGrant { id, ttl_s })
    }

    fn renew(&mut self, renewals: &[Renewal], effects: &mut Effects) {
        let now_ms = self.time_ms();
        for &Renewal { id, renewed_at_ms } in renewals {
            // A lease that has ended since the keep-alive was answered stays ended.
            let renewed = self.0.leases.renew(id, renewed_at_ms, now_ms);
            probe!(RenewalTooLate if renewed.is_none());
            if let Some(renewed_at_ms) = renewed {
                effects
                    .lease_changes
                    .push(LeaseChange::Renewed { id, renewed_at_ms });
            }
        }
    }

    /// Ends those of the leases that are there, with their keys, in one revision.
    fn revoke(&mut self, ids: &[LeaseId], effects: &mut Effects) -> usize {
        let ended = self.write(effects, |write| write.revoke(ids));
        effects
            .lease_changes
            .extend(ended.iter().map(|&id| LeaseChange::Ended { id }));
        ended.len()
    }

    /// Runs one command's changes as one main revision.
    fn write<R>(&mut self, effects: &mut Effects, change: impl FnOnce(&mut Write<'_>) -> R) -> R {
        let mut write = Write::begin(&mut self.0.store, &mut self.0.leases);
        let result = change(&mut write);
        effects.events = write.finish();
        result
    }
}

impl Default for StateMachine {
    fn default() -> Self {
        Self::new()
    }
}

/// The machine's present state, to read.
impl Deref for StateMachine {
    type Target = View;

    fn deref(&self) -> &View {
        &self.0
    }
}
