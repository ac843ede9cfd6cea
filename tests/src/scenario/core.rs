//! The core: its state machine, its watch hub and its keeper of leases.

use std::collections::BTreeMap;

use quorate_core::{
    Command, Entry, Error, Response, Restore, StateMachine, Valid,
    alarm::Alarm,
    auth::{AuthError, Author, Permission, PermissionKind},
    kv::{KeyRange, LeaseId},
    lease::{KeepAlive, LeaseKeeper},
    limits::{COMPACT_STEP_KEYS, LEASE_BATCH_MAX, WatchLimits},
    request::{RangeRequest, TxnRequest},
    response::{HashKv, LeaseInfo, RangeResponse, TxnResponse},
    watch::{CreateRequest, Hub, Poll, StreamId, WatchResponse},
};

use super::{
    executor::Settings,
    member::Member,
    state::{State, reads_from},
    wire_size::event_bytes,
};

/// Runs scenarios on the core.
pub type CoreExecutor = Member<CoreState>;

/// What a message may have beyond the greatest request, bytes.
const MESSAGE_OVERHEAD_BYTES: usize = 512 << 10;

/// How long after a change of leader no lease ends, milliseconds: an election timeout.
const LEASE_GRACE_MS: u64 = 1000;

/// See [`CoreExecutor`].
pub struct CoreState {
    machine: StateMachine,
    keeper: LeaseKeeper,
    limits: WatchLimits,
    hub: Hub,
    streams: BTreeMap<String, StreamId>,
}

reads_from!(CoreState, machine);

impl State for CoreState {
    fn new(settings: &Settings) -> Self {
        let limits = WatchLimits {
            fragment_bytes: settings.max_request_bytes + MESSAGE_OVERHEAD_BYTES,
            ..WatchLimits::default()
        };
        let machine = StateMachine::new();
        Self {
            keeper: LeaseKeeper::default(),
            hub: Hub::new(limits, event_bytes, machine.revision()),
            machine,
            limits,
            streams: BTreeMap::new(),
        }
    }

    fn apply(&mut self, entry: Entry) -> Result<Response, Error> {
        let applied = self.machine.apply(entry);
        // Looks at everything: after each of the first entries, then now and then.
        if applied.index <= 100 || applied.index.is_multiple_of(100) {
            self.machine.validate();
        }
        self.hub.publish(applied.revision, &applied.events);
        for change in &applied.lease_changes {
            self.keeper.apply(change, applied.time_ms);
        }
        applied.result
    }

    fn finish_compaction(&mut self) {
        while self.machine.compact_step(COMPACT_STEP_KEYS) {}
        self.machine.validate();
    }

    /// From a checkpoint.
    fn restart(&mut self, now_ms: u64) {
        let mut restore = Restore::new();
        for chunk in self.machine.checkpoint() {
            restore.feed(&chunk).expect("a checkpoint's own chunk");
        }
        let restored = restore.finish().expect("a whole checkpoint");
        assert_eq!(restored.state_hash(), self.machine.state_hash());
        restored.validate();
        self.machine = restored;
        self.keeper = LeaseKeeper::take_over(self.machine.leases(), now_ms, LEASE_GRACE_MS);
        self.hub = Hub::new(self.limits, event_bytes, self.machine.revision());
        self.streams.clear();
    }

    fn keep_alive(&mut self, id: LeaseId, now_ms: u64) -> Option<i64> {
        match self.keeper.keep_alive(id, now_ms) {
            KeepAlive::Renewed { ttl_s } => Some(ttl_s),
            KeepAlive::NotFound => Some(0),
            KeepAlive::Replicate | KeepAlive::Stalled => None,
        }
    }

    fn upkeep(&mut self, term: u64, now_ms: u64) -> Vec<Command> {
        let mut commands = Vec::new();
        let renewals = self.keeper.poll_renewals(LEASE_BATCH_MAX);
        if !renewals.is_empty() {
            commands.push(Command::LeaseRenew { renewals });
        }
        let ids = self.keeper.poll_expired(now_ms, LEASE_BATCH_MAX);
        if !ids.is_empty() {
            commands.push(Command::LeaseExpire { term, ids });
        }
        commands
    }

    fn open(&mut self, stream: &str) {
        let id = self.hub.open();
        self.streams.insert(stream.to_owned(), id);
    }

    fn create_watch(&mut self, stream: &str, request: CreateRequest) {
        let (revision, compacted) = (self.machine.revision(), self.machine.compact_revision());
        self.hub
            .create(self.streams[stream], request, revision, compacted);
    }

    fn refuse_watch(&mut self, stream: &str, reason: String) {
        let revision = self.machine.revision();
        self.hub.refuse(self.streams[stream], reason, revision);
    }

    fn cancel_watch(&mut self, stream: &str, watch_id: i64) {
        self.hub.cancel(self.streams[stream], watch_id);
    }

    fn request_progress(&mut self, stream: &str) {
        self.hub.request_progress(self.streams[stream]);
    }

    fn tick_progress(&mut self, stream: &str) {
        self.hub.tick_progress(self.streams[stream]);
    }

    fn receive(&mut self, stream: &str) -> Vec<WatchResponse> {
        let stream = self.streams[stream];
        let mut received = Vec::new();
        loop {
            match self.hub.poll(stream) {
                Poll::Response(response) => received.push(response),
                Poll::CatchUp(catch_up) => {
                    let caught_up = catch_up.run(&self.machine.view());
                    self.hub.caught_up(caught_up);
                }
                Poll::Empty => return received,
            }
        }
    }
}
