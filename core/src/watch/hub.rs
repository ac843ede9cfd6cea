//! All watchers of a member, and the way of each event to them.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    StreamId,
    batch::Published,
    catch_up::{CatchUp, CaughtUp, Found, Lagging},
    create::{CreateRequest, Refusal, Spec},
    index::Index,
    recent::Recent,
    response::{NO_WATCH_ID, WatchResponse},
    stream::{Queued, Stream},
    watcher::{Start, Watcher, WatcherId},
};
use crate::{kv::Event, limits::WatchLimits};

/// All watchers of a member. See [the module](super) for how to drive it.
#[derive(Debug)]
pub struct Hub {
    pub(super) limits: WatchLimits,
    encoded_bytes: fn(&Event) -> usize,
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

/// What a stream has to do next.
#[derive(Debug)]
pub enum Poll {
    /// Send this.
    Response(WatchResponse),
    /// Run this with a fresh view, without the hub's lock, and give the result to
    /// [`Hub::caught_up`].
    CatchUp(CatchUp),
    /// Nothing until the stream is named by [`Hub::publish`] or [`Hub::restored`], or is used.
    Empty,
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
            index: Index::default(),
            streams: BTreeMap::new(),
            watchers: BTreeMap::new(),
            next_stream: 0,
            next_watcher: 0,
        }
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
        let start = Start::new(request.start_revision, current_revision);
        self.watchers
            .insert(id, Watcher::new(stream, watch_id, spec, start));
        if start.next < compact_revision {
            self.cancel_compacted(id, compact_revision);
        } else if start.next == compact_revision {
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

    /// Queues a response saying that all events up to its revision have been delivered on this
    /// stream; or nothing, if a watcher is behind or has not reached its start revision, or if
    /// there is none. Watchers that compaction has cancelled do not count.
    pub fn request_progress(&mut self, stream: StreamId) {
        let Some(on) = self.streams.get_mut(&stream) else {
            return;
        };
        let watchers = on.ids.values().map(|id| &self.watchers[id]);
        let mut watchers = watchers
            .filter(|watcher| !watcher.is_compacted())
            .peekable();
        let any = watchers.peek().is_some();
        if any && watchers.all(|watcher| watcher.has_reached(self.published)) {
            on.push(Queued::Answer(WatchResponse::progress(
                NO_WATCH_ID,
                self.published,
            )));
        }
    }

    /// The stream's progress timer: queues a response for each watcher that asked for it, has
    /// reached the store's revision and was given no event since the tick before.
    pub fn tick_progress(&mut self, stream: StreamId) {
        let Some(on) = self.streams.get_mut(&stream) else {
            return;
        };
        let ids: Vec<WatcherId> = on.ids.values().copied().collect();
        for id in ids {
            let watcher = self
                .watchers
                .get_mut(&id)
                .expect("a stream's watchers exist");
            let idle = !std::mem::take(&mut watcher.active)
                && watcher.queued_responses == 0
                && !watcher.progress_queued;
            if watcher.spec.progress_notify && idle && watcher.has_reached(self.published) {
                watcher.progress_queued = true;
                on.push(Queued::Progress {
                    to: watcher.recipient(id),
                    revision: self.published,
                });
            }
        }
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
        for matches in self
            .index
            .matches(events)
            .chunk_by(|one, next| one.0 == next.0)
        {
            let positions = matches.iter().map(|(_, position)| *position);
            woken.extend(self.deliver(matches[0].0, &published, positions));
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
        self.published = revision;
        self.recent.clear();
        sorted(
            live.into_iter()
                .map(|id| self.fall_behind(id, missed))
                .collect(),
        )
    }

    /// What the stream has to do next. Poll it until [`Poll::Empty`].
    pub fn poll(&mut self, stream: StreamId) -> Poll {
        let Some(on) = self.streams.get_mut(&stream) else {
            return Poll::Empty;
        };
        if let Some(part) = on.parts.pop_front() {
            return Poll::Response(part);
        }
        if on.is_catch_up_next(&self.limits)
            && let Some(catch_up) = self.start_catch_up(stream)
        {
            return Poll::CatchUp(catch_up);
        }
        match self.pop(stream) {
            Some(queued) => Poll::Response(self.hand_over(stream, queued)),
            None => Poll::Empty,
        }
    }

    /// Takes back a catch-up that has run. Its stream has something to do afterwards.
    pub fn caught_up(&mut self, result: CaughtUp) {
        for (id, found) in result.found {
            let Some(watcher) = self.watchers.get_mut(&id) else {
                continue;
            };
            match found {
                Found::Compacted { compact_revision } => {
                    self.cancel_compacted(id, compact_revision);
                }
                Found::Events { replay, next } => {
                    if watcher.finish_catch_up(next) {
                        self.queue_replay(id, result.revision, replay);
                        self.rejoin(id);
                    }
                }
            }
        }
    }

    /// A catch-up for the watcher that has waited longest, and for those among the next that are
    /// ahead of it by no more than one pass reads.
    fn start_catch_up(&mut self, stream: StreamId) -> Option<CatchUp> {
        let on = self.streams.get_mut(&stream)?;
        let mut reach = None;
        let mut watchers = Vec::new();
        let mut others = Vec::new();
        while watchers.len() + others.len() < self.limits.catch_up_watchers_max.max(1) {
            let Some(id) = on.waiting.pop_front() else {
                break;
            };
            let Some(watcher) = self.watchers.get_mut(&id) else {
                continue;
            };
            let Some(next) = watcher.behind() else {
                continue;
            };
            let events_max = i64::try_from(self.limits.catch_up_events_max).unwrap_or(i64::MAX);
            let reach = reach.get_or_insert(next..=next.saturating_add(events_max));
            if reach.contains(&next) && watcher.start_catch_up().is_some() {
                watchers.push(Lagging {
                    watcher: id,
                    spec: Arc::clone(&watcher.spec),
                    next,
                });
            } else {
                others.push(id);
            }
        }
        others
            .into_iter()
            .rev()
            .for_each(|id| on.waiting.push_front(id));
        on.responses_first = true;
        (!watchers.is_empty()).then_some(CatchUp {
            watchers,
            limits: self.limits,
        })
    }

    fn pop(&mut self, stream: StreamId) -> Option<Queued> {
        let on = self.streams.get_mut(&stream)?;
        on.responses_first = false;
        on.pop()
    }

    /// Turns a queued item into the response to send now.
    fn hand_over(&mut self, stream: StreamId, queued: Queued) -> WatchResponse {
        let bytes = queued.bytes();
        let (to, revision, events) = match queued {
            Queued::Answer(response) => return response,
            Queued::Progress { to, revision } => {
                if let Some(watcher) = self.watchers.get_mut(&to.id) {
                    watcher.progress_queued = false;
                }
                return WatchResponse::progress(to.watch_id, revision);
            }
            Queued::Live {
                to,
                published,
                picked,
            } => {
                let events = picked.copy(&published.events, &to.spec);
                (to, published.revision, events)
            }
            Queued::Replay {
                to,
                revision,
                events,
                ..
            } => (to, revision, events),
        };
        if let Some(watcher) = self.watchers.get_mut(&to.id) {
            watcher.queued_bytes -= bytes;
            watcher.queued_responses -= 1;
            watcher.active = true;
            self.wait_if_drained(to.id);
        }
        let response = WatchResponse::events(to.watch_id, revision, events);
        if !to.spec.fragment {
            return response;
        }
        let mut parts = response.split(self.limits.fragment_bytes, self.encoded_bytes);
        let first = parts.pop_front().expect("a response is at least one part");
        self.streams
            .get_mut(&stream)
            .expect("the stream that was polled")
            .parts = parts;
        first
    }

    /// Cancels a watcher whose history is gone. It keeps its id.
    fn cancel_compacted(&mut self, id: WatcherId, compact_revision: i64) {
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
