//! A watch client that knows the whole history and believes nothing.

use std::collections::{BTreeMap, VecDeque};

use quorate_core::{
    kv::{Event, KeyRange},
    limits::WatchLimits,
    watch::{CreateRequest, NO_WATCH_ID, WatchResponse},
};

use crate::{
    Model,
    model::{is_inside, watched, without_prev},
};

/// One stream as its client sees it.
pub(super) struct Client {
    limits: WatchLimits,
    /// Ids in use, as the requests that were sent leave them.
    ids: Vec<i64>,
    next_id: i64,
    /// Answers that are still to come, in the order of the requests.
    due: VecDeque<Due>,
    /// Watchers whose creation was answered.
    open: BTreeMap<i64, Watch>,
}

struct Due {
    response: WatchResponse,
    /// The watcher that begins with it.
    creates: Option<Watch>,
}

struct Watch {
    request: CreateRequest,
    /// The first revision whose events are not yet checked.
    next: i64,
    /// Events from there on.
    seen: Vec<Event>,
    /// The compact revision, if it was above the start when the request was sent.
    doomed: Option<i64>,
    canceled: bool,
}

impl Client {
    pub(super) fn new(limits: WatchLimits) -> Self {
        Self {
            limits,
            ids: Vec::new(),
            next_id: 0,
            due: VecDeque::new(),
            open: BTreeMap::new(),
        }
    }

    /// The client sends a create request.
    pub(super) fn ask(&mut self, mut request: CreateRequest, model: &Model) {
        let revision = model.revision();
        request.range = watched(&request.range);
        let mut response = WatchResponse {
            watch_id: NO_WATCH_ID,
            revision,
            created: true,
            ..WatchResponse::default()
        };
        let mut creates = None;
        match self.assign_id(&request) {
            Err(reason) => {
                response.canceled = true;
                response.cancel_reason = reason.to_owned();
            }
            Ok(id) => {
                response.watch_id = id;
                self.ids.push(id);
                let next = match request.start_revision {
                    0 => revision + 1,
                    start => start,
                };
                let compacted = model.compact_revision();
                creates = Some(Watch {
                    request,
                    next,
                    seen: Vec::new(),
                    doomed: (next < compacted).then_some(compacted),
                    canceled: false,
                });
            }
        }
        self.due.push_back(Due { response, creates });
    }

    /// The id that the watcher gets, or why it is refused.
    fn assign_id(&mut self, request: &CreateRequest) -> Result<i64, &'static str> {
        if request.start_revision < 0 {
            return Err("etcdserver: mvcc: required revision has been compacted");
        }
        if matches!(&request.range, KeyRange::Range { start, end } if end <= start) {
            return Err("mvcc: watcher range is empty");
        }
        if self.ids.contains(&request.watch_id) && request.watch_id != 0 {
            return Err("mvcc: duplicate watch ID provided on the WatchStream");
        }
        if request.watch_id != 0 {
            return Ok(request.watch_id);
        }
        let id = (self.next_id..)
            .find(|id| !self.ids.contains(id))
            .expect("ids do not run out");
        self.next_id = id + 1;
        Ok(id)
    }

    /// The client sends a cancel request; there is no answer for an unknown id.
    pub(super) fn cancel(&mut self, id: i64, model: &Model) {
        if self.ids.contains(&id) {
            self.ids.retain(|other| *other != id);
            let response = WatchResponse {
                watch_id: id,
                revision: model.revision(),
                canceled: true,
                ..WatchResponse::default()
            };
            let creates = None;
            self.due.push_back(Due { response, creates });
        }
    }

    /// The stream has sent `response`.
    pub(super) fn receive(&mut self, response: &WatchResponse, model: &Model) {
        if response.created || (response.canceled && response.compact_revision == 0) {
            return self.receive_answer(response);
        }
        if response.watch_id == NO_WATCH_ID {
            assert_eq!(response.events, [], "progress without events");
            for watch in self.open.values_mut().filter(|watch| !watch.canceled) {
                watch.check_to(response.revision, model);
            }
            return;
        }
        let watch = self.open.get_mut(&response.watch_id);
        let watch = watch.unwrap_or_else(|| panic!("no watcher for {response:#?}"));
        assert!(!watch.canceled, "after the cancellation: {response:#?}");
        match response.canceled {
            true => watch.receive_compacted(response, model),
            false => watch.receive(response, &self.limits, model),
        }
    }

    fn receive_answer(&mut self, response: &WatchResponse) {
        let due = self.due.pop_front();
        let Due {
            response: expected,
            creates,
        } = due.unwrap_or_else(|| panic!("nothing was asked: {response:#?}"));
        assert_eq!(*response, expected);
        if response.canceled {
            // A refusal has no watcher.
            self.open.remove(&response.watch_id);
        }
        if let Some(watch) = creates {
            let before = self.open.insert(response.watch_id, watch);
            assert!(before.is_none(), "an id is given twice");
        }
    }

    /// The stream has nothing more to send.
    pub(super) fn finish(&mut self, model: &Model) {
        assert!(self.due.is_empty(), "a request was not answered");
        for watch in self.open.values_mut().filter(|watch| !watch.canceled) {
            assert_eq!(watch.doomed, None, "compaction has cancelled it");
            watch.check_to(i64::MAX, model);
        }
    }

    /// Whether a request for progress would be answered now that all is sent: if there are
    /// watchers, and all have reached their start.
    pub(super) fn has_progress(&self, model: &Model) -> bool {
        let mut live = self
            .open
            .values()
            .filter(|watch| !watch.canceled)
            .peekable();
        let reached = |watch: &Watch| watch.request.start_revision <= model.revision();
        live.peek().is_some() && live.all(reached)
    }
}

