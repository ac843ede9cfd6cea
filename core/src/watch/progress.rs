//! Responses that say how far a stream, or a watcher on it, has come.

use super::{
    StreamId,
    hub::Hub,
    response::{NO_WATCH_ID, WatchResponse},
    stream::Queued,
    watcher::WatcherId,
};
use crate::{
    planted::{Bug, is_planted},
    probe,
};

impl Hub {
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
        let are_there = watchers.all(|watcher| watcher.has_reached(self.published));
        probe!(ProgressHeldBack if any && !are_there);
        if any && (are_there || is_planted(Bug::ProgressAhead)) {
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
}
