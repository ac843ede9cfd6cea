//! Watches over the wire.

use std::time::Duration;

use tokio::sync::mpsc;
use tonic::{Code, Streaming};

use super::support::{Member, delete, put, requests, revision};
use crate::{
    clock,
    proto::{
        etcdserverpb::{watch_request::RequestUnion, *},
        mvccpb::event::EventType,
    },
    runtime,
};

/// One stream, as a client holds it.
struct Stream {
    requests: mpsc::Sender<WatchRequest>,
    responses: Streaming<WatchResponse>,
}

impl Stream {
    async fn open(member: &Member) -> Self {
        let (requests, stream) = requests();
        let responses = member
            .watch()
            .watch(stream)
            .await
            .expect("a stream")
            .into_inner();
        Self {
            requests,
            responses,
        }
    }

    async fn send(&self, request: RequestUnion) {
        let request = WatchRequest {
            request_union: Some(request),
        };
        self.requests
            .send(request)
            .await
            .expect("the stream is open");
    }

    async fn create(&mut self, request: WatchCreateRequest) -> WatchResponse {
        self.send(RequestUnion::CreateRequest(request)).await;
        let created = self.next().await;
        assert!(created.created, "{created:?}");
        created
    }

    async fn next(&mut self) -> WatchResponse {
        self.responses
            .message()
            .await
            .expect("no error")
            .expect("a response")
    }

    /// Nothing more comes, as far as a round trip can tell.
    async fn is_silent(&mut self) {
        let pause = Duration::from_millis(50);
        clock::timeout(pause, self.responses.message())
            .await
            .expect_err("nothing comes");
    }
}

fn on_key(key: &'static str) -> WatchCreateRequest {
    WatchCreateRequest {
        key: key.into(),
        ..Default::default()
    }
}

fn on_all() -> WatchCreateRequest {
    WatchCreateRequest {
        range_end: "\0".into(),
        ..on_key("\0")
    }
}