impl Watch {
    fn receive(&mut self, response: &WatchResponse, limits: &WatchLimits, model: &Model) {
        let WatchResponse {
            revision,
            events,
            fragment,
            ..
        } = response;
        assert_eq!(self.doomed, None, "the compacted past: {response:#?}");
        assert!(self.request.fragment || !fragment, "{response:#?}");
        let Some(last) = events.last() else {
            assert!(self.request.progress_notify, "{response:#?}");
            return self.check_to(*revision, model);
        };
        let mut mains: Vec<i64> = events.iter().map(Event::mod_revision).collect();
        mains.dedup();
        assert!(mains.len() <= limits.replay_revisions_max.max(1));
        assert!(last.mod_revision() <= *revision && *revision <= model.revision());
        self.seen.extend(events.iter().cloned());
        // Whole revisions only: nothing of the last one may be missing.
        if !fragment {
            self.check_to(last.mod_revision(), model);
        }
    }

    fn receive_compacted(&mut self, response: &WatchResponse, model: &Model) {
        let compact_revision = response.compact_revision;
        let expected = WatchResponse {
            watch_id: response.watch_id,
            canceled: true,
            compact_revision,
            ..WatchResponse::default()
        };
        assert_eq!(*response, expected);
        assert!(self.next < compact_revision && compact_revision <= model.compact_revision());
        assert!(
            self.doomed
                .is_none_or(|compacted| compacted == compact_revision)
        );
        self.canceled = true;
    }

    /// What was seen is exactly what was wanted up to `revision`, and no event is of a later one.
    fn check_to(&mut self, revision: i64, model: &Model) {
        let revisions = self.next..=revision.min(model.revision());
        let events = revisions.flat_map(|main| model.events(main));
        let wanted: Vec<Event> = events.filter_map(|event| self.wants(event)).collect();
        // A state before may be compacted by the time it is read; then it is left out.
        let compacted = |event: &Event| event.mod_revision() <= model.compact_revision();
        let same = |(seen, wanted): (&Event, &Event)| {
            seen == wanted || (compacted(wanted) && *seen == without_prev(wanted))
        };
        let all = self.seen.len() == wanted.len() && self.seen.iter().zip(&wanted).all(same);
        assert!(
            all,
            "up to {revision}: wanted {wanted:#?}, seen {:#?}",
            self.seen
        );
        self.seen.clear();
        self.next = self.next.max(revision.min(model.revision()) + 1);
    }

    /// The event as this watcher should see it.
    fn wants(&self, event: &Event) -> Option<Event> {
        let filtered = match event {
            Event::Put { .. } => self.request.no_put,
            Event::Delete { .. } => self.request.no_delete,
        };
        let shown = match self.request.prev_kv {
            true => event.clone(),
            false => without_prev(event),
        };
        (!filtered && is_inside(event.key(), &self.request.range)).then_some(shown)
    }
}
