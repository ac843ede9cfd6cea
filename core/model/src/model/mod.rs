//! The reference: a full copy of the key space for every revision. Slow, small, and without any
//! logic of the core's; only its plain types are used.

mod auth;
pub mod check;
mod hash;
mod keys;
mod lease;
mod permissions;
mod txn;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use bytes::Bytes;
use quorate_core::{
    Applied, Command, Entry, Error, LeaseChange, Response,
    alarm::{Alarm, AlarmAction, AlarmKind},
    command::MemberAttributes,
    kv::{Event, KeyValue, LeaseId},
    request::{Op, TxnRequest},
};

use self::{auth::Auth, keys::Draft, lease::Lease};
pub(crate) use self::{
    keys::{is_inside, without_prev},
    permissions::watched,
};

/// A key space.
type Keys = BTreeMap<Bytes, KeyValue>;

/// All that the core should know.
#[derive(Clone, Debug)]
pub struct Model {
    applied_index: u64,
    applied_term: u64,
    time_ms: u64,
    compact_revision: i64,
    /// One for each main revision, from 1 on; what is compacted stays.
    past: Vec<Arc<Moment>>,
    leases: BTreeMap<LeaseId, Lease>,
    members: BTreeMap<u64, MemberAttributes>,
    cluster_version: Option<String>,
    alarms: BTreeSet<Alarm>,
    auth: Auth,
}

/// A main revision.
#[derive(Debug, Default)]
struct Moment {
    /// The key space after it.
    keys: Keys,
    /// What it has changed.
    events: Vec<Event>,
}

impl Model {
    /// Before the first entry.
    pub fn new() -> Self {
        Self {
            applied_index: 0,
            applied_term: 0,
            time_ms: 0,
            compact_revision: -1,
            past: vec![Arc::default()],
            leases: BTreeMap::new(),
            members: BTreeMap::new(),
            cluster_version: None,
            alarms: BTreeSet::new(),
            auth: Auth::default(),
        }
    }

    /// Applies an entry: alarms first, then what its author may do, then the command.
    pub fn apply(&mut self, entry: &Entry) -> Applied {
        self.skip(entry.index, entry.term);
        self.time_ms = self.time_ms.max(entry.time_ms);
        let mut draft = self.draft();
        let mut lease_changes = Vec::new();
        let result = self
            .check_alarms(&entry.command)
            .and_then(|()| Ok(self.authorize(&entry.author, &entry.command)?))
            .and_then(|()| self.execute(&mut draft, &mut lease_changes, entry));
        let events = match &result {
            Ok(_) => draft.events,
            Err(_) => Vec::new(),
        };
        if !events.is_empty() {
            self.past.push(Arc::new(Moment {
                keys: draft.keys,
                events: events.clone(),
            }));
        }
        Applied {
            index: entry.index,
            revision: self.revision(),
            time_ms: self.time_ms,
            result,
            events: events.into(),
            lease_changes,
        }
    }

    /// Passes over an entry that is not a command.
    pub fn skip(&mut self, index: u64, term: u64) {
        self.applied_index = index;
        self.applied_term = term;
    }

    fn check_alarms(&self, command: &Command) -> Result<(), Error> {
        let raised = |kind| self.alarms.iter().any(|alarm| alarm.kind == kind);
        let changes = matches!(
            command,
            Command::Put(_)
                | Command::DeleteRange(_)
                | Command::Txn(_)
                | Command::Compact { .. }
                | Command::LeaseGrant { .. }
                | Command::LeaseRevoke { .. }
                | Command::LeaseExpire { .. }
        );
        if changes && raised(AlarmKind::Corrupt) {
            return Err(Error::Corrupt);
        }
        let grows = match command {
            Command::Put(_) | Command::LeaseGrant { .. } => true,
            Command::Txn(request) => puts_anything(request),
            _ => false,
        };
        if grows && raised(AlarmKind::NoSpace) {
            return Err(Error::NoSpace);
        }
        Ok(())
    }

