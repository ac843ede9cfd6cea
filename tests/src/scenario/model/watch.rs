//! Watches as the contract tells of them (api.md §6), for someone who reads each stream to its end
//! before anything else happens: then every watcher is up to date at all times.

use std::collections::BTreeMap;

use quorate_core::{
    kv::{Event, KeyRange},
    watch::{CreateRequest, NO_WATCH_ID, WatchResponse},
};
use quorate_model::Model;

use crate::scenario::wire_size::event_bytes;

/// Most revisions in one response about the past (corner case 88).
const REPLAY_REVISIONS_MAX: usize = 1000;

/// Bytes of a response apart from its events, about.
const RESPONSE_BYTES: usize = 64;

/// One stream.
#[derive(Default)]
pub(super) struct Stream {
    /// What no one has read yet.
    waiting: Vec<WatchResponse>,
    watchers: BTreeMap<i64, Watcher>,
    next_id: i64,
}

struct Watcher {
    request: CreateRequest,
    /// Whether compaction has cancelled it; its id stays taken.
    is_compacted: bool,
    /// Whether it was told anything since the last tick.
    is_active: bool,
}

impl Stream {
    pub(super) fn receive(&mut self) -> Vec<WatchResponse> {
        std::mem::take(&mut self.waiting)
    }

    pub(super) fn refuse(&mut self, reason: &str, revision: i64) {
        self.waiting.push(WatchResponse {
            watch_id: NO_WATCH_ID,
            revision,
            created: true,
            canceled: true,
            cancel_reason: reason.to_owned(),
            ..WatchResponse::default()
        });
    }

    pub(super) fn create(&mut self, mut request: CreateRequest, model: &Model, part_bytes: usize) {
        let revision = model.revision();
        if request.start_revision < 0 {
            let reason = "etcdserver: mvcc: required revision has been compacted";
            return self.refuse(reason, revision);
        }
        if request.range.start().is_empty() {
            request.range = from_the_first_key(&request.range);
        }
        if request.range.is_empty() {
            return self.refuse("mvcc: watcher range is empty", revision);
        }
        if request.watch_id != 0 && self.watchers.contains_key(&request.watch_id) {
            let reason = "mvcc: duplicate watch ID provided on the WatchStream";
            return self.refuse(reason, revision);
        }
        if request.watch_id == 0 {
            while self.watchers.contains_key(&self.next_id) {
                self.next_id += 1;
            }
            request.watch_id = self.next_id;
            self.next_id += 1;
        }
        self.waiting.push(WatchResponse {
            watch_id: request.watch_id,
            revision,
            created: true,
            ..WatchResponse::default()
        });
        self.add(request, model, part_bytes);
    }

    /// Adds a watcher and tells it the past that it asked for.
    fn add(&mut self, request: CreateRequest, model: &Model, part_bytes: usize) {
        let compacted = model.compact_revision();
        let from = match request.start_revision {
            0 => model.revision() + 1,
            start_revision => start_revision,
        };
        let mut watcher = Watcher {
            is_compacted: from < compacted,
            is_active: false,
            request,
        };
        if watcher.is_compacted {
            self.waiting.push(WatchResponse {
                watch_id: watcher.request.watch_id,
                canceled: true,
                compact_revision: compacted,
                ..WatchResponse::default()
            });
        } else {
            let history = model.history(from);
            let history = history.expect("what is not compacted can be read");
            let past = history.iter().map(|(_, events)| watcher.wanted(events));
            let past: Vec<_> = past.filter(|events| !events.is_empty()).collect();
            for events in past.chunks(REPLAY_REVISIONS_MAX) {
                let responses = watcher.tell(model.revision(), events.concat(), part_bytes);
                self.waiting.extend(responses);
            }
        }
        self.watchers.insert(watcher.request.watch_id, watcher);
    }

    pub(super) fn cancel(&mut self, watch_id: i64, revision: i64) {
        if self.watchers.remove(&watch_id).is_some() {
            self.waiting.push(WatchResponse {
                watch_id,
                revision,
                canceled: true,
                ..WatchResponse::default()
            });
        }
    }

    /// All events of a new revision.
    pub(super) fn publish(&mut self, revision: i64, events: &[Event], part_bytes: usize) {
        for watcher in self.watchers.values_mut() {
            let wanted = watcher.wanted(events);
            if watcher.is_live(revision) && !wanted.is_empty() {
                self.waiting
                    .extend(watcher.tell(revision, wanted, part_bytes));
            }
        }
    }

    pub(super) fn request_progress(&mut self, revision: i64) {
        let watchers = self.watchers.values();
        let watchers: Vec<_> = watchers.filter(|watcher| !watcher.is_compacted).collect();
        let all_live = watchers.iter().all(|watcher| watcher.is_live(revision));
        if all_live && !watchers.is_empty() {
            self.waiting.push(progress(NO_WATCH_ID, revision));
        }
    }

    pub(super) fn tick_progress(&mut self, revision: i64) {
        for (id, watcher) in &mut self.watchers {
            let was_active = std::mem::take(&mut watcher.is_active);
            if watcher.request.progress_notify && watcher.is_live(revision) && !was_active {
                self.waiting.push(progress(*id, revision));
            }
        }
    }
}

impl Watcher {
    fn is_live(&self, revision: i64) -> bool {
        !self.is_compacted && self.request.start_revision <= revision
    }

    /// Those of the events that it asked for, as it asked for them.
    fn wanted(&self, events: &[Event]) -> Vec<Event> {
        let request = &self.request;
        let mut wanted = events.to_vec();
        wanted.retain(|event| request.range.contains(event.key()));
        wanted.retain(|event| match event {
            Event::Put { .. } => !request.no_put,
            Event::Delete { .. } => !request.no_delete,
        });
        for event in &mut wanted {
            let (Event::Put { prev, .. } | Event::Delete { prev, .. }) = event;
            if !request.prev_kv {
                *prev = None;
            }
        }
        wanted
    }

    /// One response, or several if it asked for fragments and they are large.
    fn tell(&mut self, revision: i64, events: Vec<Event>, part_bytes: usize) -> Vec<WatchResponse> {
        self.is_active = true;
        let mut parts = vec![Vec::new()];
        let mut bytes = RESPONSE_BYTES;
        for event in events {
            let event_bytes = event_bytes(&event);
            let part = parts.last_mut().expect("there is always one");
            if self.request.fragment && !part.is_empty() && bytes + event_bytes >= part_bytes {
                parts.push(vec![event]);
                bytes = RESPONSE_BYTES + event_bytes;
            } else {
                part.push(event);
                bytes += event_bytes;
            }
        }
        let last = parts.len() - 1;
        let responses = parts
            .into_iter()
            .zip(0..)
            .map(|(events, at)| WatchResponse {
                watch_id: self.request.watch_id,
                revision,
                fragment: at < last,
                events,
                ..WatchResponse::default()
            });
        responses.collect()
    }
}

fn progress(watch_id: i64, revision: i64) -> WatchResponse {
    WatchResponse {
        watch_id,
        revision,
        ..WatchResponse::default()
    }
}

/// The same keys, with a first key.
fn from_the_first_key(range: &KeyRange) -> KeyRange {
    let start = b"\0".as_slice().into();
    match range {
        KeyRange::Key(_) => KeyRange::Key(start),
        KeyRange::From(_) => KeyRange::From(start),
        KeyRange::Range { end, .. } => KeyRange::Range {
            start,
            end: end.clone(),
        },
    }
}
