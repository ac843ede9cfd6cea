//! A client that watches, and goes on at another member, from where it was, when its watch breaks.

use std::time::Duration;

use futures_util::stream;
use madsim::time::sleep;
use quorate_server::{
    clock,
    proto::etcdserverpb::{
        WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
        watch_create_request::FilterType, watch_request::RequestUnion,
    },
};
use tokio::sync::mpsc;
use tonic::{Status, Streaming};

use super::{Session, convert, keys::KeyChooser};
use crate::{
    history::{Blob, Keys, WatchEnd, WatchOpen, What, reason},
    plan::{Span, Stream, Workload},
    recorder::Recorder,
};

/// Pause before a broken watch is opened anew, milliseconds.
const REOPEN_MS: Span = Span(10, 200);

/// How long a slow watcher takes for a response, milliseconds.
const SLOW_MS: Span = Span(5, 400);

/// It falls asleep over one so often, in percent, and for so long, milliseconds.
const NAP_PERCENT: u64 = 5;
const NAP_MS: Span = Span(1_000, 4_000);

/// How often a watcher asks how far it is, milliseconds. In the quiet it asks often: there the
/// answer says that everything has been delivered.
const PROGRESS_MS: Span = Span(200, 5_000);
const PROGRESS_IN_QUIET: Duration = Duration::from_millis(300);

/// A watcher gives up a member that does not set its watch up for so long.
const CREATE_TIMEOUT: Duration = Duration::from_secs(2);

/// A watcher leaves its member by itself so often, in percent of the questions for progress.
const LEAVE_PERCENT: u64 = 5;

/// A watcher drops its stream in the middle of what is delivered so often, in percent of the
/// responses.
const DROP_PERCENT: u64 = 1;

/// A watcher asks how far it is without waiting so often, in percent of the responses.
const ASK_AT_ONCE_PERCENT: u64 = 10;

/// A watcher begins in the future so often, in percent of its watches, and by so many revisions at
/// the most.
const FUTURE_PERCENT: u64 = 8;
const FUTURE_MAX: u64 = 20;

/// Watches.
pub(super) struct Watcher {
    session: Session,
    stream: Stream,
    slow_percent: u64,
    recorder: Recorder,
    /// What it watches; number, member and start are those of the present watch.
    open: WatchOpen,
    fragment: bool,
    /// The first revision that it has not had; 0 where it has no watch yet.
    next: i64,
    /// It was refused for want of a token.
    lacks_token: bool,
}

/// The two directions of a watch stream.
struct Wire {
    requests: mpsc::UnboundedSender<WatchRequest>,
    responses: Streaming<WatchResponse>,
}

impl Wire {
    fn ask_progress(&self) {
        let question = RequestUnion::ProgressRequest(WatchProgressRequest {});
        // Of a stream that has ended, the end is read.
        let _ = self.requests.send(WatchRequest {
            request_union: Some(question),
        });
    }
}

impl Watcher {
    pub(super) fn new(
        session: Session,
        mut stream: Stream,
        workload: &Workload,
        recorder: Recorder,
    ) -> Self {
        let chooser = KeyChooser::new(session.client(), workload);
        let keys = match stream.between(0, 3) {
            0 => Keys::One(chooser.one(&mut stream)),
            1 => chooser.neighbours(&mut stream),
            _ => Keys::From(Blob::default()),
        };
        let open = WatchOpen {
            watch: 0,
            client: session.client(),
            member: 0,
            keys,
            start_revision: 0,
            prev_kv: stream.chance(50),
            no_put: stream.chance(10),
            no_delete: stream.chance(10),
        };
        let fragment = stream.chance(50);
        let slow_percent = workload.slow_watch_percent;
        Self {
            session,
            stream,
            slow_percent,
            recorder,
            open,
            fragment,
            next: 0,
            lacks_token: false,
        }
    }

    /// Watches until the run ends, or until it is clear that it may not.
    pub(super) async fn run(mut self) {
        loop {
            self.session.log_in_if_due().await;
            self.open.watch = self.recorder.next_watch();
            self.open.member = self.session.member();
            if self.next > 0 && !self.recorder.is_quiet() && self.stream.chance(FUTURE_PERCENT) {
                let ahead = self.stream.between(1, FUTURE_MAX).cast_signed();
                self.next = self.next.max(self.recorder.revision() + ahead);
            }
            self.open.start_revision = self.next;
            self.recorder.push(What::WatchOpen(self.open.clone()));
            self.note_next();
            let why = self.watch().await;
            let refused_for_good = self.is_refused_for_good(&why);
            if let WatchEnd::Compacted(revision) = why {
                self.next = revision;
            } else {
                self.session.go_on();
            }
            self.recorder.push(What::WatchEnd {
                watch: self.open.watch,
                why,
            });
            self.recorder.watch_over(self.open.watch);
            if self.recorder.is_quiet() && refused_for_good {
                return;
            }
            sleep(Duration::from_millis(self.stream.within(REOPEN_MS))).await;
        }
    }

