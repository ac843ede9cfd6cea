//! Keys over the wire.

use std::time::Duration;

use quorate_core::StateMachine;
use tonic::Code;

use super::support::{Member, assert_refused, delete, get, put, revision};
use crate::{
    clock,
    proto::etcdserverpb::{
        compare::{CompareResult, CompareTarget, TargetUnion},
        request_op::Request as Op,
        response_op::Response as OpResponse,
        *,
    },
};

fn op(request: Op) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}

fn version_is(key: &'static str, version: i64) -> Compare {
    Compare {
        key: key.into(),
        result: CompareResult::Equal.into(),
        target: CompareTarget::Version.into(),
        target_union: Some(TargetUnion::Version(version)),
        ..Default::default()
    }
}

pub(super) async fn headers_tell_who_answers_and_the_revision(member: Member) {
    let answer = member
        .kv()
        .range(get("a"))
        .await
        .expect("an answer")
        .into_inner();
    let header = answer.header.expect("a header");
    assert_eq!(header.revision, 1, "of an empty store");
    assert_eq!(header.member_id, member.server.node().member_id());
    assert_eq!(header.cluster_id, member.server.node().cluster_id());
    assert!(header.raft_term > 0);
    assert_eq!((answer.count, answer.more), (0, false));
}

pub(super) async fn a_put_can_be_read_and_deleted(member: Member) {
    let mut kv = member.kv();
    let first = kv.put(put("a", "1")).await.expect("written").into_inner();
    assert_eq!((revision(first.header.as_ref()), first.prev_kv), (2, None));
    let again = PutRequest {
        prev_kv: true,
        ..put("a", "2")
    };
    let again = kv.put(again).await.expect("written").into_inner();
    assert_eq!(again.prev_kv.expect("there was one").value, "1");

    let read = kv.range(get("a")).await.expect("read").into_inner();
    let found = &read.kvs[0];
    assert_eq!(
        (found.create_revision, found.mod_revision, found.version),
        (2, 3, 2)
    );
    let old = RangeRequest {
        revision: 2,
        ..get("a")
    };
    let old = kv.range(old).await.expect("read").into_inner();
    assert_eq!(
        (&*old.kvs[0].value, revision(old.header.as_ref())),
        (&b"1"[..], 3)
    );

    let gone = DeleteRangeRequest {
        prev_kv: true,
        ..delete("a")
    };
    let gone = kv.delete_range(gone).await.expect("deleted").into_inner();
    assert_eq!(
        (
            gone.deleted,
            gone.prev_kvs.len(),
            revision(gone.header.as_ref())
        ),
        (1, 1, 4)
    );
    let nothing = kv
        .delete_range(delete("a"))
        .await
        .expect("deleted")
        .into_inner();
    assert_eq!((nothing.deleted, revision(nothing.header.as_ref())), (0, 4));
}

pub(super) async fn what_is_wrong_is_refused_in_etcds_words(member: Member) {
    let mut kv = member.kv();
    let invalid = Code::InvalidArgument;
    assert_refused(
        kv.range(get("")).await,
        invalid,
        "etcdserver: key is not provided",
    );
    assert_refused(
        kv.put(put("", "v")).await,
        invalid,
        "etcdserver: key is not provided",
    );
    assert_refused(
        kv.delete_range(delete("")).await,
        invalid,
        "etcdserver: key is not provided",
    );
    let sort = RangeRequest {
        sort_target: 9,
        ..get("a")
    };
    assert_refused(
        kv.range(sort).await,
        invalid,
        "etcdserver: invalid sort option",
    );
    let value = PutRequest {
        ignore_value: true,
        ..put("a", "v")
    };
    assert_refused(
        kv.put(value).await,
        invalid,
        "etcdserver: value is provided",
    );
    let lease = PutRequest {
        ignore_lease: true,
        lease: 7,
        ..put("a", "v")
    };
    assert_refused(
        kv.put(lease).await,
        invalid,
        "etcdserver: lease is provided",
    );
    let absent = PutRequest {
        ignore_value: true,
        ..put("absent", "")
    };
    assert_refused(kv.put(absent).await, invalid, "etcdserver: key not found");
    let unknown = PutRequest {
        lease: -1,
        ..put("a", "v")
    };
    let not_found = "etcdserver: requested lease not found";
    assert_refused(kv.put(unknown).await, Code::NotFound, not_found);
    let future = RangeRequest {
        revision: 1000,
        ..get("a")
    };
    let text = "etcdserver: mvcc: required revision is a future revision";
    assert_refused(kv.range(future).await, Code::OutOfRange, text);
    let twice = TxnRequest {
        success: vec![
            op(Op::RequestPut(put("k", ""))),
            op(Op::RequestPut(put("k", ""))),
        ],
        ..Default::default()
    };
    assert_refused(
        kv.txn(twice).await,
        invalid,
        "etcdserver: duplicate key given in txn request",
    );
    let many = TxnRequest {
        success: vec![op(Op::RequestRange(get("k"))); 129],
        ..Default::default()
    };
    assert_refused(
        kv.txn(many).await,
        invalid,
        "etcdserver: too many operations in txn request",
    );
}

