//! Whatever the order in which things happen, each watcher gets the events that it asked for, once,
//! in order, in whole revisions.

use proptest::prelude::*;

use super::{
    checker::{Client, Past},
    harness::{Change, EVENT_ENCODED_BYTES, Log, Member, all, key, range},
};
use crate::{
    limits::WatchLimits,
    watch::{CatchUp, CaughtUp, CreateRequest, History, Poll, StreamId},
};

const STREAMS: usize = 2;

#[derive(Clone, Debug)]
enum Step {
    /// Apply a revision.
    Apply(Vec<Change<'static>>),
    /// Publish all that is applied.
    Publish,
    /// Apply and publish.
    Write(Vec<Change<'static>>),
    /// A checkpoint takes the place of what is applied and not published.
    Restore,
    /// `start` counts back from the store's revision; none means "from now on".
    Create {
        stream: usize,
        request: CreateRequest,
        start: Option<i64>,
    },
    Cancel {
        stream: usize,
        which: usize,
    },
    /// Take up to so many responses and catch-ups.
    Poll {
        stream: usize,
        times: usize,
    },
    /// Run a catch-up on a view taken before now, but not before it was given out.
    Run {
        which: usize,
        ago: usize,
    },
    Return {
        which: usize,
    },
    /// Compact to so many revisions before the store's.
    Compact {
        keep: i64,
    },
    Progress {
        stream: usize,
    },
    Tick {
        stream: usize,
    },
}

fn changes() -> impl Strategy<Value = Vec<Change<'static>>> {
    let key = prop::sample::select(vec!["a", "b", "c"]);
    let change = (any::<bool>(), key).prop_map(|(put, key)| {
        if put {
            Change::Put(key)
        } else {
            Change::Delete(key)
        }
    });
    prop::collection::vec(change, 1..4)
}

fn request() -> impl Strategy<Value = CreateRequest> {
    let ranges = vec![all(), key("a"), key("b"), range("a", "c"), range("b", "\0")];
    let flags = any::<[bool; 5]>();
    let watch_id = prop::sample::select(vec![0, 0, 0, 1, 7]);
    let filtered = (0..6u8, 0..6u8);
    (prop::sample::select(ranges), flags, watch_id, filtered).prop_map(
        |(request, [prev_kv, fragment, progress_notify, ..], watch_id, filtered)| CreateRequest {
            prev_kv,
            fragment,
            progress_notify,
            watch_id,
            no_put: filtered.0 == 0,
            no_delete: filtered.1 == 0,
            ..request
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    let stream = 0..STREAMS;
    let start = prop::option::of(-3..12i64);
    prop_oneof![
        2 => changes().prop_map(Step::Apply),
        2 => Just(Step::Publish),
        6 => changes().prop_map(Step::Write),
        1 => Just(Step::Restore),
        4 => (stream.clone(), request(), start)
            .prop_map(|(stream, request, start)| Step::Create { stream, request, start }),
        1 => (stream.clone(), 0..8usize)
            .prop_map(|(stream, which)| Step::Cancel { stream, which }),
        6 => (stream.clone(), 1..6usize)
            .prop_map(|(stream, times)| Step::Poll { stream, times }),
        4 => (0..8usize, 0..4usize).prop_map(|(which, ago)| Step::Run { which, ago }),
        4 => (0..8usize).prop_map(|which| Step::Return { which }),
        1 => (0..8i64).prop_map(|keep| Step::Compact { keep }),
        2 => stream.clone().prop_map(|stream| Step::Progress { stream }),
        1 => stream.prop_map(|stream| Step::Tick { stream }),
    ]
}

fn limits() -> impl Strategy<Value = WatchLimits> {
    let bytes = || prop::sample::select(vec![0, 300, 1000, usize::MAX]);
    let sizes = (0..4usize, 0..4usize, 0..5usize, 0..3usize, 0..8usize);
    (sizes, bytes(), bytes(), bytes(), bytes()).prop_map(
        |(sizes, replay, buffer, stream, recent)| WatchLimits {
            replay_revisions_max: sizes.0,
            buffer_responses_max: sizes.1,
            recent_revisions_max: sizes.2,
            catch_up_watchers_max: sizes.3,
            catch_up_events_max: sizes.4,
            replay_bytes_max: replay,
            buffer_bytes_max: buffer,
            stream_bytes_max: stream,
            recent_bytes_max: recent,
            stream_answers_max: 10,
            fragment_bytes: 64 + 2 * EVENT_ENCODED_BYTES,
        },
    )
}

/// A member and its clients, and what is between them.
struct World {
    limits: WatchLimits,
    member: Member,
    streams: Vec<StreamId>,
    clients: Vec<Client>,
    past: Past,
    unpublished: Past,
    /// Catch-ups given out, with the number of views that were there before.
    given_out: Vec<(CatchUp, usize)>,
    /// One after each step.
    views: Vec<Log>,
    returning: Vec<CaughtUp>,
}

impl World {
    fn new(limits: WatchLimits) -> Self {
        let mut member = Member::new(limits);
        let streams = (0..STREAMS).map(|_| member.hub.open()).collect();
        Self {
            limits,
            member,
            streams,
            clients: vec![Client::default(); STREAMS],
            past: Vec::new(),
            unpublished: Vec::new(),
            given_out: Vec::new(),
            views: Vec::new(),
            returning: Vec::new(),
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Apply(changes) => self.apply(&changes),
            Step::Publish => self.publish(),
            Step::Write(changes) => {
                self.apply(&changes);
                self.publish();
            }
            Step::Restore => {
                self.unpublished.clear();
                self.member.hub.restored(self.member.log.revision());
            }
            Step::Create {
                stream,
                request,
                start,
            } => self.create(stream, request, start),
            Step::Cancel { stream, which } => {
                if let Some(id) = self.clients[stream].ids().get(which) {
                    self.member.hub.cancel(self.streams[stream], *id);
                }
            }
            Step::Poll { stream, times } => {
                let _ = (0..times).all(|_| self.poll(stream));
            }
            Step::Run { which, ago } => self.run(which, ago),
            Step::Return { which } => {
                if which < self.returning.len() {
                    self.member.hub.caught_up(self.returning.remove(which));
                }
            }
            Step::Compact { keep } => {
                let revision = self.member.log.revision() - keep;
                if revision > self.member.log.compacted.max(0) {
                    self.member.compact(revision);
                }
            }
            Step::Progress { stream } => self.member.hub.request_progress(self.streams[stream]),
            Step::Tick { stream } => self.member.hub.tick_progress(self.streams[stream]),
        }
        self.views.push(self.member.log.clone());
        assert_eq!(self.member.hub.invariant_all(), Ok(()));
        self.check_memory();
    }

    /// A slow watcher has no more queued than the buffer allows, one replay and what was recent.
    fn check_memory(&self) {
        for watcher in self.member.hub.watchers.values() {
            assert!(watcher.queued_responses <= self.limits.buffer_responses_max.max(1) + 2);
        }
    }

    fn apply(&mut self, changes: &[Change<'_>]) {
        let applied = self.member.apply(changes);
        self.past.push(applied.clone());
        self.unpublished.push(applied);
    }

    fn publish(&mut self) {
        for (revision, events) in self.unpublished.drain(..) {
            self.member.hub.publish(revision, &events);
        }
    }

    fn create(&mut self, stream: usize, mut request: CreateRequest, start: Option<i64>) {
        let revision = self.member.log.revision();
        request.start_revision = start.map_or(0, |back| (revision - back).max(1));
        self.clients[stream].ask(request.clone(), revision);
        self.member.create(self.streams[stream], request);
    }

    /// Says whether there was anything.
    fn poll(&mut self, stream: usize) -> bool {
        match self.member.hub.poll(self.streams[stream]) {
            Poll::Response(response) => {
                let verdict = self.clients[stream].receive(&response, &self.past);
                assert_eq!(verdict, Ok(()), "{response:#?}");
            }
            Poll::CatchUp(catch_up) => self.given_out.push((catch_up, self.views.len())),
            Poll::Empty => return false,
        }
        true
    }

    fn run(&mut self, which: usize, ago: usize) {
        if which < self.given_out.len() {
            let (catch_up, views_before) = self.given_out.remove(which);
            let since = &self.views[views_before..];
            let view = since.iter().rev().nth(ago).unwrap_or(&self.member.log);
            self.returning.push(catch_up.run(view));
        }
    }

    /// Everything comes to rest.
    fn finish(mut self) {
        self.publish();
        let mut busy = true;
        while busy {
            busy = (0..STREAMS).any(|stream| self.poll(stream));
            while !self.given_out.is_empty() {
                self.run(0, usize::MAX);
                busy = true;
            }
            for result in self.returning.drain(..) {
                self.member.hub.caught_up(result);
                busy = true;
            }
        }
        for client in &self.clients {
            assert_eq!(client.finish(&self.past), Ok(()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_watcher_gets_its_events_once_and_in_order(
        limits in limits(),
        steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = World::new(limits);
        steps.into_iter().for_each(|step| world.step(step));
        world.finish();
    }
}