pub(super) async fn events_follow_the_created_response_in_order(member: Member) {
    let mut stream = Stream::open(&member).await;
    let created = stream.create(on_all()).await;
    assert_eq!(
        (created.watch_id, revision(created.header.as_ref())),
        (0, 1)
    );
    let mut kv = member.kv();
    kv.put(put("a", "1")).await.expect("written");
    kv.put(put("b", "2")).await.expect("written");
    kv.delete_range(delete("a")).await.expect("deleted");
    for (expected, key, kind) in [
        (2, "a", EventType::Put),
        (3, "b", EventType::Put),
        (4, "a", EventType::Delete),
    ] {
        let response = stream.next().await;
        assert_eq!(revision(response.header.as_ref()), expected);
        let [event] = &response.events[..] else {
            panic!("one event each")
        };
        let kv = event.kv.as_ref().expect("always there");
        assert_eq!((&*kv.key, kv.mod_revision), (key.as_bytes(), expected));
        assert_eq!((event.r#type(), &event.prev_kv), (kind, &None));
    }
}

pub(super) async fn ids_are_assigned_cancelled_and_refused_as_in_etcd(member: Member) {
    let mut stream = Stream::open(&member).await;
    assert_eq!(stream.create(on_key("a")).await.watch_id, 0);
    assert_eq!(stream.create(on_key("a")).await.watch_id, 1);
    let again = stream
        .create(WatchCreateRequest {
            watch_id: 1,
            ..on_key("a")
        })
        .await;
    let duplicate = "mvcc: duplicate watch ID provided on the WatchStream";
    assert_eq!(
        (again.watch_id, again.canceled, &*again.cancel_reason),
        (-1, true, duplicate)
    );
    let empty = WatchCreateRequest {
        range_end: "a".into(),
        ..on_key("b")
    };
    assert_eq!(
        stream.create(empty).await.cancel_reason,
        "mvcc: watcher range is empty"
    );
    let negative = stream
        .create(WatchCreateRequest {
            start_revision: -1,
            ..on_key("a")
        })
        .await;
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    assert_eq!(
        (&*negative.cancel_reason, negative.compact_revision),
        (compacted, 0)
    );

    stream
        .send(RequestUnion::CancelRequest(WatchCancelRequest {
            watch_id: 99,
        }))
        .await;
    stream
        .send(RequestUnion::CancelRequest(WatchCancelRequest {
            watch_id: 0,
        }))
        .await;
    let canceled = stream.next().await;
    assert_eq!(
        (canceled.watch_id, canceled.canceled, canceled.created),
        (0, true, false)
    );
    stream
        .send(RequestUnion::ProgressRequest(WatchProgressRequest {}))
        .await;
    let progress = stream.next().await;
    assert_eq!(
        (progress.watch_id, revision(progress.header.as_ref())),
        (-1, 1)
    );
    stream
        .requests
        .send(WatchRequest::default())
        .await
        .expect("ignored");
    assert_eq!(stream.create(on_key("a")).await.watch_id, 2, "no id twice");
}

pub(super) async fn history_is_replayed_from_a_revision(member: Member) {
    let mut kv = member.kv();
    for value in ["1", "2", "3"] {
        kv.put(put("a", value)).await.expect("written");
    }
    let mut stream = Stream::open(&member).await;
    stream
        .create(WatchCreateRequest {
            start_revision: 3,
            ..on_key("a")
        })
        .await;
    let replay = stream.next().await;
    let revisions: Vec<_> = replay
        .events
        .iter()
        .map(|event| event.kv.as_ref().expect("set").mod_revision)
        .collect();
    assert_eq!(
        (revisions, revision(replay.header.as_ref())),
        (vec![3, 4], 4)
    );
    kv.put(put("a", "4")).await.expect("written");
    assert_eq!(
        revision(stream.next().await.header.as_ref()),
        5,
        "live after that"
    );
}

pub(super) async fn a_compacted_revision_cancels(member: Member) {
    let mut kv = member.kv();
    for value in ["1", "2", "3"] {
        kv.put(put("a", value)).await.expect("written");
    }
    let compaction = CompactionRequest {
        revision: 4,
        physical: true,
    };
    kv.compact(compaction).await.expect("compacted");
    let mut stream = Stream::open(&member).await;
    stream
        .create(WatchCreateRequest {
            start_revision: 2,
            ..on_key("a")
        })
        .await;
    let canceled = stream.next().await;
    assert_eq!((canceled.canceled, canceled.compact_revision), (true, 4));
    assert_eq!(
        (revision(canceled.header.as_ref()), &*canceled.cancel_reason),
        (0, "")
    );
}

pub(super) async fn half_close_does_not_end_the_stream(member: Member) {
    let Stream {
        requests,
        mut responses,
    } = {
        let mut stream = Stream::open(&member).await;
        stream.create(on_key("a")).await;
        stream
    };
    drop(requests);
    for value in ["1", "2"] {
        member.kv().put(put("a", value)).await.expect("written");
        let event = responses
            .message()
            .await
            .expect("no error")
            .expect("an event");
        assert_eq!(event.events[0].kv.as_ref().expect("set").value, value);
    }
}

pub(super) async fn filters_and_prev_kv_shape_events(member: Member) {
    let mut stream = Stream::open(&member).await;
    let no_put = watch_create_request::FilterType::Noput.into();
    let deletes = WatchCreateRequest {
        filters: vec![no_put],
        prev_kv: true,
        ..on_key("a")
    };
    stream.create(deletes).await;
    let mut kv = member.kv();
    kv.put(put("a", "1")).await.expect("written");
    kv.delete_range(delete("a")).await.expect("deleted");
    let response = stream.next().await;
    let [event] = &response.events[..] else {
        panic!("the delete only")
    };
    assert_eq!(event.r#type(), EventType::Delete);
    assert_eq!(event.prev_kv.as_ref().expect("asked for").value, "1");
    stream.is_silent().await;
}

pub(super) async fn large_responses_are_fragmented_on_request(member: Member) {
    let mut kv = member.kv();
    for _ in 0..3 {
        kv.put(put("a", vec![7; 1 << 20])).await.expect("written");
    }
    let mut stream = Stream::open(&member).await;
    stream
        .create(WatchCreateRequest {
            start_revision: 2,
            fragment: true,
            ..on_key("a")
        })
        .await;
    let mut events = 0;
    while events < 3 {
        let part = stream.next().await;
        events += part.events.len();
        assert!(prost::Message::encoded_len(&part) < 1_572_864 + 512 * 1024);
    }
}

pub(super) async fn stopping_the_server_ends_streams(member: Member) {
    let mut stream = Stream::open(&member).await;
    stream.create(on_key("a")).await;
    let stopped = runtime::spawn(member.server.stop());
    let status = stream.responses.message().await.expect_err("the end");
    assert_eq!(
        (status.code(), status.message()),
        (Code::Unavailable, "etcdserver: server stopped")
    );
    drop(stream);
    stopped.await.expect("it stops");
}
