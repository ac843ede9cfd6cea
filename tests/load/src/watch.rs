//! Watchers beside a load: many of them, on a thread of their own, and how late their events are.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use bytes::Bytes;
use futures_util::future::try_join_all;
use tokio::sync::{mpsc, oneshot};
use tonic::{Status, Streaming};

use crate::{
    LoadError, Recorder,
    channel::Channel,
    data,
    proto::etcdserverpb::{
        WatchCreateRequest, WatchRequest, WatchResponse, watch_client::WatchClient,
        watch_request::RequestUnion,
    },
    run::runtime,
};

/// Requests that wait on a stream.
const QUEUE: usize = 64;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// By each watcher all keys.
    All,
    /// By each watcher a key of its own: those with the lowest numbers.
    Own,
}

/// How many watchers there are, and where.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Connections; the streams go to them in turn.
    pub connections: usize,
    /// Streams in all.
    pub streams: usize,
    /// Watchers on each stream.
    pub watchers_per_stream: usize,
    /// What they watch.
    pub watched: Watched,
}

impl Crowd {
    /// All watchers.
    pub fn watchers(&self) -> usize {
        self.streams * self.watchers_per_stream
    }
}

/// Watchers that run until this is dropped.
pub struct Watchers {
    events: Arc<Mutex<Recorder>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchers {
    /// Returns when all are created.
    ///
    /// # Errors
    /// No connection, or the server refuses.
    pub fn start(endpoint: &str, crowd: Crowd) -> Result<Self, LoadError> {
        let events = Arc::new(Mutex::new(Recorder::default()));
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, started) = std_mpsc::channel();
        let (endpoint, recorder) = (endpoint.to_owned(), events.clone());
        let thread = thread::spawn(move || {
            let watched = runtime().and_then(|runtime| {
                runtime.block_on(async {
                    let streams = open(&endpoint, crowd).await?;
                    // Whoever started them may have given up.
                    let _ = ready.send(Ok(()));
                    for stream in streams {
                        tokio::spawn(stream.receive(recorder.clone()));
                    }
                    let _ = stopped.await;
                    Ok(())
                })
            });
            if let Err(error) = watched {
                let _ = ready.send(Err(error));
            }
        });
        started.recv().unwrap_or(Err(LoadError::Panic))?;
        Ok(Self {
            events,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The events since the last call; latencies count from when their puts, which must be stamped,
    /// were sent.
    pub fn take(&self) -> Recorder {
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *events)
    }

    /// Waits until so many events have come since the last [`take`](Self::take), and takes them.
    ///
    /// # Errors
    /// They have not come within the limit.
    pub fn take_at_least(&self, count: u64, limit: Duration) -> Result<Recorder, LoadError> {
        let start = Instant::now();
        let come = || {
            let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
            events.operations()
        };
        while come() < count {
            if start.elapsed() > limit {
                let what = format!("{count} events, of which {} have come,", come());
                let limit_s = limit.as_secs();
                return Err(LoadError::Late { what, limit_s });
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(self.take())
    }
}

impl Drop for Watchers {
    fn drop(&mut self) {
        drop(self.stop.take());
        // If it has panicked, there are no events, which shows.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// One stream with its watchers.
struct Stream {
    _requests: mpsc::Sender<WatchRequest>,
    responses: Streaming<WatchResponse>,
}

async fn open(endpoint: &str, crowd: Crowd) -> Result<Vec<Stream>, LoadError> {
    let connections = (0..crowd.connections.max(1)).map(|_| Channel::connect(endpoint));
    let channels = try_join_all(connections).await?;
    let streams = (0..crowd.streams).map(|index| {
        let channel = channels[index % channels.len()].clone();
        let first = index * crowd.watchers_per_stream;
        Stream::open(channel, crowd, first as u64)
    });
    let opened = try_join_all(streams).await;
    opened.map_err(LoadError::call("watch"))
}

impl Stream {
    async fn open(channel: Channel, crowd: Crowd, first: u64) -> Result<Self, Status> {
        let (requests, mut queue) = mpsc::channel(QUEUE);
        let create = move |number| create(crowd.watched, first + number);
        let count = crowd.watchers_per_stream as u64;
        // The first request is there before the call: a server may answer nothing until it comes.
        let _ = requests.send(create(0)).await;
        let sender = requests.clone();
        tokio::spawn(async move {
            for number in 1..count {
                if sender.send(create(number)).await.is_err() {
                    return;
                }
            }
        });
        let queue = futures_util::stream::poll_fn(move |cx| queue.poll_recv(cx));
        let mut responses = WatchClient::new(channel).watch(queue).await?.into_inner();
        let mut created = 0;
        while created < count {
            match responses.message().await? {
                Some(response) if response.canceled => {
                    return Err(Status::aborted(response.cancel_reason));
                }
                Some(response) => created += u64::from(response.created),
                None => return Err(Status::unavailable("the stream has ended")),
            }
        }
        Ok(Self {
            _requests: requests,
            responses,
        })
    }

    async fn receive(mut self, recorder: Arc<Mutex<Recorder>>) {
        loop {
            let received = self.responses.message().await;
            let now = data::Stamp::now();
            let mut recorder = recorder.lock().unwrap_or_else(PoisonError::into_inner);
            match received {
                Ok(Some(response)) => {
                    let values = response.events.iter().filter_map(|event| event.kv.as_ref());
                    for kv in values {
                        recorder.succeeded(now.since(&kv.value), 1);
                    }
                }
                Ok(None) => return recorder.failed("a stream has ended"),
                Err(error) => return recorder.failed(error),
            }
        }
    }
}

fn create(watched: Watched, number: u64) -> WatchRequest {
    let (key, range_end) = match watched {
        Watched::All => data::all_keys(),
        Watched::Own => (data::key(number, data::KEY_BYTES), Bytes::new()),
    };
    let create = WatchCreateRequest {
        key,
        range_end,
        ..Default::default()
    };
    WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(create)),
    }
}
