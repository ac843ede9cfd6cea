//! Each service once, end to end, against a single member. What answers look like in every corner
//! is tested inside the server, without processes.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use quorate_server::proto::{
    etcdserverpb::{
        compare::{CompareResult, CompareTarget, TargetUnion},
        maintenance_client::MaintenanceClient,
        request_op::Request as Op,
        response_op::Response as Answer,
        *,
    },
    mvccpb::event::EventType,
};
use tonic::Code;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

use crate::harness::{Client, Cluster, eventually, lease_id, put, run};

/// Short, since a single member waits for it at its start; the shortest lease is then 1 s.
const FAST: &[&str] = &["--heartbeat-interval=20", "--election-timeout=100"];

/// Expiry is noticed, proposed and applied within this time.
const EXPIRY_LIMIT: Duration = Duration::from_secs(15);

fn with_a_member(scenario: impl AsyncFnOnce(&Client)) {
    run(async |directory| {
        let cluster = Cluster::start(&directory, 1, FAST).await;
        scenario(cluster.members[0].client()).await;
    });
}

#[test]
fn keys_are_put_read_changed_together_deleted_and_compacted() {
    with_a_member(async |client| {
        let first = client.put("a", "1").await.expect("put");
        assert_eq!(first, 2, "an empty store is at revision 1");
        assert_eq!(client.put("b", "2").await.expect("put"), 3);
        assert_eq!(
            client.get("a").await.expect("get").as_deref(),
            Some(b"1".as_slice())
        );

        let response = client
            .kv()
            .txn(swap("a", "1", "new"))
            .await
            .expect("txn")
            .into_inner();
        assert!(response.succeeded);
        let response = client
            .kv()
            .txn(swap("a", "1", "never"))
            .await
            .expect("txn")
            .into_inner();
        assert!(!response.succeeded);
        let Some(Answer::ResponseRange(range)) = &response.responses[0].response else {
            panic!("{response:?}");
        };
        assert_eq!(range.kvs[0].value, "new");

        let request = DeleteRangeRequest {
            key: "b".into(),
            prev_kv: true,
            ..Default::default()
        };
        let deleted = client
            .kv()
            .delete_range(request)
            .await
            .expect("delete")
            .into_inner();
        assert_eq!(
            (deleted.deleted, &*deleted.prev_kvs[0].value),
            (1, b"2".as_slice())
        );
        assert_eq!(client.get("b").await.expect("get"), None);

        let old = RangeRequest {
            key: "a".into(),
            revision: first,
            ..Default::default()
        };
        let found = client
            .kv()
            .range(old.clone())
            .await
            .expect("an old revision")
            .into_inner();
        assert_eq!(found.kvs[0].value, "1");
        let compaction = CompactionRequest {
            revision: 5,
            physical: true,
        };
        client.kv().compact(compaction).await.expect("compact");
        let gone = client.kv().range(old).await.expect_err("compacted");
        let text = "etcdserver: mvcc: required revision has been compacted";
        assert_eq!((gone.code(), gone.message()), (Code::OutOfRange, text));
    });
}

/// If `key` is `from`, makes it `to`; else reads it.
fn swap(key: &'static str, from: &'static str, to: &str) -> TxnRequest {
    let read = RangeRequest {
        key: key.into(),
        ..Default::default()
    };
    let op = |request| {
        vec![RequestOp {
            request: Some(request),
        }]
    };
    TxnRequest {
        compare: vec![Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Value.into(),
            key: key.into(),
            target_union: Some(TargetUnion::Value(from.into())),
            ..Default::default()
        }],
        success: op(Op::RequestPut(put(key, to))),
        failure: op(Op::RequestRange(read)),
    }
}

#[test]
fn a_range_is_streamed() {
    with_a_member(async |client| {
        for number in 0..100 {
            let key = format!("k/{number:02}");
            client.put(&key, "x").await.expect("put");
        }
        let request = RangeRequest {
            key: "k/".into(),
            range_end: "k0".into(),
            limit: 80,
            ..Default::default()
        };
        let stream = client.kv().range_stream(request).await.expect("a stream");
        let mut stream = stream.into_inner();
        let (mut keys, mut last) = (Vec::new(), RangeResponse::default());
        while let Some(chunk) = stream.message().await.expect("no error") {
            assert_eq!(last.header, None, "only the last chunk has one");
            last = chunk.range_response.expect("always there");
            keys.extend(last.kvs.iter().map(|kv| kv.key.clone()));
        }
        assert!(keys.len() == 80 && keys.is_sorted());
        assert_eq!((last.count, last.more), (100, true));
        assert_eq!(last.header.expect("a header").revision, 101);
    });
}

#[test]
fn what_was_put_before_a_defragmentation_is_there_after_a_crash() {
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 1, FAST).await;
        let member = &mut cluster.members[0];
        member.client().put("a", "1").await.expect("put");
        let mut maintenance = MaintenanceClient::new(member.client().channel());
        let checkpoints = |data_dir: PathBuf| {
            let files = fs::read_dir(data_dir).expect("readable").flatten();
            let names = files.map(|file| file.file_name());
            names
                .filter(|name| name.to_string_lossy().starts_with("checkpoint-"))
                .count()
        };
        assert_eq!(checkpoints(member.data_dir()), 0);
        maintenance
            .defragment(DefragmentRequest {})
            .await
            .expect("done");
        assert_eq!(checkpoints(member.data_dir()), 1);
        member.kill();
        member.start();
        member.serves().await;
        let value = member.client().get("a").await.expect("get");
        assert_eq!(value.as_deref(), Some(b"1".as_slice()));
    });
}

