//! The Watch service: a stream of requests in, a stream of responses out, many watchers on it.

use std::{future::Future, pin::Pin, sync::Arc};

use futures_util::stream;
use quorate_core::{
    View,
    auth::Author,
    planted::{Bug, is_planted},
    watch::CreateRequest,
};
use tonic::{Request, Response, Status, Streaming};

use super::{
    ResponseStream, caller::Caller, context::Context, convert, errors::ApiError, metadata,
};
use crate::{
    clock,
    node::{NodeError, WatchStream},
    proto::etcdserverpb::{
        WatchRequest, WatchResponse, watch_request::RequestUnion, watch_server::Watch,
    },
    wire::in_grpc_words,
};

/// Up to so much of the interval is added to it at random, so that streams opened together do not
/// speak together.
const PROGRESS_JITTER: f64 = 0.1;

/// See the module.
pub(super) struct WatchService(Context);

#[tonic::async_trait]
impl Watch for WatchService {
    type WatchStream = ResponseStream<WatchResponse>;

    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let session = Session::open(self.0.clone(), caller, request);
        Ok(Response::new(Box::pin(stream::unfold(
            Some(session),
            Session::respond,
        ))))
    }
}

impl WatchService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

/// One call. It runs while the client takes responses, and ends when the client cancels it.
struct Session {
    context: Context,
    caller: Caller,
    watch: WatchStream,
    /// `None` once the client has closed its half. The stream lives on without it.
    requests: Option<Streaming<WatchRequest>>,
    /// Ends when the stream must: the server stops, or there is no leader for too long.
    over: Pin<Box<dyn Future<Output = NodeError> + Send>>,
    /// The next tick for watchers that asked to be told their progress.
    progress: Pin<Box<clock::Sleep>>,
    /// Requests and responses take turns, so that neither can starve the other.
    requests_first: bool,
}

enum Step {
    Over(NodeError),
    ProgressDue,
    Request(Option<Result<WatchRequest, Status>>),
    Response(Option<quorate_core::watch::WatchResponse>),
}

impl Session {
    fn open(context: Context, caller: Caller, request: Request<Streaming<WatchRequest>>) -> Self {
        let watch = context.node.watch();
        let over = Box::pin(over(
            context.clone(),
            metadata::requires_leader(request.metadata()),
        ));
        let requests = Some(request.into_inner());
        let progress = progress_timer(&context);
        Self {
            context,
            caller,
            watch,
            requests,
            over,
            progress,
            requests_first: false,
        }
    }

    /// The next response, or the end: a function for [`stream::unfold`].
    async fn respond(
        session: Option<Self>,
    ) -> Option<(Result<WatchResponse, Status>, Option<Self>)> {
        let mut session = session?;
        loop {
            session.requests_first = !session.requests_first;
            match session.step().await {
                Step::Request(Some(Ok(request))) => session.take(request).await,
                Step::Request(Some(Err(status))) => {
                    return Some((Err(in_grpc_words(status)), None));
                }
                Step::Request(None) => session.requests = None,
                Step::Response(Some(response)) => {
                    let header = session.context.header(response.revision);
                    let response = convert::watch_response(response, header);
                    return Some((Ok(response), Some(session)));
                }
                Step::Response(None) => {
                    return Some((Err(ApiError::from(NodeError::Stopped).into()), None));
                }
                Step::Over(error) => return Some((Err(ApiError::from(error).into()), None)),
                Step::ProgressDue => {
                    session.watch.tick_progress();
                    session.progress = progress_timer(&session.context);
                }
            }
        }
    }

    async fn step(&mut self) -> Step {
        // Answers that nobody takes must not pile up without bound.
        let request = next_request(&mut self.requests, self.watch.is_congested());
        let response = self.watch.next();
        if self.requests_first {
            tokio::select! {
                biased;
                error = &mut self.over => Step::Over(error),
                () = &mut self.progress => Step::ProgressDue,
                request = request => Step::Request(request),
                response = response => Step::Response(response),
            }
        } else {
            tokio::select! {
                biased;
                error = &mut self.over => Step::Over(error),
                () = &mut self.progress => Step::ProgressDue,
                response = response => Step::Response(response),
                request = request => Step::Request(request),
            }
        }
    }

    /// What a request asks for shows in the responses.
    async fn take(&mut self, request: WatchRequest) {
        match request.request_union {
            Some(RequestUnion::CreateRequest(create)) => self.create(convert::create(create)).await,
            Some(RequestUnion::CancelRequest(cancel)) => self.watch.cancel(cancel.watch_id),
            Some(RequestUnion::ProgressRequest(_)) => self.watch.request_progress(),
            None => {}
        }
    }

    /// Whether the caller may is asked now and never again (corner case 137). A no shows on the
    /// stream, which goes on.
    async fn create(&mut self, request: CreateRequest) {
        let may = |state: &View, author: &Author| {
            // What no history has, the hub refuses, whoever asks.
            if request.start_revision >= 0 {
                state.authorize_watch(author, &request.range)?;
            }
            Ok(())
        };
        match self.context.permit(&self.caller, may).await {
            Ok(_) => self.watch.create(request),
            Err(_) if is_planted(Bug::WatchNotAuthorized) => self.watch.create(request),
            Err(error) => self.watch.refuse(in_go_words(&error.into())),
        }
    }
}

/// The text of an error, as a Go server's own client would print it.
fn in_go_words(status: &Status) -> String {
    let (code, text) = (status.code(), status.message());
    format!("rpc error: code = {code:?} desc = {text}")
}

async fn next_request(
    requests: &mut Option<Streaming<WatchRequest>>,
    congested: bool,
) -> Option<Result<WatchRequest, Status>> {
    match requests {
        Some(requests) if !congested => requests.message().await.transpose(),
        _ => std::future::pending().await,
    }
}

fn progress_timer(context: &Context) -> Pin<Box<clock::Sleep>> {
    // Without entropy there is no jitter, which harms nobody.
    let random = f64::from(getrandom::u32().unwrap_or(0)) / f64::from(u32::MAX);
    let interval = context.node.options().progress_interval;
    let jitter = interval.mul_f64(random * PROGRESS_JITTER);
    Box::pin(clock::sleep(interval + jitter))
}

/// Ends when a stream must: the server stops, or there is no leader for too long.
pub(super) async fn over(context: Context, requires_leader: bool) -> NodeError {
    let node = Arc::clone(&context.node);
    let leader_lost = async {
        if !requires_leader {
            return std::future::pending().await;
        }
        metadata::leader_lost(&node).await;
    };
    tokio::select! {
        biased;
        () = context.stop.raised() => NodeError::Stopped,
        () = leader_lost => NodeError::NoLeader,
    }
}
