//! A member that has no quorum: what it refuses, how, and what it answers all the same.

use std::time::Duration;

use http::{Method, StatusCode};
use tonic::{Code, Request};

use super::{
    http::ask,
    support::{Member, assert_refused, get, put},
};
use crate::{clock, node::NodeError, proto::etcdserverpb::*, runtime};

/// How often it is looked whether the reads have come.
const POLL: Duration = Duration::from_millis(5);

fn insisting<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("hasleader", "true".parse().expect("ASCII"));
    request
}

/// Asks for what the member has.
fn local(key: &'static str) -> RangeRequest {
    RangeRequest {
        serializable: true,
        ..get(key)
    }
}

pub(super) async fn a_lonely_member_says_so_and_answers_what_it_can(member: Member) {
    let mut kv = member.kv();
    kv.range(local("a")).await.expect("from what it has");
    let insisted = kv.range(insisting(local("a"))).await;
    assert_refused(insisted, Code::Unavailable, "etcdserver: no leader");
    let wrong = kv.put(put("", "")).await;
    assert_refused(
        wrong,
        Code::InvalidArgument,
        "etcdserver: key is not provided",
    );

    let watch = member
        .watch()
        .watch(insisting(futures_util::stream::pending()))
        .await;
    assert_refused(watch.map(drop), Code::Unavailable, "etcdserver: no leader");

    let status = member
        .maintenance()
        .status(StatusRequest {})
        .await
        .expect("a status");
    let status = status.into_inner();
    assert_eq!(
        (status.leader, &status.errors[..]),
        (0, &["etcdserver: no leader".into()][..])
    );
    let list = MemberListRequest {
        linearizable: false,
    };
    let list = member
        .cluster()
        .member_list(list)
        .await
        .expect("a list")
        .into_inner();
    assert_eq!(list.members.len(), 3);

    let (status, _, _, body) = ask(&member, Method::GET, "/health").await;
    let text = "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n";
    assert_eq!((status, &*body), (StatusCode::SERVICE_UNAVAILABLE, text));
    let (status, ..) = ask(&member, Method::GET, "/health?serializable=true").await;
    assert_eq!(status, StatusCode::OK);
}

pub(super) async fn a_read_that_waits_ends_with_the_server(member: Member) {
    const READS: usize = 3;
    let node = member.server.node().clone();
    let waiting = || {
        let load = node.load();
        let reads = load.iter().find(|load| load.name == "reads");
        reads.expect("a row").now
    };
    let read = || {
        let node = node.clone();
        runtime::spawn(async move { node.read_barrier().await })
    };
    let reads: [_; READS] = std::array::from_fn(|_| read());
    while waiting() < READS {
        clock::sleep(POLL).await;
    }
    member.server.stop().await;
    for read in reads {
        assert_eq!(read.await.expect("no panic"), Err(NodeError::Stopped));
    }
    assert_eq!(node.read_barrier().await, Err(NodeError::Stopped));
}

/// Not before a leader had a chance to be elected.
#[cfg(madsim)]
pub(super) async fn clients_are_served_in_the_end(member: Member) {
    let before = clock::now();
    let answer = member.kv().range(local("a")).await;
    answer.expect("from what it has");
    let waited = before.elapsed();
    assert!(waited > Duration::from_secs(4) && waited < Duration::from_secs(6));
}

#[cfg(madsim)]
pub(super) async fn requests_that_need_a_quorum_time_out(member: Member) {
    let mut kv = member.kv();
    kv.range(local("a")).await.expect("clients are served");
    let before = clock::now();
    let text = "context deadline exceeded";
    assert_refused(kv.put(put("a", "1")).await, Code::DeadlineExceeded, text);
    let seven = Duration::from_secs(7);
    assert!(before.elapsed() >= seven && before.elapsed() < seven + Duration::from_secs(1));
    let read = kv.range(get("a")).await;
    assert_refused(read, Code::Unavailable, "etcdserver: request timed out");
    let list = member
        .cluster()
        .member_list(MemberListRequest { linearizable: true })
        .await;
    assert_refused(list, Code::Unavailable, "etcdserver: request timed out");
    let request = LeaseTimeToLiveRequest { id: 7, keys: false };
    let lease = member.lease().lease_time_to_live(request).await;
    assert_refused(lease, Code::Unavailable, "etcdserver: no leader");
}

/// It cannot be opened without a leader, so one that was open must end: what decides is shown here
/// by itself.
#[cfg(madsim)]
pub(super) async fn a_stream_that_insists_on_a_leader_ends(member: Member) {
    use crate::api::metadata;

    let before = clock::now();
    metadata::leader_lost(member.server.node()).await;
    assert!(
        before.elapsed() >= Duration::from_secs(3),
        "three election timeouts"
    );
}
