//! What a client asks for when it creates a watcher, and why it may be refused.

use bytes::Bytes;

use crate::{
    kv::{Event, KeyRange, KeyValue},
    planted::{Bug, is_planted},
};

/// A request for a watcher (contract api.md §6). Permissions are the caller's to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateRequest {
    /// The keys to watch. An empty first key stands for `"\0"`.
    pub range: KeyRange,
    /// First revision to deliver; 0 for the one after the store's.
    pub start_revision: i64,
    /// Whether the watcher is told the revision it has reached when it is idle.
    pub progress_notify: bool,
    /// Leave puts out.
    pub no_put: bool,
    /// Leave deletes out.
    pub no_delete: bool,
    /// Deliver the state before each change.
    pub prev_kv: bool,
    /// The id to use on this stream, or 0 to have one assigned.
    pub watch_id: i64,
    /// Split large responses.
    pub fragment: bool,
}

/// Why no watcher was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NegativeStartRevision,
    EmptyRange,
    DuplicateId,
}

impl Refusal {
    /// The `cancel_reason` that clients see.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::NegativeStartRevision => "etcdserver: mvcc: required revision has been compacted",
            Self::EmptyRange => "mvcc: watcher range is empty",
            Self::DuplicateId => "mvcc: duplicate watch ID provided on the WatchStream",
        }
    }
}

/// Which events a watcher wants, and in which form. Shared with catch-ups that are under way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spec {
    pub(super) range: KeyRange,
    pub(super) no_put: bool,
    pub(super) no_delete: bool,
    pub(super) prev_kv: bool,
    pub(super) fragment: bool,
    pub(super) progress_notify: bool,
}

impl Spec {
    /// The watcher's part of a request, if what it says by itself is in order.
    pub(super) fn check(request: &CreateRequest) -> Result<Self, Refusal> {
        if request.start_revision < 0 {
            return Err(Refusal::NegativeStartRevision);
        }
        let range = own(&request.range);
        if let KeyRange::Range { start, end } = &range
            && start >= end
        {
            return Err(Refusal::EmptyRange);
        }
        Ok(Self {
            range,
            no_put: request.no_put,
            no_delete: request.no_delete,
            prev_kv: request.prev_kv,
            fragment: request.fragment,
            progress_notify: request.progress_notify,
        })
    }

    /// Whether the filters let `event` through; its key is not looked at.
    fn admits(&self, event: &Event) -> bool {
        let (no_put, no_delete) = match is_planted(Bug::FilterInverted) {
            true => (self.no_delete, self.no_put),
            false => (self.no_put, self.no_delete),
        };
        match event {
            Event::Put { .. } => !no_put,
            Event::Delete { .. } => !no_delete,
        }
    }

    /// Whether the watcher wants `event`.
    pub(super) fn selects(&self, event: &Event) -> bool {
        self.admits(event) && self.range.contains(event.key())
    }

    /// `event` as the watcher gets it.
    pub(super) fn copy(&self, event: &Event) -> Event {
        let is_shown = self.prev_kv && !is_planted(Bug::PrevKvMissing);
        let shown = |prev: &Option<KeyValue>| if is_shown { prev.clone() } else { None };
        match event {
            Event::Put { kv, prev } => Event::Put {
                kv: kv.clone(),
                prev: shown(prev),
            },
            Event::Delete {
                key,
                mod_revision,
                prev,
            } => Event::Delete {
                key: key.clone(),
                mod_revision: *mod_revision,
                prev: shown(prev),
            },
        }
    }
}

/// `range` with an empty first key as `"\0"`, in memory of its own: a watcher may live for months
/// and must not hold on to the buffer that its request came in.
fn own(range: &KeyRange) -> KeyRange {
    let start = match range.start().as_ref() {
        [] => Bytes::from_static(b"\0"),
        start => Bytes::copy_from_slice(start),
    };
    match range {
        KeyRange::Key(_) => KeyRange::Key(start),
        KeyRange::Range { end, .. } => KeyRange::Range {
            start,
            end: Bytes::copy_from_slice(end),
        },
        KeyRange::From(_) => KeyRange::From(start),
    }
}
