//! The reference model, with watches and a leader's side of leases as naive as itself.

mod watch;

use std::collections::BTreeMap;

use quorate_core::{
    Command, Entry, Error, Response, Valid,
    alarm::Alarm,
    auth::{AuthError, AuthRequest, Author, Permission, PermissionKind},
    command::Renewal,
    kv::{KeyRange, LeaseId},
    request::{DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest},
    response::{HashKv, LeaseInfo, RangeResponse, TxnResponse},
    watch::{CreateRequest, WatchResponse},
};
use quorate_model::{Model, model::check};

use super::{
    executor::{Request, Settings},
    member::Member,
    state::{State, reads_from},
};
use watch::Stream;

/// Runs scenarios on the reference model.
pub type ModelExecutor = Member<ModelState>;

const OPENED: &str = "a stream is opened before it is used";

/// See [`ModelExecutor`].
pub struct ModelState {
    model: Model,
    /// Keep-alives that are answered and not yet proposed.
    renewals: Vec<Renewal>,
    streams: BTreeMap<String, Stream>,
    fragment_bytes: usize,
}

reads_from!(ModelState, model);

impl State for ModelState {
    fn new(settings: &Settings) -> Self {
        Self {
            model: Model::new(),
            renewals: Vec::new(),
            streams: BTreeMap::new(),
            fragment_bytes: settings.max_request_bytes + (512 << 10),
        }
    }

    fn check(&self, request: &Request, max_txn_ops: usize) {
        let (own, cores) = match request.clone() {
            Request::Range { request, .. } => (
                check::range(&request),
                Valid::<RangeRequest>::check(request).err(),
            ),
            Request::Put(request) => (
                check::put(&request),
                Valid::<PutRequest>::check(request).err(),
            ),
            Request::DeleteRange(request) => (
                check::delete_range(&request),
                Valid::<DeleteRangeRequest>::check(request).err(),
            ),
            Request::Txn(request) => (
                check::txn(&request, max_txn_ops),
                Valid::<TxnRequest>::check(request, max_txn_ops).err(),
            ),
            Request::Auth(request) => (
                check::auth(&request),
                Valid::<AuthRequest>::check(request).err(),
            ),
            _ => return,
        };
        assert_eq!(own.err(), cores, "model and core differ about {request:?}");
    }

    fn apply(&mut self, entry: Entry) -> Result<Response, Error> {
        let applied = self.model.apply(&entry);
        if !applied.events.is_empty() {
            for stream in self.streams.values_mut() {
                stream.publish(applied.revision, &applied.events, self.fragment_bytes);
            }
        }
        applied.result
    }

    fn finish_compaction(&mut self) {}

    fn restart(&mut self, _now_ms: u64) {
        self.renewals.clear();
        self.streams.clear();
    }

    fn keep_alive(&mut self, id: LeaseId, now_ms: u64) -> Option<i64> {
        let Some(lease) = self.model.lease(id) else {
            return Some(0);
        };
        self.renewals.push(Renewal {
            id,
            renewed_at_ms: now_ms,
        });
        Some(lease.ttl_s)
    }

    fn upkeep(&mut self, term: u64, now_ms: u64) -> Vec<Command> {
        let renewals = std::mem::take(&mut self.renewals);
        let is_renewed = |id| renewals.iter().any(|renewal| renewal.id == id);
        let is_due = |(id, ttl_s, renewed_at_ms): (LeaseId, i64, u64)| {
            let ends_ms = renewed_at_ms as u128 + ttl_s as u128 * 1000;
            (!is_renewed(id) && ends_ms <= u128::from(now_ms)).then_some(id)
        };
        let ids: Vec<LeaseId> = self.model.leases().filter_map(is_due).collect();
        let mut commands = Vec::new();
        if !renewals.is_empty() {
            commands.push(Command::LeaseRenew { renewals });
        }
        if !ids.is_empty() {
            commands.push(Command::LeaseExpire { term, ids });
        }
        commands
    }

    fn open(&mut self, stream: &str) {
        self.streams.insert(stream.to_owned(), Stream::default());
    }

    fn create_watch(&mut self, stream: &str, request: CreateRequest) {
        let stream = self.streams.get_mut(stream).expect(OPENED);
        stream.create(request, &self.model, self.fragment_bytes);
    }

    fn refuse_watch(&mut self, stream: &str, reason: String) {
        let revision = self.model.revision();
        let stream = self.streams.get_mut(stream).expect(OPENED);
        stream.refuse(&reason, revision);
    }

    fn cancel_watch(&mut self, stream: &str, watch_id: i64) {
        let revision = self.model.revision();
        let stream = self.streams.get_mut(stream).expect(OPENED);
        stream.cancel(watch_id, revision);
    }

    fn request_progress(&mut self, stream: &str) {
        let revision = self.model.revision();
        let stream = self.streams.get_mut(stream).expect(OPENED);
        stream.request_progress(revision);
    }

    fn tick_progress(&mut self, stream: &str) {
        let revision = self.model.revision();
        let stream = self.streams.get_mut(stream).expect(OPENED);
        stream.tick_progress(revision);
    }

    fn receive(&mut self, stream: &str) -> Vec<WatchResponse> {
        self.streams.get_mut(stream).expect(OPENED).receive()
    }
}
