//! A client that knows the whole history and believes nothing: it compares what a stream sends
//! with a plain filter over all events.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;

use crate::{
    kv::{Event, KeyRange},
    watch::{CreateRequest, NO_WATCH_ID, WatchResponse},
};

/// Everything that ever happened, compacted or not.
pub(super) type Past = Vec<(i64, Arc<[Event]>)>;

type Verdict = Result<(), String>;

/// One stream as its client sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct Client {
    /// Requests that are not answered yet, each with the first revision that it asks for.
    asked: VecDeque<(CreateRequest, i64)>,
    watches: BTreeMap<i64, Watch>,
}

#[derive(Clone, Debug)]
struct Watch {
    request: CreateRequest,
    from: i64,
    seen: Vec<Event>,
    in_fragment: bool,
    compacted: bool,
}

impl Client {
    /// The client sends a create request while the store is at `revision`.
    pub(super) fn ask(&mut self, request: CreateRequest, revision: i64) {
        let start = request.start_revision;
        let from = if start == 0 { revision + 1 } else { start };
        self.asked.push_back((request, from));
    }

    /// Watch ids in use, as far as the client knows.
    pub(super) fn ids(&self) -> Vec<i64> {
        self.watches.keys().copied().collect()
    }

    /// The stream has sent `response`.
    pub(super) fn receive(&mut self, response: &WatchResponse, past: &Past) -> Verdict {
        match response {
            WatchResponse { created: true, .. } => self.receive_created(response),
            WatchResponse { canceled: true, .. } => self.receive_canceled(response),
            WatchResponse {
                watch_id: NO_WATCH_ID,
                ..
            } => {
                let mut live = self.watches.values().filter(|watch| !watch.compacted);
                live.try_for_each(|watch| watch.check_seen_to(response.revision, past))
            }
            _ => {
                let watch = self.watches.get_mut(&response.watch_id);
                watch
                    .ok_or("a response for no watcher")?
                    .receive(response, past)
            }
        }
    }

    fn receive_created(&mut self, response: &WatchResponse) -> Verdict {
        let (request, from) = self.asked.pop_front().ok_or("created without request")?;
        if response.canceled {
            let in_use = self.watches.contains_key(&request.watch_id);
            return in_use
                .then_some(())
                .ok_or("refused without reason".to_owned());
        }
        let watch = Watch {
            request,
            from,
            seen: Vec::new(),
            in_fragment: false,
            compacted: false,
        };
        let before = self.watches.insert(response.watch_id, watch);
        before
            .is_none()
            .then_some(())
            .ok_or("an id is given twice".to_owned())
    }

    fn receive_canceled(&mut self, response: &WatchResponse) -> Verdict {
        let watch = self
            .watches
            .get_mut(&response.watch_id)
            .ok_or("cancels no watcher")?;
        if response.compact_revision == 0 {
            self.watches.remove(&response.watch_id);
            return Ok(());
        }
        watch.compacted = true;
        let lacks = watch
            .seen
            .last()
            .map_or(watch.from, |event| event.mod_revision() + 1);
        (lacks < response.compact_revision && response.revision == 0)
            .then_some(())
            .ok_or("compaction has taken nothing from this watcher".to_owned())
    }

    /// The stream has nothing more to send.
    pub(super) fn finish(&self, past: &Past) -> Verdict {
        let mut live = self.watches.values().filter(|watch| !watch.compacted);
        live.try_for_each(|watch| watch.check_seen_to(i64::MAX, past))?;
        self.asked
            .is_empty()
            .then_some(())
            .ok_or("a request was not answered".to_owned())
    }
}

impl Watch {
    fn receive(&mut self, response: &WatchResponse, past: &Past) -> Verdict {
        if self.compacted {
            return Err("a response after the cancellation".to_owned());
        }
        if response.events.is_empty() {
            return self.check_seen_to(response.revision, past);
        }
        self.seen.extend(response.events.iter().cloned());
        self.in_fragment = response.fragment;
        let last = self.seen.last().map_or(0, Event::mod_revision);
        if last > response.revision {
            return Err("a header older than its events".to_owned());
        }
        // Whole revisions only: nothing of the last one may be missing.
        if self.in_fragment {
            Ok(())
        } else {
            self.check_seen_to(last, past)
        }
    }

