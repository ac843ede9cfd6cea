//! Ranges as streams.

use prost::Message as _;
use tonic::{Code, Status, Streaming};

use super::support::{Member, assert_refused, get, put, revision};
use crate::proto::etcdserverpb::{range_request::*, *};

/// Keys that fill several chunks, each twice as large as the one before, and an odd one.
const KEYS: usize = 75;

async fn fill(member: &Member) {
    let mut kv = member.kv();
    for n in 0..KEYS {
        let request = PutRequest {
            key: format!("k{n:03}").into(),
            ..put("", format!("value {n}"))
        };
        kv.put(request).await.expect("written");
    }
}

fn all() -> RangeRequest {
    RangeRequest {
        range_end: "l".into(),
        ..get("k")
    }
}

async fn open(member: &Member, request: RangeRequest) -> Result<Chunks, Status> {
    let stream = member.kv().max_decoding_message_size(usize::MAX);
    let mut stream = stream;
    Ok(Chunks(stream.range_stream(request).await?.into_inner()))
}

struct Chunks(Streaming<RangeStreamResponse>);

impl Chunks {
    async fn next(&mut self) -> Result<Option<RangeResponse>, Status> {
        let next = self.0.message().await?;
        Ok(next.map(|next| next.range_response.expect("always there")))
    }

    async fn rest(&mut self) -> Result<Vec<RangeResponse>, Status> {
        let mut chunks = Vec::new();
        while let Some(chunk) = self.next().await? {
            chunks.push(chunk);
        }
        Ok(chunks)
    }
}

pub(super) async fn chunks_add_up_to_the_range(member: Member) {
    fill(&member).await;
    let limit = |limit| RangeRequest { limit, ..all() };
    let requests = [
        all(),
        get("k010"),
        get("nothing"),
        limit(5),
        limit(10),
        limit(11),
        limit(30),
        limit(KEYS as i64),
        limit(-1),
        RangeRequest {
            revision: 40,
            limit: 35,
            ..all()
        },
        RangeRequest {
            keys_only: true,
            serializable: true,
            ..all()
        },
        RangeRequest {
            count_only: true,
            ..limit(3)
        },
        RangeRequest {
            sort_order: SortOrder::Ascend.into(),
            ..all()
        },
        RangeRequest {
            range_end: "\0".into(),
            ..get("k070")
        },
        RangeRequest {
            range_end: "a".into(),
            ..get("k")
        },
    ];
    for request in requests {
        let whole = member.kv().range(request.clone()).await;
        let whole = whole.expect("a range").into_inner();
        let mut chunks = open(&member, request.clone()).await.expect("a stream");
        let chunks = chunks.rest().await.expect("no error");
        let (last, others) = chunks.split_last().expect("at least one");
        let is_bare = |it: &RangeResponse| it.header.is_none() && !it.more && it.count == 0;
        assert!(others.iter().all(is_bare), "{request:?}");
        assert!(last.header.is_some(), "{request:?}");
        // As clients put them together.
        let mut merged = RangeResponse::default();
        for chunk in &chunks {
            merged.merge(&chunk.encode_to_vec()[..]).expect("a message");
        }
        assert_eq!(merged, whole, "{request:?}");
    }
}

pub(super) async fn chunks_grow_until_they_are_as_large_as_requests(member: Member) {
    fill(&member).await;
    let mut small = open(&member, all()).await.expect("a stream");
    let sizes = |chunks: &[RangeResponse]| chunks.iter().map(|it| it.kvs.len()).collect::<Vec<_>>();
    let chunks = small.rest().await.expect("no error");
    assert_eq!(sizes(&chunks), [10, 20, 40, 5]);

    // Ten of these are more than twice the limit for requests, so the first chunk ends early, and
    // the next ones are half as large, and half as large again.
    for n in 0..20 {
        let request = PutRequest {
            key: format!("k{n:03}").into(),
            ..put("", vec![7; 700_000])
        };
        member.kv().put(request).await.expect("written");
    }
    let mut large = open(&member, all()).await.expect("a stream");
    let chunks = large.rest().await.expect("no error");
    assert_eq!(sizes(&chunks)[..4], [5, 5, 2, 2]);
    let largest = chunks.iter().map(RangeResponse::encoded_len).max();
    assert!(largest < Some(5 * 710_000), "{largest:?}");
    assert_eq!(chunks.iter().map(|it| it.kvs.len()).sum::<usize>(), KEYS);
}

pub(super) async fn a_stream_stays_at_its_revision_until_that_is_compacted(member: Member) {
    // More than a connection takes before the client does.
    let mut kv = member.kv();
    let large = |n: usize| PutRequest {
        key: format!("k{n:03}").into(),
        ..put("", vec![7; 1 << 20])
    };
    for n in 0..40 {
        kv.put(large(n)).await.expect("written");
    }
    let mut chunks = open(&member, all()).await.expect("a stream");
    let mut overtaken = open(&member, all()).await.expect("a stream");
    chunks.next().await.expect("no error").expect("a chunk");
    overtaken.next().await.expect("no error").expect("a chunk");
    kv.put(put("k039", "new")).await.expect("written");
    kv.put(put("k999", "new")).await.expect("written");
    let rest = chunks.rest().await.expect("no error");
    let last = rest.last().expect("several");
    assert_eq!((last.count, revision(last.header.as_ref())), (40, 41));
    assert_eq!(last.kvs.last().expect("a key").value.len(), 1 << 20);

    let compaction = CompactionRequest {
        revision: 43,
        ..Default::default()
    };
    kv.compact(compaction).await.expect("compacted");
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    assert_refused(overtaken.rest().await, Code::OutOfRange, compacted);
}

pub(super) async fn what_cannot_be_streamed_is_refused(member: Member) {
    let refused = async |request| match open(&member, request).await {
        Ok(mut stream) => stream.rest().await.expect_err("a refusal"),
        Err(refusal) => refusal,
    };
    let ordered = |order: SortOrder, target: SortTarget| RangeRequest {
        sort_order: order.into(),
        sort_target: target.into(),
        ..all()
    };
    let sorted = "RangeStream does not support custom sort orders";
    let filtered = "RangeStream does not support revision filters";
    let cases = [
        (
            get(""),
            Code::InvalidArgument,
            "etcdserver: key is not provided",
        ),
        (
            RangeRequest {
                sort_order: 7,
                ..all()
            },
            Code::InvalidArgument,
            "etcdserver: invalid sort option",
        ),
        (
            ordered(SortOrder::Descend, SortTarget::Key),
            Code::Unimplemented,
            sorted,
        ),
        (
            ordered(SortOrder::Ascend, SortTarget::Mod),
            Code::Unimplemented,
            sorted,
        ),
        (
            RangeRequest {
                min_mod_revision: 1,
                ..ordered(SortOrder::Descend, SortTarget::Key)
            },
            Code::Unimplemented,
            sorted,
        ),
        (
            RangeRequest {
                max_create_revision: 1,
                ..all()
            },
            Code::Unimplemented,
            filtered,
        ),
        (
            RangeRequest {
                revision: 9,
                ..all()
            },
            Code::OutOfRange,
            "etcdserver: mvcc: required revision is a future revision",
        ),
    ];
    for (request, code, text) in cases {
        let refusal = refused(request).await;
        assert_eq!((refusal.code(), refusal.message()), (code, text));
    }
    // Without a direction the keys come in their own order.
    let unsorted = ordered(SortOrder::None, SortTarget::Value);
    assert!(
        open(&member, unsorted)
            .await
            .expect("a stream")
            .rest()
            .await
            .is_ok()
    );
}