    /// Whether it would be refused again and again, now that users and roles do not change any more.
    fn is_refused_for_good(&self, why: &WatchEnd) -> bool {
        *why == WatchEnd::Denied || (self.lacks_token && self.session.is_hopeless())
    }

    fn note_next(&self) {
        self.recorder
            .watch_at(self.open.watch, self.open.member, self.next);
    }

    /// One watch, from its request to its end.
    async fn watch(&mut self) -> WatchEnd {
        let connected = clock::timeout(CREATE_TIMEOUT, self.connect()).await;
        let Ok(Ok(mut wire)) = connected else {
            return WatchEnd::Broken;
        };
        let created = clock::timeout(CREATE_TIMEOUT, wire.responses.message()).await;
        let Ok(Ok(Some(created))) = created else {
            return WatchEnd::Broken;
        };
        if let Some(end) = self.take(created) {
            return end;
        }
        if self.stream.chance(ASK_AT_ONCE_PERCENT) {
            wire.ask_progress();
        }
        loop {
            let patience = self.patience();
            match clock::timeout(patience, wire.responses.message()).await {
                Ok(Ok(Some(response))) => {
                    if let Some(end) = self.take(response) {
                        return end;
                    }
                    if self.stream.chance(ASK_AT_ONCE_PERCENT) {
                        wire.ask_progress();
                    }
                    if !self.recorder.is_quiet() && self.stream.chance(DROP_PERCENT) {
                        return WatchEnd::Closed;
                    }
                    if self.is_slow() {
                        let napping = self.stream.chance(NAP_PERCENT);
                        let time = if napping { NAP_MS } else { SLOW_MS };
                        sleep(Duration::from_millis(self.stream.within(time))).await;
                    }
                }
                Ok(_) => return WatchEnd::Broken,
                Err(clock::Elapsed) => {
                    if !self.recorder.is_quiet() && self.stream.chance(LEAVE_PERCENT) {
                        return WatchEnd::Closed;
                    }
                    wire.ask_progress();
                }
            }
        }
    }

    /// Not in the quiet, where the cluster must deliver within a bounded time all that it owes.
    fn is_slow(&mut self) -> bool {
        self.stream.chance(self.slow_percent) && !self.recorder.is_quiet()
    }

    fn patience(&mut self) -> Duration {
        let patience = Duration::from_millis(self.stream.within(PROGRESS_MS));
        if self.recorder.is_quiet() {
            PROGRESS_IN_QUIET
        } else {
            patience
        }
    }

    async fn connect(&mut self) -> Result<Wire, Status> {
        let (requests, mut queue) = mpsc::unbounded_channel();
        let (key, range_end) = convert::key_range(&self.open.keys);
        let filters = [
            self.open.no_put.then_some(FilterType::Noput),
            self.open.no_delete.then_some(FilterType::Nodelete),
        ];
        let create = WatchCreateRequest {
            key,
            range_end,
            start_revision: self.open.start_revision,
            filters: filters.into_iter().flatten().map(Into::into).collect(),
            prev_kv: self.open.prev_kv,
            fragment: self.fragment,
            ..Default::default()
        };
        let create = RequestUnion::CreateRequest(create);
        let _ = requests.send(WatchRequest {
            request_union: Some(create),
        });
        let outgoing = stream::poll_fn(move |cx| queue.poll_recv(cx));
        let call = self.session.manner().open(outgoing);
        let responses = self.session.watch().watch(call).await?.into_inner();
        Ok(Wire {
            requests,
            responses,
        })
    }

    fn cancelled(&mut self, response: WatchResponse) -> WatchEnd {
        let (compacted, why) = (response.compact_revision, response.cancel_reason);
        let lacks_token = self.session.hear_refusal(&why);
        self.lacks_token = why.contains(reason::NO_TOKEN);
        if compacted > 0 {
            WatchEnd::Compacted(compacted)
        } else if why.contains(reason::DENIED) {
            WatchEnd::Denied
        } else if lacks_token {
            WatchEnd::Broken
        } else {
            WatchEnd::Cancelled(why)
        }
    }

    /// Records a response; gives the end of the watch if this is it.
    fn take(&mut self, response: WatchResponse) -> Option<WatchEnd> {
        let watch = self.open.watch;
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        if response.canceled {
            return Some(self.cancelled(response));
        }
        if response.created {
            self.recorder.push(What::WatchCreated { watch, revision });
            if self.next == 0 {
                self.next = revision + 1;
            }
        } else if response.events.is_empty() {
            self.recorder.push(What::WatchProgress { watch, revision });
            self.next = revision + 1;
        } else {
            let events: Option<Vec<_>> = response.events.iter().map(convert::event).collect();
            let events = events.expect("every event has its key");
            let last = events.last().map_or(0, |event| event.mod_revision());
            let fragment = response.fragment;
            self.recorder.push(What::WatchEvents {
                watch,
                revision,
                fragment,
                events,
            });
            if !fragment {
                self.next = last + 1;
            }
        }
        self.note_next();
        None
    }
}