#[test]
fn services_are_listed() {
    with_a_member(async |client| {
        let mut reflection = ServerReflectionClient::new(client.channel());
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(MessageRequest::ListServices(String::new())),
        };
        let asked = futures_util::stream::iter([request]);
        let answers = reflection.server_reflection_info(asked).await;
        let answer = answers.expect("a stream").into_inner().message().await;
        let answer = answer.expect("no error").expect("an answer");
        let Some(MessageResponse::ListServicesResponse(list)) = answer.message_response else {
            panic!("{answer:?}");
        };
        let names: Vec<_> = list.service.iter().map(|it| it.name.as_str()).collect();
        assert!(names.contains(&"etcdserverpb.KV") && names.contains(&"v3lockpb.Lock"));
    });
}

#[test]
fn a_watch_from_a_revision_gets_history_and_then_the_present() {
    with_a_member(async |client| {
        for value in ["1", "2", "3"] {
            client.put("w/a", value).await.expect("put");
        }
        let mut watch = client.watch("w/", 3).await.expect("watch");
        let request = DeleteRangeRequest {
            key: "w/a".into(),
            ..Default::default()
        };
        client.kv().delete_range(request).await.expect("delete");
        client.put("other", "x").await.expect("put");
        client.put("w/b", "4").await.expect("put");
        let events = watch.events(4).await.expect("events");
        let seen = events.iter().map(|event| {
            let kv = event.kv.as_ref().expect("every event has a key");
            (
                event.r#type(),
                kv.mod_revision,
                String::from_utf8_lossy(&kv.value),
            )
        });
        let expected = [
            (EventType::Put, 3, "2"),
            (EventType::Put, 4, "3"),
            (EventType::Delete, 5, ""),
            (EventType::Put, 7, "4"),
        ];
        assert!(seen.eq(expected.map(|(kind, revision, value)| (kind, revision, value.into()))));
    });
}

#[test]
fn leases_are_granted_kept_alive_revoked_and_expire() {
    with_a_member(async |client| {
        let granted_at = Instant::now();
        let short = lease_id(client.grant(0, 2).await);
        let long = lease_id(client.grant(77, 1000).await);
        assert_eq!(long, 77);
        for (key, lease) in [("l/short", short), ("l/long", long)] {
            let request = PutRequest {
                lease,
                ..put(key, "x")
            };
            client.kv().put(request).await.expect("put");
        }
        let mut watch = client.watch("l/", 0).await.expect("watch");
        assert_eq!(
            client.keep_alive_once(long).await.expect("keep-alive"),
            1000
        );
        assert_eq!(
            client.keep_alive_once(404).await.expect("keep-alive"),
            0,
            "no such lease"
        );
        let times = client.time_to_live(long).await.expect("time to live");
        assert_eq!((times.granted_ttl, times.keys.len()), (1000, 1));
        assert!((990..=1000).contains(&times.ttl), "{times:?}");

        let expired = watch
            .events(1)
            .await
            .expect("the short lease expires")
            .remove(0);
        let after = granted_at.elapsed();
        assert!(
            after >= Duration::from_secs(2),
            "it expired early: {after:?}"
        );
        assert!(after < EXPIRY_LIMIT, "it expired late: {after:?}");
        assert_eq!(expired.r#type(), EventType::Delete);
        assert_eq!(expired.kv.expect("a key").key, "l/short");
        assert_eq!(client.time_to_live(short).await.expect("an answer").ttl, -1);

        client
            .lease()
            .lease_revoke(LeaseRevokeRequest { id: long })
            .await
            .expect("revoke");
        let revoked = watch.events(1).await.expect("its key is deleted").remove(0);
        assert_eq!(revoked.kv.expect("a key").key, "l/long");
        let again = client
            .lease()
            .lease_revoke(LeaseRevokeRequest { id: long })
            .await;
        let again = again.expect_err("it is gone");
        let text = "etcdserver: requested lease not found";
        assert_eq!((again.code(), again.message()), (Code::NotFound, text));
    });
}

#[test]
fn a_member_says_who_it_is_and_how_it_is() {
    with_a_member(async |client| {
        let members = client.member_list().await.expect("member list");
        let status = client.status().await.expect("status");
        assert_eq!(members.len(), 1);
        assert_eq!(members[0].name, "m1");
        assert_eq!(members[0].id, status.leader);
        assert_eq!(status.header.expect("a header").member_id, status.leader);
        assert_eq!(status.version, "3.5.30");
        assert!(status.raft_applied_index > 0 && status.raft_term > 0);
        assert!(status.errors.is_empty());

        let ok = "HTTP/1.1 200 OK";
        let healthy = r#"{"health":"true","reason":""}"#;
        assert_eq!(
            client.http_get("/health").await,
            (ok.to_owned(), healthy.to_owned())
        );
        eventually("a cluster version", EXPIRY_LIMIT, async || {
            let version = r#"{"etcdserver":"3.5.30","etcdcluster":"3.5.0"}"#;
            (client.http_get("/version").await == (ok.to_owned(), version.to_owned())).then_some(())
        })
        .await;
    });
}
