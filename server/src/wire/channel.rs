//! The client side: one HTTP/2 connection to one address, made when it is needed and made again
//! when it is lost.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use http::{
    Request, Response, Uri,
    uri::{Authority, Scheme},
};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2;
use tonic::{Status, body::Body};
use tower::Service;
use tracing::{info, warn};

use super::{
    deadline,
    hyper_rt::{Executor, Timer},
    net,
};
use crate::{
    clock,
    runtime::{self, Signal},
};

/// Pause after the first failed dial; doubles with each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(20);

/// See [`ChannelOptions::stream_window_bytes`].
const STREAM_WINDOW_BYTES: u32 = 2 << 20;

/// A request that a dying connection has provably not sent is sent on a new one this often.
const RESENDS_MAX: usize = 1;

/// How a [`Channel`] dials and notices that its peer is gone.
#[derive(Clone, Copy, Debug)]
pub struct ChannelOptions {
    /// Longest time for a dial, the HTTP/2 handshake included.
    pub connect_timeout: Duration,
    /// Longest pause between dials that fail. Calls in the pause fail at once.
    pub backoff_max: Duration,
    /// Silence after which the peer is asked for a sign of life.
    pub keep_alive_interval: Duration,
    /// How long it may take to give one before the connection counts as lost.
    pub keep_alive_timeout: Duration,
    /// Whether that goes on while no call is under way. A port for clients allows it to nobody.
    pub keep_alive_while_idle: bool,
    /// What may come on one stream before the caller has read any of it, bytes.
    pub stream_window_bytes: u32,
}

impl ChannelOptions {
    /// For a port that serves clients, which takes so many pings and no more.
    pub fn for_clients() -> Self {
        Self {
            keep_alive_interval: Duration::from_secs(10),
            keep_alive_while_idle: false,
            ..Self::default()
        }
    }
}

impl Default for ChannelOptions {
    /// For the port of another member.
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            backoff_max: Duration::from_secs(1),
            keep_alive_interval: Duration::from_secs(2),
            keep_alive_timeout: Duration::from_secs(4),
            keep_alive_while_idle: true,
            stream_window_bytes: STREAM_WINDOW_BYTES,
        }
    }
}

/// A tower service for generated clients. Clones share one connection.
///
/// Every failure of the connection is `UNAVAILABLE`: the call may or may not have had its effect.
/// Note that dropping the reply of a two-way stream does not end the call while its request
/// stream is open: drop both.
#[derive(Clone)]
pub struct Channel(Arc<Shared>);

struct Shared {
    authority: Authority,
    options: ChannelOptions,
    link: Mutex<Link>,
}

/// What is known of the connection.
///
/// ```text
/// Idle ──call──▶ Dialling ──ok──▶ Up ──lost, call──▶ Dialling
///                   │ ▲
///             failed▼ │call after the pause
///                  Down
/// ```
enum Link {
    Idle,
    Dialling(Arc<Dial>),
    Up(http2::SendRequest<Body>),
    Down {
        error: Arc<str>,
        failures: u32,
        retry_at: clock::Instant,
    },
}

/// A dial in progress. It runs in a task of its own, so that a caller whose deadline is short
/// does not break it off for the others.
struct Dial {
    /// Dials that failed in a row before this one.
    failures: u32,
    done: Signal,
    outcome: OnceLock<Result<http2::SendRequest<Body>, Arc<str>>>,
}

impl Channel {
    /// A channel to `authority` (host and port). Dials on the first call.
    pub fn new(authority: Authority, options: ChannelOptions) -> Self {
        Self(Arc::new(Shared {
            authority,
            options,
            link: Mutex::new(Link::Idle),
        }))
    }

    async fn call(self, mut request: Request<Body>) -> Result<Response<Body>, Status> {
        *request.uri_mut() = self.0.absolute(request.uri())?;
        let mut resends = 0;
        loop {
            let mut connection = self.0.connection().await?;
            match connection.try_send_request(request).await {
                Ok(response) => {
                    let shared = self.0;
                    return Ok(response
                        .map(|body| Body::new(body.map_err(move |error| shared.lost(&error)))));
                }
                Err(mut failed) => match failed.take_message() {
                    Some(unsent) if resends < RESENDS_MAX => {
                        request = unsent;
                        resends += 1;
                    }
                    _ => return Err(self.0.lost(failed.error())),
                },
            }
        }
    }
}

impl Shared {
    /// HTTP/2 wants to know scheme and authority; generated clients give the path only.
    fn absolute(&self, uri: &Uri) -> Result<Uri, Status> {
        let mut parts = uri.clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(self.authority.clone());
        Uri::from_parts(parts).map_err(|error| Status::internal(error.to_string()))
    }

    fn lost(&self, error: &hyper::Error) -> Status {
        Status::unavailable(format!("connection to {} lost: {error}", self.authority))
    }

