//! What a random script may hold: nothing in which Quorate and etcd 3.5.30 are known to differ, or
//! that depends on the moment. The list is in the README of the scenarios; what is here follows it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use quorate_core::{
    auth::AuthRequest,
    kv::{Event, KeyRange},
    request::{Op, TxnRequest},
    watch::CreateRequest,
};

use crate::scenario::{
    Answer, Code, CoreExecutor, Executor, Failure, Request, Settings, Step, WatchRequest,
};

/// The stream by which the admission itself learns of changes.
const AUDIT: &str = "audit";

/// What is known of the server after the steps that were let in.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    /// The store's revision.
    pub(super) revision: i64,
    /// The last compaction, -1 for none.
    pub(super) compacted: i64,
    /// The leases that are there.
    pub(super) leases: Vec<i64>,
    /// Who asks.
    pub(super) user: Option<String>,
    /// Who has a token that counts.
    pub(super) logged_in: BTreeSet<String>,
    /// Whether requests are checked.
    pub(super) is_auth_on: bool,
    /// The number of watchers of each stream.
    pub(super) watchers: BTreeMap<String, usize>,
}

/// Lets steps in, one after the other, and knows by the core what they lead to.
pub struct Admission {
    core: CoreExecutor,
    known: Known,
    /// Revisions that were compacted at.
    compactions: BTreeSet<i64>,
    /// Revisions at which one transaction has deleted and put the same key.
    rewritten: BTreeSet<i64>,
    /// The range that each role was granted last with each start.
    granted: BTreeMap<(String, Bytes), KeyRange>,
    /// Streams with a watcher that compaction has cancelled.
    cut_off: BTreeSet<String>,
    /// Who has opened each stream; nobody's and somebody's whose token is void are different.
    owners: BTreeMap<String, Option<String>>,
    /// Streams whose token is void.
    void: BTreeSet<String>,
}

impl Default for Admission {
    fn default() -> Self {
        let mut core = CoreExecutor::start(&Settings::default());
        let everything = CreateRequest {
            range: KeyRange::From(Bytes::from_static(b"\0")),
            start_revision: 0,
            progress_notify: false,
            no_put: false,
            no_delete: false,
            prev_kv: false,
            watch_id: 0,
            fragment: false,
        };
        core.watch(None, AUDIT, WatchRequest::Create(everything));
        Self {
            core,
            known: Known {
                revision: 1,
                compacted: -1,
                ..Known::default()
            },
            compactions: BTreeSet::new(),
            rewritten: BTreeSet::new(),
            granted: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            owners: BTreeMap::new(),
            void: BTreeSet::new(),
        }
    }
}

impl Admission {
    /// Whether all these steps may be taken, in this order, from the first start of a server on.
    pub fn admits(steps: &[Step]) -> bool {
        let mut admission = Self::default();
        steps.iter().all(|step| admission.admit(step))
    }

    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// Whether the next step may be taken; if so, it is.
    pub fn admit(&mut self, step: &Step) -> bool {
        match step {
            Step::As(None) => {
                self.known.user = None;
                true
            }
            Step::As(Some(user)) => {
                let is_there = self.known.logged_in.contains(user);
                if is_there {
                    self.known.user = Some(user.clone());
                }
                is_there
            }
            Step::Call(request) => self.admit_call(request),
            Step::Watch { stream, request } => self.admit_watch(stream, request),
            Step::Receive { stream } => {
                self.receive(stream);
                true
            }
        }
    }

    fn admit_call(&mut self, request: &Request) -> bool {
        let is_known_to_differ = match request {
            Request::Compact { revision, .. } => self.rewritten.contains(revision),
            Request::HashKv { revision } => {
                let hashed = if *revision == 0 {
                    self.known.revision
                } else {
                    *revision
                };
                let is_noted = [*revision, hashed];
                let is_noted = is_noted.iter().any(|one| self.compactions.contains(one));
                // A key that was deleted and put in one revision etcd counts as gone there.
                let is_rewritten = !self.compactions.is_empty() && !self.rewritten.is_empty();
                is_noted || is_rewritten
            }
            Request::Txn(request) => {
                let mut ops = Vec::new();
                all_ops(request, &mut ops);
                let deletes = |op: &&Op| matches!(op, Op::DeleteRange(_));
                ops.iter().any(deletes) && ops.iter().any(|op| needs_its_key(op))
            }
            Request::RoleGet { name } => name == "root",
            Request::Auth(AuthRequest::RoleGrantPermission { role, permission }) => {
                let range = &permission.range;
                let granted = self.granted.get(&(role.clone(), range.start().clone()));
                granted.is_some_and(|granted| granted != range)
            }
            Request::Auth(request) => self.voids_a_token_in_use(request),
            _ => false,
        };
        if is_known_to_differ || self.is_checked() && names_no_keys(request) {
            return false;
        }
        let user = self.known.user.clone();
        let result = self.core.call(user.as_deref(), request.clone());
        let by_auth = matches!(request, Request::HashKv { .. } | Request::AuthStatus);
        if by_auth && is_refused_by_auth(&result) {
            return false;
        }
        if result.is_ok() {
            self.note(request);
        }
        self.audit();
        true
    }

