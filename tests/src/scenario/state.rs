//! What a [`Member`](super::member::Member) needs of a state machine and its watches.

use quorate_core::{
    Command, Entry, Error, Response, Valid,
    alarm::Alarm,
    auth::{AuthError, Author, Permission, PermissionKind},
    kv::{KeyRange, LeaseId},
    request::{RangeRequest, TxnRequest},
    response::{HashKv, LeaseInfo, RangeResponse, TxnResponse},
    watch::{CreateRequest, WatchResponse},
};

use super::executor::{Request, Settings};

/// A state machine, its watches, and its leader's side of leases.
pub trait State: Reads {
    /// Before the first entry.
    fn new(settings: &Settings) -> Self;

    /// Whether it agrees with the core about a request by itself. One that has no opinion says
    /// nothing; one that differs panics.
    fn check(&self, _request: &Request, _max_txn_ops: usize) {}

    /// Applies an entry, and lets watches and leases know.
    fn apply(&mut self, entry: Entry) -> Result<Response, Error>;

    /// Removes all that is compacted.
    fn finish_compaction(&mut self);

    /// Carries on as after a restart. All streams are gone.
    fn restart(&mut self, now_ms: u64);

    /// A keep-alive: the lease's time to live, 0 if it is not there; `None` if [`Self::upkeep`]
    /// must come first.
    fn keep_alive(&mut self, id: LeaseId, now_ms: u64) -> Option<i64>;

    /// What the leader of a term has to propose.
    fn upkeep(&mut self, term: u64, now_ms: u64) -> Vec<Command>;

    /// Opens a stream; no other has its name.
    fn open(&mut self, stream: &str);

    /// Creates a watcher, or refuses.
    fn create_watch(&mut self, stream: &str, request: CreateRequest);

    /// Refuses a watcher for a reason from outside.
    fn refuse_watch(&mut self, stream: &str, reason: String);

    /// Cancels a watcher.
    fn cancel_watch(&mut self, stream: &str, watch_id: i64);

    /// Asks how far a stream has got.
    fn request_progress(&mut self, stream: &str);

    /// The stream's interval of progress is over.
    fn tick_progress(&mut self, stream: &str);

    /// All that waits on a stream.
    fn receive(&mut self, stream: &str) -> Vec<WatchResponse>;
}

/// State to read; what each tells is said at [`quorate_core::View`].
#[allow(missing_docs)]
pub trait Reads {
    fn revision(&self) -> i64;
    fn range(&self, request: &Valid<RangeRequest>) -> Result<RangeResponse, Error>;
    fn read_txn(&self, request: &Valid<TxnRequest>) -> Result<TxnResponse, Error>;
    fn hash_kv(&self, revision: i64) -> Result<HashKv, Error>;
    fn lease(&self, id: LeaseId) -> Option<LeaseInfo>;
    fn auth_enabled(&self) -> bool;
    fn auth_revision(&self) -> u64;
    fn role(&self, name: &str) -> Result<Vec<Permission>, AuthError>;
    fn authorize_range(&self, author: &Author, request: &RangeRequest) -> Result<(), AuthError>;
    fn authorize_txn(&self, author: &Author, request: &TxnRequest) -> Result<(), AuthError>;
    fn authorize_watch(&self, author: &Author, range: &KeyRange) -> Result<(), AuthError>;
    fn authorize_lease_keys(
        &self,
        author: &Author,
        id: LeaseId,
        kind: PermissionKind,
    ) -> Result<(), AuthError>;
    fn authorize_all_leases(&self, author: &Author) -> Result<(), AuthError>;
    fn authorize_anyone(&self, author: &Author) -> Result<(), AuthError>;
    fn authorize_admin(&self, author: &Author) -> Result<(), AuthError>;
    fn authorize_user(&self, author: &Author, user: &str) -> Result<(), AuthError>;
    fn authorize_role(&self, author: &Author, role: &str) -> Result<(), AuthError>;
    fn lease_ids(&self) -> Vec<LeaseId>;
    fn alarm_list(&self) -> Vec<Alarm>;
    fn user_names(&self) -> Vec<String>;
    fn user_roles(&self, name: &str) -> Result<Vec<String>, AuthError>;
    fn role_names(&self) -> Vec<String>;
    fn password(&self, name: &str) -> Result<String, AuthError>;
}

