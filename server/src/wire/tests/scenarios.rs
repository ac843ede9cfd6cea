//! What a client may do to a server, on either wire.

use std::time::Duration;

use futures_util::stream;
use http_body_util::BodyExt as _;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    sync::mpsc,
};
use tonic::{Code, Request, Status, body::Body};
use tower::ServiceExt as _;

use super::{
    Fixture, channel, eventually,
    service::{ANSWER, ENDLESS},
};
use crate::{
    clock,
    proto::etcdserverpb::{
        kv_client::KvClient, lease_client::LeaseClient, watch_client::WatchClient, *,
    },
    wire::net,
};

fn range(key: &'static str) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        ..Default::default()
    }
}

/// A request stream that stays open as long as its sender.
fn requests<T: Send + 'static>() -> (mpsc::Sender<T>, impl stream::Stream<Item = T> + Send) {
    let (sender, mut receiver) = mpsc::channel(8);
    (sender, stream::poll_fn(move |cx| receiver.poll_recv(cx)))
}

pub(super) async fn unary_calls_carry_answers_and_errors(server: Fixture) {
    let mut kv = KvClient::new(server.channel());
    let answer = kv.range(range("a")).await.expect("an answer").into_inner();
    assert_eq!(answer.kvs[0].value, ANSWER);

    let refusal = kv.range(range("")).await.expect_err("an empty key");
    assert_eq!(refusal.code(), Code::InvalidArgument);
    assert_eq!(refusal.message(), "etcdserver: key is not provided");
}

pub(super) async fn big_messages_pass(server: Fixture) {
    let mut kv = KvClient::new(server.channel());
    let value = vec![1; 3 << 20];
    let put = PutRequest {
        key: "k".into(),
        value: value.into(),
        ..Default::default()
    };
    let answer = kv
        .put(put)
        .await
        .expect("below tonic's own limit")
        .into_inner();
    assert_eq!(answer.header.expect("a header").revision, 3 << 20);
}

pub(super) async fn a_server_stream_is_read_to_its_end(server: Fixture) {
    let mut kv = KvClient::new(server.channel());
    let request = RangeRequest {
        limit: 300,
        ..range("a")
    };
    let mut chunks = kv
        .range_stream(request)
        .await
        .expect("a stream")
        .into_inner();
    let mut count = 0;
    while let Some(chunk) = chunks.message().await.expect("no error") {
        assert_eq!(chunk.range_response.expect("a response").count, count);
        count += 1;
    }
    assert_eq!(count, 300);
}

pub(super) async fn a_slow_reader_holds_the_server_back(server: Fixture) {
    let mut kv = KvClient::new(server.channel());
    let request = RangeRequest {
        limit: ENDLESS,
        ..range("a")
    };
    let mut chunks = kv
        .range_stream(request)
        .await
        .expect("a stream")
        .into_inner();
    chunks
        .message()
        .await
        .expect("no error")
        .expect("a first message");
    // Flow control stops the server: what it produces in one pause, it does not in the next.
    let mut before = 0;
    while server.probe.produced() > before {
        before = server.probe.produced();
        clock::sleep(Duration::from_millis(100)).await;
    }
    assert!(before < 2_000, "produced {before}");
    drop(chunks);
    eventually(|| server.probe.live() == 0).await;
}

pub(super) async fn half_close_leaves_the_other_half_open(server: Fixture) {
    let (sender, stream) = requests();
    let mut watch = WatchClient::new(server.channel());
    let mut answers = watch.watch(stream).await.expect("a stream").into_inner();
    let mut ids = Vec::new();
    for _ in 0..2 {
        sender
            .send(WatchRequest::default())
            .await
            .expect("the stream is open");
        ids.push(
            answers
                .message()
                .await
                .expect("no error")
                .expect("an answer")
                .watch_id,
        );
    }
    drop(sender);
    for _ in 0..2 {
        ids.push(
            answers
                .message()
                .await
                .expect("no error")
                .expect("an answer")
                .watch_id,
        );
    }
    assert_eq!(ids, [0, 1, -1, -2]);
    assert_eq!(server.probe.live(), 1);
    drop(answers);
    eventually(|| server.probe.live() == 0).await;

    let three = [5, 6, 7].map(|id| LeaseKeepAliveRequest { id });
    let mut lease = LeaseClient::new(server.channel());
    let echo = lease
        .lease_keep_alive(stream::iter(three))
        .await
        .expect("a stream");
    let mut echo = echo.into_inner();
    let mut ids = Vec::new();
    while let Some(answer) = echo.message().await.expect("no error") {
        ids.push(answer.id);
    }
    assert_eq!(
        ids,
        [5, 6, 7],
        "answered in order, and ended by the client's end"
    );
}

