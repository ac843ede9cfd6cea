//! The server side: accepts connections, spreads them over the workers, and ends them in order.

use std::{convert::Infallible, io, pin::pin, sync::Arc, time::Duration};

use http::{Request, Response};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::sync::mpsc;
use tonic::body::Body;
use tracing::{debug, warn};

use super::{
    deadline, grpc_words,
    hyper_rt::{Executor, Timer},
    net::{Accepted, Listener},
    policed::Policed,
    services::Services,
};
use crate::{
    clock,
    runtime::{Signal, Workers},
};

/// Pause after a failed accept: usually the process is out of file descriptors for a moment.
const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(100);

/// Bytes that may wait on one stream for its handler, and on all of a connection's streams together:
/// a handler that stands still, such as one that keeps a snapshot, must not keep the others from
/// hearing the leader.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 4 << 20;

/// Streams that a client has reset before the server got to see them. hyper allows 20 and then
/// takes the client for an attacker; a client whose watchers or short deadlines all end at once
/// may well reach that.
const PENDING_RESETS_MAX: usize = 1024;

/// How connections are kept and ended.
#[derive(Clone, Copy, Debug)]
pub struct ServeOptions {
    /// Idle time after which the server asks whether the client is still there.
    pub keep_alive_interval: Duration,
    /// How long the client may take to answer that.
    pub keep_alive_timeout: Duration,
    /// Shortest time between two pings of a client with an open stream. One that pings more often
    /// is sent away; no limit is for clients of our own.
    pub keep_alive_min_time: Option<Duration>,
    /// Most open streams of a connection.
    pub concurrent_streams_max: Option<u32>,
    /// How long calls in progress may go on once the server is told to stop.
    pub grace: Duration,
}

impl Default for ServeOptions {
    /// etcd's keep-alive, no limits, and five seconds of grace.
    fn default() -> Self {
        Self {
            keep_alive_interval: Duration::from_secs(2 * 3600),
            keep_alive_timeout: Duration::from_secs(20),
            keep_alive_min_time: None,
            concurrent_streams_max: None,
            grace: Duration::from_secs(5),
        }
    }
}

/// Serves HTTP/2 and HTTP/1.1 on `listener` until `stop` is raised. Then it accepts no more, tells
/// clients to go away, lets calls in progress finish within the grace, and cuts what is left.
/// Returns when no connection is left.
pub async fn serve(
    listener: Listener,
    services: Arc<Services>,
    workers: Workers,
    stop: Signal,
    options: ServeOptions,
) {
    let cut = Signal::new();
    // Every connection holds a sender; when the last one is gone, `recv` says so.
    let (open, mut all_closed) = mpsc::channel::<Infallible>(1);
    loop {
        let accepted = tokio::select! {
            biased;
            () = stop.raised() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok(accepted) => {
                let connection = Connection {
                    services: services.clone(),
                    options,
                    stop: stop.clone(),
                    cut: cut.clone(),
                    _open: open.clone(),
                };
                workers.spawn_on_next(connection.serve(accepted));
            }
            Err(error) => {
                warn!(%error, "cannot accept a connection; trying again");
                clock::sleep(ACCEPT_RETRY_PAUSE).await;
            }
        }
    }
    drop((listener, open));
    if clock::timeout(options.grace, all_closed.recv())
        .await
        .is_err()
    {
        cut.raise();
        all_closed.recv().await;
    }
}

struct Connection {
    services: Arc<Services>,
    options: ServeOptions,
    stop: Signal,
    cut: Signal,
    _open: mpsc::Sender<Infallible>,
}

impl Connection {
    async fn serve(self, accepted: Accepted) {
        let peer = accepted.peer();
        if let Err(error) = self.run(accepted).await {
            debug!(%peer, error, "connection ended");
        }
    }

    async fn run(
        &self,
        accepted: Accepted,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let peer = accepted.peer();
        let stream = accepted.into_stream().inspect_err(|error: &io::Error| {
            warn!(%peer, %error, "cannot set up a connection");
        })?;
        let stream = Policed::new(stream.into_inner(), self.options.keep_alive_min_time);
        let builder = http_settings(&self.options);
        let service = service_fn(|request| answer(self.services.clone(), request));
        let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
        tokio::select! {
            biased;
            ended = connection.as_mut() => return ended,
            () = self.stop.raised() => connection.as_mut().graceful_shutdown(),
        }
        tokio::select! {
            biased;
            ended = connection => ended,
            () = self.cut.raised() => Ok(()),
        }
    }
}

fn http_settings(options: &ServeOptions) -> auto::Builder<Executor> {
    let mut builder = auto::Builder::new(Executor);
    builder.http1().timer(Timer);
    builder
        .http2()
        .timer(Timer)
        .keep_alive_interval(options.keep_alive_interval)
        .keep_alive_timeout(options.keep_alive_timeout)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_concurrent_streams(options.concurrent_streams_max)
        .max_pending_accept_reset_streams(PENDING_RESETS_MAX);
    builder
}

async fn answer(
    services: Arc<Services>,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let timeout = deadline::timeout_of(request.headers());
    let uri = request.uri().clone();
    match deadline::within(timeout, services.answer(request)).await {
        Ok(response) => Ok(grpc_words::rewrite(response, uri.path())),
        Err(expired) => Ok(expired.into_http()),
    }
}