/// `reads_from!(State, field)`: the core and its model tell all this in the same words, but share
/// no trait.
macro_rules! reads_from {
    ($state:ty, $machine:ident) => {
        impl $crate::scenario::state::Reads for $state {
            fn revision(&self) -> i64 {
                self.$machine.revision()
            }
            fn range(&self, request: &Valid<RangeRequest>) -> Result<RangeResponse, Error> {
                self.$machine.range(request)
            }
            fn read_txn(&self, request: &Valid<TxnRequest>) -> Result<TxnResponse, Error> {
                self.$machine.read_txn(request)
            }
            fn hash_kv(&self, revision: i64) -> Result<HashKv, Error> {
                self.$machine.hash_kv(revision)
            }
            fn lease(&self, id: LeaseId) -> Option<LeaseInfo> {
                self.$machine.lease(id)
            }
            fn auth_enabled(&self) -> bool {
                self.$machine.auth_enabled()
            }
            fn auth_revision(&self) -> u64 {
                self.$machine.auth_revision()
            }
            fn role(&self, name: &str) -> Result<Vec<Permission>, AuthError> {
                self.$machine.role(name)
            }
            fn authorize_range(
                &self,
                author: &Author,
                request: &RangeRequest,
            ) -> Result<(), AuthError> {
                self.$machine.authorize_range(author, request)
            }
            fn authorize_txn(
                &self,
                author: &Author,
                request: &TxnRequest,
            ) -> Result<(), AuthError> {
                self.$machine.authorize_txn(author, request)
            }
            fn authorize_watch(&self, author: &Author, range: &KeyRange) -> Result<(), AuthError> {
                self.$machine.authorize_watch(author, range)
            }
            fn authorize_lease_keys(
                &self,
                author: &Author,
                id: LeaseId,
                kind: PermissionKind,
            ) -> Result<(), AuthError> {
                self.$machine.authorize_lease_keys(author, id, kind)
            }
            fn authorize_all_leases(&self, author: &Author) -> Result<(), AuthError> {
                self.$machine.authorize_all_leases(author)
            }
            fn authorize_anyone(&self, author: &Author) -> Result<(), AuthError> {
                self.$machine.authorize_anyone(author)
            }
            fn authorize_admin(&self, author: &Author) -> Result<(), AuthError> {
                self.$machine.authorize_admin(author)
            }
            fn authorize_user(&self, author: &Author, user: &str) -> Result<(), AuthError> {
                self.$machine.authorize_user(author, user)
            }
            fn authorize_role(&self, author: &Author, role: &str) -> Result<(), AuthError> {
                self.$machine.authorize_role(author, role)
            }
            fn lease_ids(&self) -> Vec<LeaseId> {
                self.$machine.leases().map(|(id, _, _)| id).collect()
            }
            fn alarm_list(&self) -> Vec<Alarm> {
                self.$machine.alarms().collect()
            }
            fn user_names(&self) -> Vec<String> {
                self.$machine.users().map(str::to_owned).collect()
            }
            fn user_roles(&self, name: &str) -> Result<Vec<String>, AuthError> {
                self.$machine.user(name).map(|user| user.roles)
            }
            fn role_names(&self) -> Vec<String> {
                self.$machine.roles().map(str::to_owned).collect()
            }
            fn password(&self, name: &str) -> Result<String, AuthError> {
                self.$machine.password_hash(name).map(str::to_owned)
            }
        }
    };
}
pub(super) use reads_from;