pub(super) async fn a_transaction_takes_one_branch_and_one_revision(member: Member) {
    let mut kv = member.kv();
    let create_or_read = TxnRequest {
        compare: vec![version_is("a", 0)],
        success: vec![
            op(Op::RequestPut(put("a", "1"))),
            op(Op::RequestRange(get("a"))),
        ],
        failure: vec![op(Op::RequestRange(get("a")))],
    };
    let created = kv
        .txn(create_or_read.clone())
        .await
        .expect("run")
        .into_inner();
    assert!(created.succeeded);
    assert_eq!(revision(created.header.as_ref()), 2);
    let [put, read] = &created.responses[..] else {
        panic!("an answer to each operation")
    };
    let (Some(OpResponse::ResponsePut(put)), Some(OpResponse::ResponseRange(read))) =
        (&put.response, &read.response)
    else {
        panic!("of its kind");
    };
    let only_revision = ResponseHeader {
        revision: 2,
        ..Default::default()
    };
    assert_eq!(
        (put.header, read.header),
        (Some(only_revision), Some(only_revision))
    );
    assert_eq!(read.kvs[0].value, "1", "it sees the write before it");

    let second = kv.txn(create_or_read).await.expect("run").into_inner();
    assert_eq!((second.succeeded, second.responses.len()), (false, 1));
    assert_eq!(
        revision(second.header.as_ref()),
        2,
        "reading is no new revision"
    );
}

pub(super) async fn a_transaction_that_only_reads_is_no_write(member: Member) {
    let mut kv = member.kv();
    kv.put(put("a", "1")).await.expect("written");
    // What the member tells the cluster of itself goes there, too.
    let is_told = |state: &StateMachine| {
        state.cluster_version().is_some() && state.member_attributes().next().is_some()
    };
    while !member.server.node().with_state(is_told) {
        clock::sleep(Duration::from_millis(5)).await;
    }
    let applied = member.server.node().status().applied_index;
    let reads = TxnRequest {
        compare: vec![version_is("a", 1)],
        success: vec![op(Op::RequestRange(get("a")))],
        ..Default::default()
    };
    let answer = kv.txn(reads).await.expect("run").into_inner();
    assert!(answer.succeeded);
    let empty = kv
        .txn(TxnRequest::default())
        .await
        .expect("run")
        .into_inner();
    assert_eq!((empty.succeeded, empty.responses.len()), (true, 0));
    assert_eq!(
        member.server.node().status().applied_index,
        applied,
        "nothing went to the log"
    );
}

pub(super) async fn compaction_hides_the_past(member: Member) {
    let mut kv = member.kv();
    for value in ["1", "2", "3"] {
        kv.put(put("a", value)).await.expect("written");
    }
    let compaction = CompactionRequest {
        revision: 3,
        physical: true,
    };
    let done = kv
        .compact(compaction)
        .await
        .expect("compacted")
        .into_inner();
    assert_eq!(revision(done.header.as_ref()), 4);
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    assert_refused(kv.compact(compaction).await, Code::OutOfRange, compacted);
    let below = RangeRequest {
        revision: 2,
        ..get("a")
    };
    assert_refused(kv.range(below).await, Code::OutOfRange, compacted);
    let at = RangeRequest {
        revision: 3,
        ..get("a")
    };
    assert_eq!(
        kv.range(at).await.expect("readable").into_inner().kvs[0].value,
        "2"
    );
    let future = CompactionRequest {
        revision: 100,
        physical: false,
    };
    let text = "etcdserver: mvcc: required revision is a future revision";
    assert_refused(kv.compact(future).await, Code::OutOfRange, text);
}

