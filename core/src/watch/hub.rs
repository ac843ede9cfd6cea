//! All watchers of a member, and the way of each event to them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    StreamId,
    batch::Published,
    create::{CreateRequest, Refusal, Spec},
    index::Index,
    recent::Recent,
    response::WatchResponse,
    stream::{Queued, Stream},
    watcher::{Start, Watcher, WatcherId},
};
use crate::{
    hashed,
    kv::Event,
    limits::WatchLimits,
    planted::{Bug, is_planted},
    probe,
};

/// All watchers of a member. See [the module](super) for how to drive it.
#[derive(Debug)]
pub struct Hub {
    pub(super) limits: WatchLimits,
    pub(super) encoded_bytes: fn(&Event) -> usize,
    /// The last revision published: what "the store's revision" is to watchers.
    pub(super) published: i64,
    pub(super) recent: Recent,
    /// The live watchers.
    pub(super) index: Index,
    pub(super) streams: BTreeMap<StreamId, Stream>,
    pub(super) watchers: BTreeMap<WatcherId, Watcher>,
    next_stream: u64,
    next_watcher: u64,
}

impl Hub {
    /// A hub without streams, for a store at `revision`. `encoded_bytes` tells the bytes that an
    /// event adds to an encoded response.
    pub fn new(limits: WatchLimits, encoded_bytes: fn(&Event) -> usize, revision: i64) -> Self {
        Self {
            limits,
            encoded_bytes,
            published: revision,
            recent: Recent::default(),
            index: Index::new(hashed::MANY),
            streams: BTreeMap::new(),
            watchers: BTreeMap::new(),
            next_stream: 0,
            next_watcher: 0,
        }
    }

    /// Number of streams, of watchers, and of responses that wait to be sent.
    pub fn load(&self) -> (usize, usize, usize) {
        let queued = self.streams.values().map(Stream::load).sum();
        (self.streams.len(), self.watchers.len(), queued)
    }

    /// Opens a stream without watchers.
    pub fn open(&mut self) -> StreamId {
        let id = StreamId(self.next_stream);
        self.next_stream += 1;
        self.streams.insert(id, Stream::default());
        id
    }

    /// Closes a stream with all its watchers.
    pub fn close(&mut self, stream: StreamId) {
        let Some(closed) = self.streams.remove(&stream) else {
            return;
        };
        for id in closed.ids.into_values() {
            self.remove(id);
        }
    }

    /// Creates a watcher, and queues the created response or the refusal. `current_revision` and
    /// `compact_revision` (-1 for none) are the store's, read after the request has arrived.
    pub fn create(
        &mut self,
        stream: StreamId,
        request: CreateRequest,
        current_revision: i64,
        compact_revision: i64,
    ) {
        let Some(on) = self.streams.get_mut(&stream) else {
            return;
        };
        let assigned = Spec::check(&request).and_then(|spec| {
            let watch_id = on.assign_id(request.watch_id).ok_or(Refusal::DuplicateId)?;
            Ok((watch_id, spec))
        });
        let (watch_id, spec) = match assigned {
            Ok(assigned) => assigned,
            Err(refusal) => {
                return self.refuse(stream, refusal.reason().to_owned(), current_revision);
            }
        };
        let id = WatcherId(self.next_watcher);
        self.next_watcher += 1;
        on.ids.insert(watch_id, id);
        on.push(Queued::Answer(WatchResponse::created(
            watch_id,
            current_revision,
        )));
        let mut start = Start::new(request.start_revision, current_revision);
        if is_planted(Bug::WatchIgnoresCompaction) {
            start.next = start.next.max(compact_revision);
        }
        if is_planted(Bug::WatchSkipsCompactedRevision) && start.next == compact_revision {
            start.next += 1;
        }
        self.watchers
            .insert(id, Watcher::new(stream, watch_id, spec, start));
        probe!(WatchOfTheFuture if start.requested > current_revision + 1);
        if start.next < compact_revision {
            probe!(WatchBelowCompaction);
            self.cancel_compacted(id, compact_revision);
        } else if start.next == compact_revision {
            probe!(WatchFromCompaction);
            // The recent revisions still know what was before its changes; history does not.
            self.wait_if_drained(id);
        } else {
            self.rejoin(id);
        }
    }

