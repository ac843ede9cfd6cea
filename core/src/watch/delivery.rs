//! How a watcher comes into the live set and leaves it, and how events get into its queue.

use super::{
    StreamId,
    batch::{Picked, Published, Replay},
    hub::Hub,
    stream::Queued,
    watcher::{Watcher, WatcherId},
};
use crate::{
    kv::Event,
    limits::WatchLimits,
    planted::{Bug, is_planted},
    probe,
};

impl Hub {
    /// Queues those events of `published` that were `picked` by their keys for a live watcher. Returns its stream if
    /// that has something to do now.
    pub(super) fn deliver(
        &mut self,
        id: WatcherId,
        published: &Published,
        picked: Picked,
    ) -> Option<StreamId> {
        let watcher = self
            .watchers
            .get_mut(&id)
            .expect("an indexed watcher exists");
        if !watcher.takes(published.revision) {
            return None;
        }
        let picked = picked.wanted(&published.events, &watcher.spec)?;
        let stream = self
            .streams
            .get_mut(&watcher.stream)
            .expect("a watcher has a stream");
        let bytes = published.bytes;
        if !watcher.has_room(bytes, &self.limits) || !stream.has_room(bytes, &self.limits) {
            if is_planted(Bug::SlowWatcherLosesEvent) {
                return None;
            }
            probe!(WatcherFallsBehind);
            return Some(self.fall_behind(id, published.revision));
        }
        watcher.queued_bytes += bytes;
        watcher.queued_responses += 1;
        stream.push(Queued::Live {
            to: watcher.recipient(id),
            published: published.clone(),
            picked,
        });
        Some(watcher.stream)
    }

    /// Takes a live watcher off the live set, because it was not given `revision`. Returns its
    /// stream.
    pub(super) fn fall_behind(&mut self, id: WatcherId, revision: i64) -> StreamId {
        let watcher = self.watchers.get_mut(&id).expect("a live watcher exists");
        watcher.fall_behind(revision);
        self.index.remove(&watcher.spec.range, id);
        let stream = watcher.stream;
        self.wait_if_drained(id);
        stream
    }

    /// Brings a watcher that is behind back into the live set, if the recent revisions suffice.
    pub(super) fn rejoin(&mut self, id: WatcherId) {
        let Some(watcher) = self.watchers.get_mut(&id) else {
            return;
        };
        let Some(next) = watcher.behind() else { return };
        let recent = if next <= self.published {
            self.recent.since(next)
        } else {
            None
        };
        let replayed = recent.map(|recent| replay_recent(recent, watcher, &self.limits));
        if let Some((replay, full_at)) = replayed {
            probe!(WatcherRejoins if !replay.events.is_empty());
            probe!(CatchUpInParts if full_at.is_some());
            watcher.advance(full_at.unwrap_or(self.published + 1));
            self.queue_replay(id, self.published, replay);
        }
        let watcher = self.watchers.get_mut(&id).expect("it was there before");
        if watcher.behind().is_some_and(|next| next > self.published) {
            watcher.join();
            self.index.insert(&watcher.spec.range, id);
        }
        self.wait_if_drained(id);
    }

    /// Queues past events, read when the store was at `revision`.
    pub(super) fn queue_replay(&mut self, id: WatcherId, revision: i64, replay: Replay) {
        if replay.events.is_empty() {
            return;
        }
        let watcher = self
            .watchers
            .get_mut(&id)
            .expect("a watcher in hand exists");
        let stream = self
            .streams
            .get_mut(&watcher.stream)
            .expect("a watcher has a stream");
        let Replay { events, bytes, .. } = replay;
        watcher.queued_bytes += bytes;
        watcher.queued_responses += 1;
        stream.push(Queued::Replay {
            to: watcher.recipient(id),
            revision,
            events,
            bytes,
        });
    }

    /// A watcher that is behind may start to catch up when all that it has queued is handed over:
    /// this bounds what waits for it.
    pub(super) fn wait_if_drained(&mut self, id: WatcherId) {
        let watcher = &self.watchers[&id];
        if watcher.behind().is_some() && watcher.queued_responses == 0 {
            let stream = self
                .streams
                .get_mut(&watcher.stream)
                .expect("a watcher has a stream");
            stream.waiting.push_back(id);
        }
    }
}

/// What `watcher`, which is behind, wants of the recent revisions; and the first of them that it
/// could not be given in one response.
fn replay_recent<'a>(
    recent: impl Iterator<Item = &'a Published>,
    watcher: &Watcher,
    limits: &WatchLimits,
) -> (Replay, Option<i64>) {
    let mut replay = Replay::default();
    let spec = &watcher.spec;
    for published in recent {
        let wanted = published.events.iter().filter(|event| spec.selects(event));
        let wanted: Vec<Event> = wanted.map(|event| spec.copy(event)).collect();
        if !wanted.is_empty() && !replay.add(wanted, limits) {
            return (replay, Some(published.revision));
        }
    }
    (replay, None)
}
