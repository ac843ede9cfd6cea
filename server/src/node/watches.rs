//! The watch hub, and the streams that are woken when it has something for them.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use quorate_core::{
    View,
    kv::Event,
    limits::WatchLimits,
    watch::{CreateRequest, Hub, Poll, StreamId, WatchResponse},
};
use tokio::sync::Notify;

use super::event_size::encoded_bytes;
use crate::replica::Replica;

/// All watch streams of this member.
pub(crate) struct Watches(Mutex<Inner>);

struct Inner {
    hub: Hub,
    wakers: BTreeMap<StreamId, Arc<Notify>>,
    closed: bool,
}

impl Inner {
    fn wake(&self, streams: Vec<StreamId>) {
        for stream in streams {
            if let Some(waker) = self.wakers.get(&stream) {
                waker.notify_one();
            }
        }
    }
}

impl Watches {
    /// For a state at `revision`.
    pub(crate) fn new(limits: WatchLimits, revision: i64) -> Self {
        let hub = Hub::new(limits, encoded_bytes, revision);
        Self(Mutex::new(Inner {
            hub,
            wakers: BTreeMap::new(),
            closed: false,
        }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// See [`Replica::validate`].
    pub(crate) fn validate(&self) {
        let holds = self.inner().hub.invariant_all();
        assert_eq!(holds, Ok(()), "the watchers");
    }

    /// Number of streams, of watchers, and of responses that wait to be sent.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        self.inner().hub.load()
    }

    /// Hands the events of one applied revision to their watchers.
    pub(crate) fn publish(&self, revision: i64, events: &Arc<[Event]>) {
        let mut inner = self.inner();
        let streams = inner.hub.publish(revision, events);
        inner.wake(streams);
    }

    /// The state has moved to `revision` by a checkpoint, without events: watchers catch up from
    /// its history.
    pub(crate) fn restored(&self, revision: i64) {
        let mut inner = self.inner();
        let streams = inner.hub.restored(revision);
        inner.wake(streams);
    }

    /// Ends all streams.
    pub(crate) fn close(&self) {
        let mut inner = self.inner();
        inner.closed = true;
        inner.wakers.values().for_each(|waker| waker.notify_one());
    }
}

/// One client's watch stream. Dropping it ends its watchers.
pub struct WatchStream {
    replica: Arc<Replica>,
    id: StreamId,
    waker: Arc<Notify>,
}

impl WatchStream {
    pub(crate) fn open(replica: Arc<Replica>) -> Self {
        let waker = Arc::new(Notify::new());
        let id = {
            let mut inner = replica.watches.inner();
            let id = inner.hub.open();
            inner.wakers.insert(id, waker.clone());
            id
        };
        Self { replica, id, waker }
    }

    /// Creates a watcher; [`next`](Self::next) says what became of it.
    pub fn create(&self, request: CreateRequest) {
        // The hub first, then the state, as in `publish`: an entry that is applied in between is
        // published after this and finds the watcher.
        let mut inner = self.replica.watches.inner();
        let (revision, compacted) = self
            .replica
            .with_state(|state| (state.revision(), state.compact_revision()));
        inner.hub.create(self.id, request, revision, compacted);
        self.waker.notify_one();
    }

    /// Puts a refusal that was found before the hub was asked in its place on the stream.
    pub fn refuse(&self, reason: String) {
        let revision = self.replica.with_state(|state| state.revision());
        self.replica
            .watches
            .inner()
            .hub
            .refuse(self.id, reason, revision);
        self.waker.notify_one();
    }

    /// Ends a watcher; unknown ids are ignored, as etcd does.
    pub fn cancel(&self, watch_id: i64) {
        self.replica.watches.inner().hub.cancel(self.id, watch_id);
        self.waker.notify_one();
    }

    /// Asks how far the whole stream has come.
    pub fn request_progress(&self) {
        self.replica.watches.inner().hub.request_progress(self.id);
        self.waker.notify_one();
    }

    /// The stream's progress timer has fired: watchers that asked for it are told how far they are.
    pub fn tick_progress(&self) {
        self.replica.watches.inner().hub.tick_progress(self.id);
        self.waker.notify_one();
    }

    /// Whether so many answers wait that the client's next requests should wait too.
    pub fn is_congested(&self) -> bool {
        self.replica.watches.inner().hub.is_congested(self.id)
    }

    /// The next response, waiting for one if need be. `None` once the server stops.
    pub async fn next(&self) -> Option<WatchResponse> {
        loop {
            let poll = {
                let mut inner = self.replica.watches.inner();
                if inner.closed {
                    return None;
                }
                inner.hub.poll(self.id)
            };
            match poll {
                Poll::Response(response) => return Some(response),
                Poll::CatchUp(job) => {
                    let view: View = self.replica.view();
                    let result = job.run(&view);
                    self.replica.watches.inner().hub.caught_up(result);
                    // Scans are long: let others run between two pieces of one.
                    tokio::task::yield_now().await;
                }
                Poll::Empty => self.waker.notified().await,
            }
        }
    }
}

impl Drop for WatchStream {
    fn drop(&mut self) {
        let mut inner = self.replica.watches.inner();
        inner.hub.close(self.id);
        inner.wakers.remove(&self.id);
    }
}