    /// Whether permissions count for who asks.
    fn is_checked(&self) -> bool {
        self.known.is_auth_on && self.known.user.as_deref() != Some("root")
    }

    /// Tokens are not the core's: who is about to lose one must not be at work.
    fn voids_a_token_in_use(&self, request: &AuthRequest) -> bool {
        match request {
            AuthRequest::UserDelete { name } | AuthRequest::UserChangePassword { name, .. } => {
                self.known.user.as_ref() == Some(name)
            }
            AuthRequest::Enable => self.known.user.is_some(),
            _ => false,
        }
    }

    fn note(&mut self, request: &Request) {
        match request {
            Request::Compact { revision, .. } => {
                self.compactions.insert(*revision);
                self.known.compacted = *revision;
            }
            Request::Auth(AuthRequest::RoleGrantPermission { role, permission }) => {
                let range = permission.range.clone();
                let place = (role.clone(), range.start().clone());
                self.granted.insert(place, range);
            }
            Request::LeaseGrant { id, .. } => self.known.leases.push(*id),
            Request::LeaseRevoke { id } => self.known.leases.retain(|lease| lease != id),
            Request::Authenticate { name, .. } => {
                self.known.logged_in.insert(name.clone());
            }
            Request::Auth(AuthRequest::Enable) => self.known.is_auth_on = true,
            Request::Auth(AuthRequest::Disable) => {
                self.known.is_auth_on = false;
                self.known.user = None;
                let users = std::mem::take(&mut self.known.logged_in);
                users.iter().for_each(|user| self.lose_token(user));
            }
            Request::Auth(
                AuthRequest::UserDelete { name } | AuthRequest::UserChangePassword { name, .. },
            ) => self.lose_token(name),
            _ => {}
        }
    }

    fn lose_token(&mut self, user: &str) {
        self.known.logged_in.remove(user);
        let owned = self.owners.iter();
        let owned = owned.filter(|(_, owner)| owner.as_deref() == Some(user));
        self.void.extend(owned.map(|(stream, _)| stream.clone()));
    }

    /// Learns of what has changed.
    fn audit(&mut self) {
        for response in self.core.receive(AUDIT) {
            self.known.revision = self.known.revision.max(response.revision);
            for (index, event) in response.events.iter().enumerate() {
                let before = &response.events[..index];
                let is_rewritten = before.iter().any(|earlier| {
                    matches!(earlier, Event::Delete { .. })
                        && earlier.key() == event.key()
                        && earlier.mod_revision() == event.mod_revision()
                });
                if is_rewritten {
                    self.rewritten.insert(event.mod_revision());
                }
            }
        }
    }

    fn admit_watch(&mut self, stream: &str, request: &WatchRequest) -> bool {
        let is_known_to_differ = match request {
            WatchRequest::Create(create) => {
                self.void.contains(stream) || self.known.is_auth_on && create.range.is_empty()
            }
            WatchRequest::Cancel { .. } => false,
            WatchRequest::Progress => self.cut_off.contains(stream),
        };
        if is_known_to_differ {
            return false;
        }
        let user = self.known.user.clone();
        self.owners.entry(stream.to_owned()).or_insert(user.clone());
        self.core.watch(user.as_deref(), stream, request.clone());
        self.receive(stream);
        true
    }

    fn receive(&mut self, stream: &str) {
        for response in self.core.receive(stream) {
            if response.compact_revision != 0 {
                self.cut_off.insert(stream.to_owned());
            }
            let watchers = self.known.watchers.entry(stream.to_owned()).or_default();
            match (response.created, response.canceled) {
                (true, false) => *watchers += 1,
                (false, true) => *watchers = watchers.saturating_sub(1),
                _ => {}
            }
        }
    }
}

/// Whether a request has a range that ends before it begins. Open: etcd permits that to root only.
fn names_no_keys(request: &Request) -> bool {
    match request {
        Request::Range { request, .. } => request.range.is_empty(),
        Request::DeleteRange(request) => request.range.is_empty(),
        Request::Txn(request) => txn_names_no_keys(request),
        _ => false,
    }
}

fn txn_names_no_keys(request: &TxnRequest) -> bool {
    let mut compares = request.compares.iter();
    let mut ops = request.success.iter().chain(&request.failure);
    compares.any(|compare| compare.range.is_empty())
        || ops.any(|op| match op {
            Op::Range(request) => request.range.is_empty(),
            Op::DeleteRange(request) => request.range.is_empty(),
            Op::Txn(nested) => txn_names_no_keys(nested),
            Op::Put(_) => false,
        })
}

/// The operations of a transaction, of both branches, and of those nested in it.
fn all_ops<'a>(request: &'a TxnRequest, ops: &mut Vec<&'a Op>) {
    for op in request.success.iter().chain(&request.failure) {
        ops.push(op);
        if let Op::Txn(nested) = op {
            all_ops(nested, ops);
        }
    }
}

fn needs_its_key(op: &Op) -> bool {
    matches!(op, Op::Put(put) if put.ignore_value || put.ignore_lease)
}

fn is_refused_by_auth(result: &Result<Answer, Failure>) -> bool {
    let refused = [Code::InvalidArgument, Code::PermissionDenied];
    matches!(result, Err(failure) if refused.contains(&failure.code))
}