    fn execute(
        &mut self,
        draft: &mut Draft,
        lease_changes: &mut Vec<LeaseChange>,
        entry: &Entry,
    ) -> Result<Response, Error> {
        match &entry.command {
            Command::Put(request) => {
                self.check_lease(request)?;
                Ok(Response::Put(self.put(draft, request)?))
            }
            Command::DeleteRange(request) => Ok(Response::DeleteRange(draft.delete(request))),
            Command::Txn(request) => Ok(Response::Txn(self.run_txn(draft, request)?)),
            Command::Compact { revision } => self.compact(*revision),
            Command::LeaseGrant { id, ttl_s } => self.grant(*id, *ttl_s, lease_changes),
            Command::LeaseRevoke { id } => match self.revoke(draft, &[*id], lease_changes) {
                0 => Err(Error::LeaseNotFound),
                _ => Ok(Response::LeaseRevoke),
            },
            Command::LeaseRenew { renewals } => Ok(self.renew(renewals, lease_changes)),
            Command::LeaseExpire { term, ids } => {
                let ids: &[LeaseId] = if *term == entry.term { ids } else { &[] };
                let expired = self.revoke(draft, ids, lease_changes);
                Ok(Response::LeaseExpire { expired })
            }
            Command::Alarm { action, alarm } => Ok(self.change_alarm(*action, *alarm)),
            Command::Auth(request) => {
                self.auth.execute(request)?;
                Ok(Response::Auth)
            }
            Command::Authenticate {
                user,
                auth_revision,
                secret,
            } => {
                self.auth.authenticate(user, *auth_revision)?;
                let token = format!("{secret}.{}", entry.index);
                Ok(Response::Authenticate { token })
            }
            Command::MemberAttributes(attributes) => {
                let first = self
                    .members
                    .entry(attributes.member_id)
                    .or_insert_with(|| attributes.clone());
                if first.instance == attributes.instance {
                    first.clone_from(attributes);
                }
                Ok(Response::MemberAttributes)
            }
            Command::ClusterVersion { version } => {
                self.cluster_version = Some(version.clone());
                Ok(Response::ClusterVersion)
            }
        }
    }

    fn compact(&mut self, revision: i64) -> Result<Response, Error> {
        if revision <= self.compact_revision {
            return Err(Error::Compacted);
        }
        if revision > self.revision() {
            return Err(Error::FutureRevision);
        }
        self.compact_revision = revision;
        Ok(Response::Compact)
    }

    fn change_alarm(&mut self, action: AlarmAction, alarm: Alarm) -> Response {
        let was_there = match action {
            AlarmAction::Activate => {
                self.alarms.insert(alarm);
                true
            }
            AlarmAction::Deactivate => self.alarms.remove(&alarm),
        };
        let alarm = was_there.then_some(alarm);
        Response::Alarm { alarm }
    }

    /// Index of the last entry; 0 before the first.
    pub fn applied_index(&self) -> u64 {
        self.applied_index
    }

    /// Term of the last entry; 0 before the first.
    pub fn applied_term(&self) -> u64 {
        self.applied_term
    }

    /// Cluster time, milliseconds.
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// The main revision.
    pub fn revision(&self) -> i64 {
        self.past.len() as i64
    }

    /// The oldest readable revision, -1 if all are.
    pub fn compact_revision(&self) -> i64 {
        self.compact_revision
    }

    /// What members have said of themselves, by id ascending.
    pub fn member_attributes(&self) -> impl Iterator<Item = &MemberAttributes> {
        self.members.values()
    }

    /// The version that all members can speak.
    pub fn cluster_version(&self) -> Option<&str> {
        self.cluster_version.as_deref()
    }

    /// The alarms that are raised, ascending.
    pub fn alarms(&self) -> impl Iterator<Item = Alarm> {
        self.alarms.iter().copied()
    }

    /// What a main revision was, compacted or not.
    fn moment(&self, revision: i64) -> &Moment {
        &self.past[(revision - 1) as usize]
    }
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether a put is anywhere in a transaction, in whichever branch.
fn puts_anything(request: &TxnRequest) -> bool {
    let mut ops = request.success.iter().chain(&request.failure);
    ops.any(|op| match op {
        Op::Put(_) => true,
        Op::Range(_) | Op::DeleteRange(_) => false,
        Op::Txn(nested) => puts_anything(nested),
    })
}
