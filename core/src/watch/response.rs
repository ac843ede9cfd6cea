//! What a stream sends to its client.

use std::collections::VecDeque;

use crate::kv::Event;

/// The `watch_id` of responses that belong to no watcher: refusals and answers to a request for
/// progress.
pub const NO_WATCH_ID: i64 = -1;

/// Encoded bytes of a response apart from its events: never less than the wire needs.
const RESPONSE_BYTES: usize = 64;

/// One message on a watch stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WatchResponse {
    /// The watcher, or [`NO_WATCH_ID`].
    pub watch_id: i64,
    /// Revision for the header: of the events where they are live, else the store's. 0 where
    /// compaction has cancelled the watcher.
    pub revision: i64,
    /// Answers a create request.
    pub created: bool,
    /// The watcher is no more, or was refused.
    pub canceled: bool,
    /// The compacted revision that has cancelled the watcher, else 0.
    pub compact_revision: i64,
    /// Why the watcher was refused, else empty.
    pub cancel_reason: String,
    /// Further events of the same batch follow in the watcher's next response.
    pub fragment: bool,
    /// The events, by revision, then in the order in which they happened.
    pub events: Vec<Event>,
}

impl WatchResponse {
    pub(super) fn created(watch_id: i64, revision: i64) -> Self {
        Self {
            watch_id,
            revision,
            created: true,
            ..Self::default()
        }
    }

    pub(super) fn refused(cancel_reason: String, revision: i64) -> Self {
        Self {
            canceled: true,
            cancel_reason,
            ..Self::created(NO_WATCH_ID, revision)
        }
    }

    pub(super) fn canceled(watch_id: i64, revision: i64) -> Self {
        Self {
            watch_id,
            revision,
            canceled: true,
            ..Self::default()
        }
    }

    pub(super) fn compacted(watch_id: i64, compact_revision: i64) -> Self {
        Self {
            compact_revision,
            ..Self::canceled(watch_id, 0)
        }
    }

    pub(super) fn progress(watch_id: i64, revision: i64) -> Self {
        Self {
            watch_id,
            revision,
            ..Self::default()
        }
    }

    pub(super) fn events(watch_id: i64, revision: i64, events: Vec<Event>) -> Self {
        Self {
            watch_id,
            revision,
            events,
            ..Self::default()
        }
    }

    /// Splits a response of `bytes_max` encoded bytes or more into responses below that, as far as
    /// single events allow; all but the last say that more follows.
    pub(super) fn split(
        mut self,
        bytes_max: usize,
        encoded_bytes: fn(&Event) -> usize,
    ) -> VecDeque<Self> {
        let whole = RESPONSE_BYTES + self.events.iter().map(encoded_bytes).sum::<usize>();
        if whole < bytes_max || self.events.len() < 2 {
            return VecDeque::from([self]);
        }
        let mut parts = VecDeque::new();
        let mut part = Vec::new();
        let mut part_bytes = RESPONSE_BYTES;
        for event in std::mem::take(&mut self.events) {
            let bytes = encoded_bytes(&event);
            if !part.is_empty() && part_bytes + bytes >= bytes_max {
                let events = std::mem::take(&mut part);
                parts.push_back(Self {
                    fragment: true,
                    events,
                    ..self.clone()
                });
                part_bytes = RESPONSE_BYTES;
            }
            part.push(event);
            part_bytes += bytes;
        }
        parts.push_back(Self {
            events: part,
            ..self
        });
        parts
    }
}
