//! One watch stream, read until it is silent without waiting for silence.
//!
//! A server that has acknowledged a change has put its events on the way to each stream. So a
//! stream is silent once it has answered something asked after that:
//!
//! * a request for progress, which is answered behind all events, where every watcher has caught up;
//! * else, many times in a row, a watcher that sees nothing and is cancelled again. etcd draws lots
//!   between events and such answers, so one of them alone could overtake an event.
//!
//! A watcher of the past catches up in its own time. Another one with the same request, on a stream
//! of its own, shows when: etcd serves all that wait in rounds.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use quorate_server::proto::etcdserverpb::{watch_request::RequestUnion, *};
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};
use tonic::Status;

use super::caller::{Caller, authorize};

/// A server that has not answered after this time does not answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// How often progress is asked for while a watcher catches up.
const CATCH_UP_INTERVAL: Duration = Duration::from_millis(10);

/// An event is overtaken so often with a probability of 2^-32.
const ROUNDS: usize = 16;

/// The id of the watcher that sees nothing. No scenario uses it.
const SENTINEL: i64 = 1 << 62;

/// The `watch_id` of what belongs to no watcher.
const NO_WATCH_ID: i64 = -1;

/// An open stream.
pub(crate) struct Stream {
    caller: Caller,
    token: Option<String>,
    requests: mpsc::UnboundedSender<WatchRequest>,
    responses: mpsc::UnboundedReceiver<Result<WatchResponse, Status>>,
    /// What has come and was not yet asked for.
    received: Vec<WatchResponse>,
    /// Create requests that are not answered.
    creating: Vec<WatchCreateRequest>,
    /// The watchers, with the revision that each begins at.
    watchers: BTreeMap<i64, i64>,
    /// Watchers that have to catch up.
    behind: Vec<WatchCreateRequest>,
    /// Watchers that compaction has cancelled: etcd tells no progress until the client has done
    /// so too.
    cut_off: BTreeSet<i64>,
    /// Cancel requests that are not answered; those for an unknown watcher never are.
    canceling: Vec<i64>,
    /// Requests for progress that came from outside.
    asked: usize,
}

impl Stream {
    /// Opens a stream. The server need not say anything for that.
    pub(crate) fn open(caller: &Caller, token: Option<&str>) -> Self {
        let (requests, mut outgoing) = mpsc::unbounded_channel();
        let (incoming, responses) = mpsc::unbounded_channel();
        let outgoing = futures_util::stream::poll_fn(move |cx| outgoing.poll_recv(cx));
        let mut request = tonic::Request::new(outgoing);
        authorize(token, &mut request);
        let mut client = caller.watch();
        tokio::spawn(async move {
            let forward = async {
                let mut responses = client.watch(request).await?.into_inner();
                while let Some(response) = responses.message().await? {
                    if incoming.send(Ok(response)).is_err() {
                        break;
                    }
                }
                Err(Status::unavailable("the stream ended"))
            };
            let ended: Result<(), Status> = forward.await;
            // Nobody listens any more where the test has closed the stream.
            let _ = incoming.send(ended.map(|()| WatchResponse::default()));
        });
        Self {
            caller: caller.clone(),
            token: token.map(str::to_owned),
            requests,
            responses,
            received: Vec::new(),
            creating: Vec::new(),
            watchers: BTreeMap::new(),
            behind: Vec::new(),
            cut_off: BTreeSet::new(),
            canceling: Vec::new(),
            asked: 0,
        }
    }

    pub(crate) fn create(&mut self, request: WatchCreateRequest) {
        self.creating.push(request.clone());
        self.send(RequestUnion::CreateRequest(request));
    }

