//! A hub with a store beside it: a plain list of revisions.

use std::{collections::BTreeMap, sync::Arc};

use bytes::Bytes;

use crate::{
    Error,
    kv::{Event, KeyRange, KeyValue},
    limits::WatchLimits,
    watch::{CatchUp, CreateRequest, History, Hub, Poll, Revisions, StreamId, WatchResponse},
};

/// Encoded bytes of each event, as far as these hubs know.
pub(super) const EVENT_ENCODED_BYTES: usize = 100;

/// The past, as a list. Stands in for a view.
#[derive(Clone, Default)]
pub(super) struct Log {
    pub(super) revisions: Vec<(i64, Arc<[Event]>)>,
    pub(super) compacted: i64,
}

impl History for Log {
    fn history(&self, from: i64) -> Result<Revisions<'_>, Error> {
        if from < self.compacted {
            return Err(Error::Compacted);
        }
        let revisions = self
            .revisions
            .iter()
            .filter(move |(revision, _)| *revision >= from);
        Ok(Box::new(revisions.cloned()))
    }

    fn revision(&self) -> i64 {
        self.revisions.last().map_or(1, |(revision, _)| *revision)
    }

    fn compact_revision(&self) -> i64 {
        self.compacted
    }
}

/// A change of one key.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change<'a> {
    Put(&'a str),
    Delete(&'a str),
}

/// A member's hub and store.
pub(super) struct Member {
    pub(super) hub: Hub,
    pub(super) log: Log,
    keys: BTreeMap<Bytes, KeyValue>,
}

impl Member {
    pub(super) fn new(limits: WatchLimits) -> Self {
        let log = Log {
            revisions: Vec::new(),
            compacted: -1,
        };
        let hub = Hub::new(limits, |_| EVENT_ENCODED_BYTES, log.revision());
        Self {
            hub,
            log,
            keys: BTreeMap::new(),
        }
    }

    /// One revision with these changes, applied and published.
    pub(super) fn write(&mut self, changes: &[Change<'_>]) -> Vec<StreamId> {
        let (revision, events) = self.apply(changes);
        self.hub.publish(revision, &events)
    }

    pub(super) fn put(&mut self, key: &str) -> Vec<StreamId> {
        self.write(&[Change::Put(key)])
    }

    pub(super) fn delete(&mut self, key: &str) -> Vec<StreamId> {
        self.write(&[Change::Delete(key)])
    }

    /// One revision with these changes, applied but not published.
    pub(super) fn apply(&mut self, changes: &[Change<'_>]) -> (i64, Arc<[Event]>) {
        let revision = self.log.revision() + 1;
        let events: Arc<[Event]> = changes
            .iter()
            .map(|change| self.change(revision, *change))
            .collect();
        self.log.revisions.push((revision, Arc::clone(&events)));
        (revision, events)
    }

    fn change(&mut self, revision: i64, change: Change<'_>) -> Event {
        match change {
            Change::Put(key) => {
                let key = Bytes::copy_from_slice(key.as_bytes());
                let prev = self.keys.get(&key).cloned();
                let kv = KeyValue {
                    key: key.clone(),
                    create_revision: prev.as_ref().map_or(revision, |prev| prev.create_revision),
                    mod_revision: revision,
                    version: prev.as_ref().map_or(1, |prev| prev.version + 1),
                    value: Bytes::from(revision.to_string()),
                    lease: None,
                };
                self.keys.insert(key, kv.clone());
                Event::Put { kv, prev }
            }
            Change::Delete(key) => {
                let key = Bytes::copy_from_slice(key.as_bytes());
                let prev = self.keys.remove(&key);
                Event::Delete {
                    key,
                    mod_revision: revision,
                    prev,
                }
            }
        }
    }

    pub(super) fn compact(&mut self, revision: i64) {
        self.log.compacted = revision;
        self.log.revisions.retain(|(old, _)| *old >= revision);
    }

    pub(super) fn create(&mut self, stream: StreamId, request: CreateRequest) {
        self.hub
            .create(stream, request, self.log.revision(), self.log.compacted);
    }

    /// All that the stream has to say, catch-ups included.
    pub(super) fn drain(&mut self, stream: StreamId) -> Vec<WatchResponse> {
        let mut responses = Vec::new();
        loop {
            assert_eq!(self.hub.invariant_all(), Ok(()));
            match self.hub.poll(stream) {
                Poll::Response(response) => responses.push(response),
                Poll::CatchUp(catch_up) => self.hub.caught_up(catch_up.run(&self.log)),
                Poll::Empty => return responses,
            }
        }
    }

    /// [`Self::drain`] in short.
    pub(super) fn drain_text(&mut self, stream: StreamId) -> Vec<String> {
        self.drain(stream).iter().map(text).collect()
    }

    /// The next response, where one is due.
    pub(super) fn response(&mut self, stream: StreamId) -> WatchResponse {
        match self.hub.poll(stream) {
            Poll::Response(response) => response,
            other => panic!("a response is due, not {other:?}"),
        }
    }

    /// The next catch-up, where one is due.
    pub(super) fn catch_up(&mut self, stream: StreamId) -> CatchUp {
        match self.hub.poll(stream) {
            Poll::CatchUp(catch_up) => catch_up,
            other => panic!("a catch-up is due, not {other:?}"),
        }
    }
}

/// A watch of every key from now on.
pub(super) fn all() -> CreateRequest {
    CreateRequest {
        range: KeyRange::From(Bytes::from_static(b"\0")),
        start_revision: 0,
        progress_notify: false,
        no_put: false,
        no_delete: false,
        prev_kv: false,
        watch_id: 0,
        fragment: false,
    }
}

/// A watch of one key from now on.
pub(super) fn key(key: &'static str) -> CreateRequest {
    CreateRequest {
        range: KeyRange::Key(Bytes::from(key)),
        ..all()
    }
}

/// A watch of `[start, end)` from now on.
pub(super) fn range(start: &'static str, end: &'static str) -> CreateRequest {
    CreateRequest {
        range: KeyRange::from_wire(Bytes::from(start), Bytes::from(end)),
        ..all()
    }
}

/// A response in one line: `id@header: what`.
pub(super) fn text(response: &WatchResponse) -> String {
    let mut line = format!("{}@{}:", response.watch_id, response.revision);
    for (flag, word) in [
        (response.created, " created"),
        (response.canceled, " canceled"),
        (response.fragment, " fragment"),
    ] {
        line += if flag { word } else { "" };
    }
    if response.compact_revision != 0 {
        line += &format!(" compacted={}", response.compact_revision);
    }
    if !response.cancel_reason.is_empty() {
        line += &format!(" \"{}\"", response.cancel_reason);
    }
    for event in &response.events {
        let (sign, prev) = match event {
            Event::Put { prev, .. } => ('+', prev),
            Event::Delete { prev, .. } => ('-', prev),
        };
        let name = String::from_utf8_lossy(event.key());
        line += &format!(" {sign}{name}@{}", event.mod_revision());
        if let Some(prev) = prev {
            line += &format!("<{}", prev.mod_revision);
        }
    }
    line
}