    /// The connection, dialled if there is none.
    async fn connection(self: &Arc<Self>) -> Result<http2::SendRequest<Body>, Status> {
        let dial = match self.look() {
            Look::Connected(connection) => return Ok(connection),
            Look::Failed(error) => return Err(Status::unavailable(&*error)),
            Look::Dialling(dial) => dial,
        };
        dial.done.raised().await;
        let outcome = dial
            .outcome
            .get()
            .expect("a dial has its outcome before it is done");
        outcome
            .clone()
            .map_err(|error| Status::unavailable(&*error))
    }

    fn look(self: &Arc<Self>) -> Look {
        let mut link = self.link();
        let failures = match &*link {
            Link::Up(connection) if !connection.is_closed() => {
                return Look::Connected(connection.clone());
            }
            Link::Dialling(dial) => return Look::Dialling(dial.clone()),
            Link::Down {
                error, retry_at, ..
            } if clock::now() < *retry_at => {
                return Look::Failed(error.clone());
            }
            Link::Down { failures, .. } => *failures,
            Link::Idle | Link::Up(_) => 0,
        };
        let dial = Arc::new(Dial {
            failures,
            done: Signal::new(),
            outcome: OnceLock::new(),
        });
        *link = Link::Dialling(dial.clone());
        let dialling = Dialling {
            shared: self.clone(),
            dial: dial.clone(),
        };
        runtime::spawn(dialling.run());
        Look::Dialling(dial)
    }

    fn link(&self) -> std::sync::MutexGuard<'_, Link> {
        self.link
            .lock()
            .expect("no code panics while it holds this lock")
    }

    async fn dial(&self) -> Result<http2::SendRequest<Body>, Arc<str>> {
        let connected = clock::timeout(self.options.connect_timeout, async {
            let stream = net::connect(self.authority.as_str())
                .await
                .map_err(|e| e.to_string())?;
            let handshake = self.http_settings().handshake(stream);
            handshake.await.map_err(|error| error.to_string())
        });
        let reason = match connected.await {
            Ok(Ok((sender, connection))) => {
                // Its end shows in the calls that it carries.
                runtime::spawn(async { drop(connection.await) });
                return Ok(sender);
            }
            Ok(Err(reason)) => reason,
            Err(clock::Elapsed) => "no answer in time".to_owned(),
        };
        Err(format!("cannot connect to {}: {reason}", self.authority).into())
    }

    fn http_settings(&self) -> http2::Builder<Executor> {
        let mut builder = http2::Builder::new(Executor);
        builder
            .timer(Timer)
            .keep_alive_interval(self.options.keep_alive_interval)
            .keep_alive_timeout(self.options.keep_alive_timeout)
            .keep_alive_while_idle(self.options.keep_alive_while_idle)
            .initial_stream_window_size(self.options.stream_window_bytes)
            // Answers to calls that were given up meanwhile. By default h2 takes the 1024th frame of such
            // for an attack and ends the connection, with all the calls that wait.
            .max_local_error_reset_streams(None);
        builder
    }
}

enum Look {
    Connected(http2::SendRequest<Body>),
    Dialling(Arc<Dial>),
    Failed(Arc<str>),
}

/// The task of a dial. Also when it is dropped unfinished, nobody waits for ever.
struct Dialling {
    shared: Arc<Shared>,
    dial: Arc<Dial>,
}

impl Dialling {
    async fn run(self) {
        let outcome = self.shared.dial().await;
        self.report(&outcome);
        let link = match outcome.clone() {
            Ok(connection) => Link::Up(connection),
            Err(error) => {
                let failures = self.dial.failures.saturating_add(1);
                let pause = backoff(failures, self.shared.options.backoff_max);
                Link::Down {
                    error,
                    failures,
                    retry_at: clock::now() + pause,
                }
            }
        };
        self.finish(outcome, link);
    }

    /// Says when the far end is lost and when it is back, once each, not at every attempt.
    fn report(&self, outcome: &Result<http2::SendRequest<Body>, Arc<str>>) {
        match (outcome, self.dial.failures) {
            (Err(error), 0) => warn!("{error}; trying on"),
            (Ok(_), 1..) => info!(peer = %self.shared.authority, "connected again"),
            _ => {}
        }
    }

    fn finish(&self, outcome: Result<http2::SendRequest<Body>, Arc<str>>, link: Link) {
        if self.dial.outcome.set(outcome).is_ok() {
            *self.shared.link() = link;
            self.dial.done.raise();
        }
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        self.finish(
            Err("the runtime of this connection has stopped".into()),
            Link::Idle,
        );
    }
}

/// The pause after that many failed dials in a row.
fn backoff(failures: u32, max: Duration) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    (BACKOFF_MIN * (1 << doublings)).min(max)
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Body>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Status>> + Send>>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let timeout = deadline::timeout_of(request.headers());
        let call = Self::call(self.clone(), request);
        Box::pin(async move { deadline::within(timeout, call).await? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_bound() {
        let max = Duration::from_secs(1);
        let pauses = [1, 2, 3, 6, 7, u32::MAX].map(|failures| backoff(failures, max).as_millis());
        assert_eq!(pauses, [20, 40, 80, 640, 1000, 1000]);
    }
}