    /// What was seen is exactly what was wanted up to `revision`; more is an error as well.
    fn check_seen_to(&self, revision: i64, past: &Past) -> Verdict {
        let wanted = past
            .iter()
            .filter(|(at, _)| self.from <= *at && *at <= revision);
        let wanted = wanted.flat_map(|(_, events)| events.iter());
        let wanted: Vec<Event> = wanted.filter_map(|event| self.wants(event)).collect();
        let seen = self
            .seen
            .iter()
            .filter(|event| event.mod_revision() <= revision);
        if seen.eq(&wanted) {
            return Ok(());
        }
        Err(format!(
            "up to {revision}: wanted {wanted:#?}, seen {:#?}",
            self.seen
        ))
    }

    /// The event as this watcher should see it.
    fn wants(&self, event: &Event) -> Option<Event> {
        let in_range = |key: &Bytes| match &self.request.range {
            KeyRange::Key(only) => key == only,
            KeyRange::Range { start, end } => start <= key && key < end,
            KeyRange::From(start) => start <= key,
        };
        let mut shown = event.clone();
        let (filtered, prev) = match &mut shown {
            Event::Put { prev, .. } => (self.request.no_put, prev),
            Event::Delete { prev, .. } => (self.request.no_delete, prev),
        };
        if !self.request.prev_kv {
            *prev = None;
        }
        (!filtered && in_range(event.key())).then_some(shown)
    }
}

mod rejects {
    use super::super::{
        harness::{Change, Member, all},
        small,
    };
    use super::*;

    /// A good run: created, three live revisions of two events, progress.
    fn run() -> (Client, Vec<WatchResponse>, Past) {
        let mut member = Member::new(small());
        let stream = member.hub.open();
        let mut client = Client::default();
        client.ask(all(), member.log.revisions.len() as i64 + 1);
        member.create(stream, all());
        let mut responses = Vec::new();
        for _ in 0..3 {
            member.write(&[Change::Put("a"), Change::Delete("a")]);
            responses.extend(member.drain(stream));
        }
        member.hub.request_progress(stream);
        responses.extend(member.drain(stream));
        (client, responses, member.log.revisions)
    }

    fn verdict(change: impl FnOnce(&mut Vec<WatchResponse>)) -> Verdict {
        let (mut client, mut responses, past) = run();
        change(&mut responses);
        responses
            .iter()
            .try_for_each(|response| client.receive(response, &past))?;
        client.finish(&past)
    }

    #[test]
    fn nothing_of_a_good_run() {
        assert_eq!(verdict(|_| ()), Ok(()));
    }

    #[test]
    fn a_lost_response() {
        assert!(verdict(|responses| drop(responses.remove(2))).is_err());
        assert!(verdict(|responses| responses.truncate(3)).is_err());
        assert!(verdict(|responses| drop(responses.remove(0))).is_err());
    }

    #[test]
    fn a_repeated_response() {
        assert!(verdict(|responses| responses.insert(2, responses[2].clone())).is_err());
    }

    #[test]
    fn responses_out_of_order() {
        assert!(verdict(|responses| responses.swap(1, 2)).is_err());
    }

    #[test]
    fn a_revision_split_over_two_responses() {
        let split = |responses: &mut Vec<WatchResponse>| {
            let mut second = responses[1].clone();
            second.events.remove(0);
            responses[1].events.pop();
            responses.insert(2, second);
        };
        assert!(verdict(split).is_err());
    }

    #[test]
    fn progress_ahead_of_its_events() {
        assert!(verdict(|responses| responses.swap(3, 4)).is_err());
    }

    #[test]
    fn events_after_the_canceled_response() {
        let cancel = |responses: &mut Vec<WatchResponse>| {
            responses.insert(2, WatchResponse::canceled(0, 2));
        };
        assert!(verdict(cancel).is_err());
    }

    #[test]
    fn a_compaction_that_took_nothing() {
        let cancel = |responses: &mut Vec<WatchResponse>| {
            responses.push(WatchResponse::compacted(0, 4));
        };
        assert!(verdict(cancel).is_err());
    }
}