    pub(crate) fn cancel(&mut self, watch_id: i64) {
        if self.watchers.contains_key(&watch_id) || self.cut_off.contains(&watch_id) {
            self.canceling.push(watch_id);
        }
        self.send(RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
    }

    pub(crate) fn progress(&mut self) {
        self.asked += 1;
        self.send(RequestUnion::ProgressRequest(WatchProgressRequest {}));
    }

    fn send(&self, request: RequestUnion) {
        let request = WatchRequest {
            request_union: Some(request),
        };
        // Of a stream that has ended, the end is read.
        let _ = self.requests.send(request);
    }

    /// All that has come, up to silence, where the store is at `revision`.
    ///
    /// # Errors
    ///
    /// What the server has ended the stream with.
    pub(crate) async fn receive(&mut self, revision: i64) -> Result<Vec<WatchResponse>, Status> {
        while !self.creating.is_empty() || !self.canceling.is_empty() {
            if self.next().await?.is_none() {
                self.creating.clear();
                self.canceling.clear();
                break;
            }
        }
        for create in std::mem::take(&mut self.behind) {
            if create.start_revision <= revision {
                self.caught_up_like(create).await?;
            }
        }
        let waits = self.watchers.values().any(|start| *start > revision);
        if self.watchers.is_empty() || waits || !self.cut_off.is_empty() {
            self.rounds().await?;
        } else {
            self.told_progress().await?;
        }
        self.asked = 0;
        Ok(std::mem::take(&mut self.received))
    }

    /// Reads until as many requests for progress are answered as were sent from outside; if none
    /// was, until one of its own is, which nobody sees.
    async fn told_progress(&mut self) -> Result<(), Status> {
        let is_own = self.asked == 0;
        if is_own {
            self.progress();
        }
        let mut told = self.received.iter().filter(|one| is_progress(one)).count();
        while told < self.asked {
            let Some(response) = self.next().await? else {
                return Ok(());
            };
            told += usize::from(is_progress(&response));
        }
        if is_own {
            self.received.pop();
        }
        Ok(())
    }

    /// See [`SENTINEL`].
    async fn rounds(&mut self) -> Result<(), Status> {
        for _ in 0..ROUNDS {
            let create = WatchCreateRequest {
                key: "\0".into(),
                filters: vec![0, 1],
                watch_id: SENTINEL,
                ..Default::default()
            };
            self.send(RequestUnion::CreateRequest(create));
            let Some(created) = self.control().await? else {
                return Ok(());
            };
            if !created.canceled {
                let watch_id = SENTINEL;
                self.send(RequestUnion::CancelRequest(WatchCancelRequest { watch_id }));
                if self.control().await?.is_none() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Reads up to the sentinel's next answer, which nobody sees. A refused one has no id.
    async fn control(&mut self) -> Result<Option<WatchResponse>, Status> {
        loop {
            let Some(response) = self.next().await? else {
                return Ok(None);
            };
            let is_refused = response.created && response.canceled;
            if response.watch_id == SENTINEL || is_refused {
                self.received.pop();
                self.watchers.remove(&SENTINEL);
                return Ok(Some(response));
            }
        }
    }

    /// Waits until a watcher that is created now with the same request has caught up.
    async fn caught_up_like(&self, create: WatchCreateRequest) -> Result<(), Status> {
        let mut probe = Self::open(&self.caller, self.token.as_deref());
        probe.create(create);
        let Some(created) = probe.next().await? else {
            return Ok(());
        };
        if created.canceled {
            return Ok(());
        }
        let deadline = tokio::time::Instant::now() + ANSWER_LIMIT;
        while tokio::time::Instant::now() < deadline {
            probe.progress();
            sleep(CATCH_UP_INTERVAL).await;
            while let Ok(response) = probe.responses.try_recv() {
                let response = response?;
                if response.canceled || is_progress(&response) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The next response, which is also kept; `None` if there is none for long.
    async fn next(&mut self) -> Result<Option<WatchResponse>, Status> {
        let Ok(response) = timeout(ANSWER_LIMIT, self.responses.recv()).await else {
            return Ok(None);
        };
        let ended = || Err(Status::unavailable("the stream ended"));
        let response = response.unwrap_or_else(ended)?;
        self.note(&response);
        self.received.push(response.clone());
        Ok(Some(response))
    }

    fn note(&mut self, response: &WatchResponse) {
        let id = response.watch_id;
        if response.created && id != SENTINEL && !self.creating.is_empty() {
            let create = self.creating.remove(0);
            if !response.canceled {
                self.watchers.insert(id, create.start_revision);
                if create.start_revision > 0 {
                    self.behind.push(create);
                }
            }
        } else if response.canceled && !response.created {
            self.watchers.remove(&id);
            self.canceling.retain(|canceling| *canceling != id);
            if response.compact_revision == 0 {
                self.cut_off.remove(&id);
            } else {
                self.cut_off.insert(id);
            }
        }
    }
}

fn is_progress(response: &WatchResponse) -> bool {
    response.watch_id == NO_WATCH_ID
        && !response.created
        && !response.canceled
        && response.events.is_empty()
}