pub(super) async fn a_deadline_ends_the_call_on_both_sides(server: Fixture) {
    let mut kv = KvClient::new(server.channel());
    let mut request = Request::new(range("never"));
    request.set_timeout(Duration::from_millis(100));
    let before = clock::now();
    let expired = kv.range(request).await.expect_err("it never answers");
    assert_eq!(expired.code(), Code::DeadlineExceeded);
    assert_eq!(expired.message(), "context deadline exceeded");
    assert!(before.elapsed() >= Duration::from_millis(100));
    eventually(|| server.probe.live() == 0).await;
    kv.range(range("a")).await.expect("the connection lives on");
}

pub(super) async fn dropping_a_call_cancels_its_handler(server: Fixture) {
    let mut kv = KvClient::new(server.channel());
    let mut other = kv.clone();
    {
        let call = kv.range(range("never"));
        let entered = eventually(|| server.probe.live() == 1);
        tokio::select! {
            biased;
            _ = call => panic!("it never answers"),
            () = entered => {}
        }
    }
    eventually(|| server.probe.live() == 0).await;
    other
        .range(range("a"))
        .await
        .expect("the connection lives on");
}

pub(super) async fn http_routes_share_the_port(server: Fixture) {
    let get = |path: &str| {
        http::Request::get(path)
            .body(Body::empty())
            .expect("a request")
    };
    let answer = server
        .channel()
        .oneshot(get("/health"))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), http::StatusCode::OK);
    let body = answer
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    assert_eq!(body, "fine");

    let mut http1 = net::connect(&server.addr.to_string())
        .await
        .expect("connected")
        .into_inner();
    let request = b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    http1.write_all(request).await.expect("written");
    http1.flush().await.expect("flushed");
    let mut answer = vec![0; 4096];
    let length = http1.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..length]).to_lowercase();
    assert!(answer.starts_with("http/1.1 200 ok\r\n"), "{answer}");
}

pub(super) async fn a_refused_dial_is_unavailable_and_backs_off(server: Fixture) {
    let mut nobody = server.addr;
    nobody.set_port(9);
    let mut kv = KvClient::new(channel(nobody));
    let refused = kv.range(range("a")).await.expect_err("nobody listens");
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(
        refused.message().starts_with("cannot connect to "),
        "{}",
        refused.message()
    );
    // Again and again: within the pauses calls fail at once, and the text stays.
    for _ in 0..20 {
        let again = kv.range(range("a")).await.expect_err("nobody listens");
        assert_eq!(again.message(), refused.message());
        clock::sleep(Duration::from_millis(1)).await;
    }
}

pub(super) async fn a_stop_lets_calls_finish_and_refuses_new_ones(server: Fixture) {
    let mut kv = KvClient::new(server.channel());
    let mut late = KvClient::new(server.channel());
    let slow = crate::runtime::spawn(async move { kv.range(range("slow")).await });
    eventually(|| server.probe.live() == 1).await;
    server.stop.raise();
    let answer = slow
        .await
        .expect("no panic")
        .expect("a call in progress finishes");
    assert_eq!(answer.into_inner().count, 1);
    server.served.await.expect("it ends without being cut");
    let refused = late
        .range(range("a"))
        .await
        .expect_err("nobody listens any more");
    assert_eq!(refused.code(), Code::Unavailable);
}

pub(super) async fn a_stop_cuts_streams_after_the_grace(server: Fixture) {
    let (_sender, stream) = requests();
    let mut watch = WatchClient::new(server.channel());
    let mut answers = watch.watch(stream).await.expect("a stream").into_inner();
    let before = clock::now();
    server.stop.raise();
    let cut: Status = loop {
        match answers.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("a cut is not a regular end"),
            Err(status) => break status,
        }
    };
    assert_eq!(cut.code(), Code::Unavailable);
    assert!(
        before.elapsed() >= Duration::from_millis(990),
        "it had its grace"
    );
    server.served.await.expect("it ends");
}

#[cfg(not(madsim))]
pub(super) async fn a_channel_survives_its_server(server: Fixture) {
    let mut kv = KvClient::new(server.channel());
    kv.range(range("a")).await.expect("an answer");
    let addr = server.addr;
    server.stop.raise();
    server.served.await.expect("it ends");
    kv.range(range("a")).await.expect_err("nobody listens");
    let _next = Fixture::start(addr).await;
    while kv.range(range("a")).await.is_err() {
        clock::sleep(Duration::from_millis(5)).await;
    }
}