pub(super) async fn requests_have_a_size_limit(member: Member) {
    const MAX: usize = 1_572_864;
    let mut kv = member.kv();
    kv.put(put("key", vec![0; MAX - 100]))
        .await
        .expect("just below");
    let large = kv.put(put("key", vec![0; MAX])).await;
    assert_refused(
        large,
        Code::InvalidArgument,
        "etcdserver: request is too large",
    );
    let huge = kv
        .put(put("key", vec![0; 3 << 20]))
        .await
        .expect_err("above the message limit");
    assert_eq!(huge.code(), Code::ResourceExhausted);
    assert!(
        huge.message()
            .starts_with("grpc: received message larger than max (31457")
    );
    assert!(
        huge.message().ends_with(" vs. 2097152)"),
        "{}",
        huge.message()
    );
}

pub(super) async fn what_does_not_exist_is_unimplemented(member: Member) {
    let mut grpc = tonic::client::Grpc::new(member.channel());
    for (path, text) in [
        (
            "/etcdserverpb.KV/Nope",
            "unknown method Nope for service etcdserverpb.KV",
        ),
        (
            "/etcdserverpb.Nope/Range",
            "unknown service etcdserverpb.Nope",
        ),
        (
            "/etcdserverpb.KV/Range/Nope",
            "unknown service etcdserverpb.KV/Range",
        ),
        ("/nope", r#"malformed method name: "/nope""#),
    ] {
        grpc.ready().await.expect("a channel is always ready");
        let path = http::uri::PathAndQuery::from_static(path);
        let codec = tonic_prost::ProstCodec::<RangeRequest, RangeResponse>::default();
        let answer = grpc.unary(tonic::Request::new(get("a")), path, codec).await;
        assert_refused(answer, Code::Unimplemented, text);
    }
}

pub(super) async fn a_wide_interval_is_read_like_a_narrow_one(member: Member) {
    const KEYS: usize = 1_200;
    const KEYS_PER_TXN: usize = 100;
    let mut kv = member.kv();
    let keys: Vec<String> = (0..KEYS).map(|number| format!("w/{number:05}")).collect();
    for chunk in keys.chunks(KEYS_PER_TXN) {
        let puts = chunk.iter().map(|key| PutRequest {
            key: key.clone().into(),
            value: key.clone().into(),
            ..Default::default()
        });
        let txn = TxnRequest {
            success: puts.map(|put| op(Op::RequestPut(put))).collect(),
            ..Default::default()
        };
        kv.txn(txn).await.expect("written");
    }
    let all = RangeRequest {
        range_end: "w0".into(),
        ..get("w/")
    };
    let is_all = |answer: &RangeResponse| {
        let read = answer.kvs.iter().map(|kv| (&kv.key[..], &kv.value[..]));
        answer.count == KEYS as i64
            && read.eq(keys.iter().map(|key| (key.as_bytes(), key.as_bytes())))
    };
    let answer = kv.range(all.clone()).await.expect("read").into_inner();
    assert!(is_all(&answer) && revision(answer.header.as_ref()) == 13);

    let reads = TxnRequest {
        success: vec![op(Op::RequestRange(all.clone()))],
        ..Default::default()
    };
    let mut answer = kv.txn(reads).await.expect("run").into_inner();
    let Some(OpResponse::ResponseRange(answer)) = answer.responses.remove(0).response else {
        panic!("a range is answered as a range");
    };
    assert!(is_all(&answer));

    let ahead = RangeRequest {
        revision: 99,
        ..all
    };
    let future = "etcdserver: mvcc: required revision is a future revision";
    assert_refused(kv.range(ahead).await, Code::OutOfRange, future);
}
