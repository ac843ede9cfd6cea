//! What a stream has to do next: send a response, or catch up.

use std::sync::Arc;

use super::{
    StreamId,
    catch_up::{CatchUp, CaughtUp, Found, Lagging},
    hub::Hub,
    response::WatchResponse,
    stream::Queued,
};

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
}
