//! Watch streams with messages that say nothing, or that say no more.

use std::time::Duration;

use quorate_server::proto::etcdserverpb::{watch_request::RequestUnion, *};
use tokio::sync::mpsc;
use tonic::Streaming;

use super::on_both;
use crate::{grpc::Caller, harness::put};

/// A server that has not said anything by then says nothing.
const LIMIT: Duration = Duration::from_secs(20);

/// Corner case 96.
#[test]
fn an_empty_watch_request_is_ignored() {
    on_both(&[], async |caller, _| {
        let (requests, mut responses) = watch(caller, None).await;
        send(&requests, None);
        send(&requests, Some(create("b")));
        let created = next(&mut responses).await;
        assert!(created.created && created.watch_id == 1, "{created:?}");
        caller.kv().put(put("b", "1")).await.expect("put");
        let told = next(&mut responses).await;
        assert_eq!((told.watch_id, told.events.len()), (1, 1));
    });
}

/// Corner case 97.
#[test]
fn a_half_closed_watch_goes_on() {
    on_both(&[], async |caller, _| {
        let (requests, mut responses) = watch(caller, None).await;
        drop(requests);
        for revision in 2..5 {
            caller.kv().put(put("a", "1")).await.expect("put");
            let told = next(&mut responses).await;
            assert_eq!(told.header.expect("a header").revision, revision);
            assert_eq!(told.events.len(), 1);
        }
    });
}

type Requests = mpsc::UnboundedSender<WatchRequest>;

/// A stream with one watcher, which is there.
pub(super) async fn watch(
    caller: &Caller,
    token: Option<&str>,
) -> (Requests, Streaming<WatchResponse>) {
    let (requests, mut outgoing) = mpsc::unbounded_channel();
    send(&requests, Some(create("a")));
    let outgoing = futures_util::stream::poll_fn(move |cx| outgoing.poll_recv(cx));
    let mut request = tonic::Request::new(outgoing);
    crate::grpc::authorize(token, &mut request);
    let responses = caller.watch().watch(request).await.expect("a stream");
    let mut responses = responses.into_inner();
    let created = next(&mut responses).await;
    assert!(created.created, "{created:?}");
    (requests, responses)
}

fn create(key: &'static str) -> RequestUnion {
    RequestUnion::CreateRequest(WatchCreateRequest {
        key: key.into(),
        ..Default::default()
    })
}

fn send(requests: &Requests, request_union: Option<RequestUnion>) {
    let request = WatchRequest { request_union };
    requests.send(request).expect("the stream is open");
}

async fn next(responses: &mut Streaming<WatchResponse>) -> WatchResponse {
    let response = tokio::time::timeout(LIMIT, responses.message()).await;
    let response = response.expect("the server says something");
    response.expect("the stream lives").expect("and goes on")
}