    /// Queues the refusal of a create request for a reason that the caller has found, such as
    /// missing permission.
    pub fn refuse(&mut self, stream: StreamId, cancel_reason: String, current_revision: i64) {
        let Some(stream) = self.streams.get_mut(&stream) else {
            return;
        };
        stream.push(Queued::Answer(WatchResponse::refused(
            cancel_reason,
            current_revision,
        )));
    }

    /// Cancels a watcher: what is queued of its events precedes the response, and none follow.
    /// Without effect, and without a response, if the id is unknown.
    pub fn cancel(&mut self, stream: StreamId, watch_id: i64) {
        let Some(on) = self.streams.get_mut(&stream) else {
            return;
        };
        let Some(id) = on.ids.remove(&watch_id) else {
            return;
        };
        on.push(Queued::Answer(WatchResponse::canceled(
            watch_id,
            self.published,
        )));
        self.remove(id);
    }

    /// Whether so many answers wait on the stream that its next requests should wait too.
    pub fn is_congested(&self, stream: StreamId) -> bool {
        self.streams
            .get(&stream)
            .is_some_and(|stream| stream.is_congested(&self.limits))
    }

    /// Takes the events of one applied entry: all events of `revision`, in order. Returns the
    /// streams that have something to do now, each once, ascending.
    ///
    /// Call it for each revision, in order, before anyone hears of the entry. A jump is taken for
    /// a call of [`Self::restored`] up to the revision before.
    pub fn publish(&mut self, revision: i64, events: &Arc<[Event]>) -> Vec<StreamId> {
        if events.is_empty() || revision <= self.published {
            return Vec::new();
        }
        let mut woken = self.restored(revision - 1);
        let published = Published::new(revision, Arc::clone(events));
        self.published = revision;
        for (id, picked) in self.index.matches(events) {
            woken.extend(self.deliver(id, &published, picked));
        }
        self.recent.push(published, &self.limits);
        sorted(woken)
    }

    /// The store has got to `revision` without the revisions before it being published: a
    /// checkpoint took the place of its state. Live watchers catch up on what they missed.
    /// Returns the streams that have something to do now, each once, ascending.
    pub fn restored(&mut self, revision: i64) -> Vec<StreamId> {
        if revision <= self.published {
            return Vec::new();
        }
        let live = self
            .watchers
            .iter()
            .filter(|(_, watcher)| watcher.takes(revision));
        let live: Vec<WatcherId> = live.map(|(id, _)| *id).collect();
        let missed = self.published + 1;
        probe!(CheckpointUnderWatch if !live.is_empty());
        let live = match is_planted(Bug::WatchMissesCheckpoint) {
            true => Vec::new(),
            false => live,
        };
        self.published = revision;
        self.recent.clear();
        sorted(
            live.into_iter()
                .map(|id| self.fall_behind(id, missed))
                .collect(),
        )
    }

    /// Cancels a watcher whose history is gone. It keeps its id.
    pub(super) fn cancel_compacted(&mut self, id: WatcherId, compact_revision: i64) {
        let Some(watcher) = self.watchers.get_mut(&id) else {
            return;
        };
        let Some(stream) = self.streams.get_mut(&watcher.stream) else {
            return;
        };
        watcher.cancel_compacted();
        let response = WatchResponse::compacted(watcher.watch_id, compact_revision);
        stream.push(Queued::Answer(response));
    }

    /// Forgets a watcher. What it has queued is still sent, unless its stream is closed.
    fn remove(&mut self, id: WatcherId) {
        let Some(watcher) = self.watchers.remove(&id) else {
            return;
        };
        if watcher.is_live() {
            self.index.remove(&watcher.spec.range, id);
        }
    }
}

fn sorted(mut streams: Vec<StreamId>) -> Vec<StreamId> {
    streams.sort_unstable();
    streams.dedup();
    streams
}
