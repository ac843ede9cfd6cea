//! Leases over the wire.

use std::time::Duration;

use tonic::Code;

use super::support::{Member, assert_refused, get, put, requests, revision};
use crate::{clock, proto::etcdserverpb::*};

async fn grant(member: &Member, id: i64, ttl: i64) -> LeaseGrantResponse {
    let granted = member
        .lease()
        .lease_grant(LeaseGrantRequest { ttl, id })
        .await;
    granted.expect("granted").into_inner()
}

async fn time_to_live(member: &Member, id: i64) -> LeaseTimeToLiveResponse {
    let request = LeaseTimeToLiveRequest { id, keys: true };
    member
        .lease()
        .lease_time_to_live(request)
        .await
        .expect("an answer")
        .into_inner()
}

pub(super) async fn grants_raise_the_ttl_and_choose_an_id(member: Member) {
    for ttl in [0, -5, 1] {
        let granted = grant(&member, 0, ttl).await;
        assert_eq!((granted.ttl, &*granted.error), (2, ""));
        assert!(granted.id > 0);
        assert_eq!(revision(granted.header.as_ref()), 1);
    }
    assert_eq!(grant(&member, i64::MIN, 9_000_000_000).await.id, i64::MIN);
    let mut lease = member.lease();
    let again = lease
        .lease_grant(LeaseGrantRequest {
            ttl: 5,
            id: i64::MIN,
        })
        .await;
    assert_refused(
        again,
        Code::FailedPrecondition,
        "etcdserver: lease already exists",
    );
    let long = lease
        .lease_grant(LeaseGrantRequest {
            ttl: 9_000_000_001,
            id: 0,
        })
        .await;
    assert_refused(long, Code::OutOfRange, "etcdserver: too large lease TTL");
}

pub(super) async fn keep_alives_are_answered_in_order(member: Member) {
    grant(&member, 7, 10).await;
    let (sender, stream) = requests();
    for id in [7, 99, 0, 7] {
        sender
            .send(LeaseKeepAliveRequest { id })
            .await
            .expect("the stream is open");
    }
    let answers = member
        .lease()
        .lease_keep_alive(stream)
        .await
        .expect("a stream");
    let mut answers = answers.into_inner();
    drop(sender);
    let mut seen = Vec::new();
    while let Some(answer) = answers.message().await.expect("no error") {
        seen.push((answer.id, answer.ttl));
    }
    assert_eq!(seen, [(7, 10), (99, 0), (0, 0), (7, 10)]);
}

pub(super) async fn revoking_deletes_the_keys(member: Member) {
    grant(&member, 7, 100).await;
    let mut kv = member.kv();
    for key in ["a", "b"] {
        kv.put(PutRequest {
            lease: 7,
            ..put(key, "v")
        })
        .await
        .expect("written");
    }
    assert_eq!(time_to_live(&member, 7).await.keys, ["a", "b"]);
    let mut lease = member.lease();
    let revoked = lease
        .lease_revoke(LeaseRevokeRequest { id: 7 })
        .await
        .expect("revoked");
    assert_eq!(
        revision(revoked.into_inner().header.as_ref()),
        4,
        "one for both keys"
    );
    let read = kv.range(get("a")).await.expect("read").into_inner();
    assert_eq!(read.count, 0);
    for id in [7, 0] {
        let again = lease.lease_revoke(LeaseRevokeRequest { id }).await;
        assert_refused(
            again,
            Code::NotFound,
            "etcdserver: requested lease not found",
        );
    }
}

/// A member that has just become the leader adds a margin to the leases that it finds. Those that
/// it sees granted count down from the start.
pub(super) async fn time_to_live_counts_down(member: Member) {
    let mut id = 7;
    loop {
        grant(&member, id, 100).await;
        clock::sleep(Duration::from_millis(5)).await;
        let times = time_to_live(&member, id).await;
        assert_eq!(
            (times.id, times.granted_ttl, times.keys.len()),
            (id, 100, 0)
        );
        if times.ttl < 100 {
            assert!(times.ttl > 90, "{}", times.ttl);
            break;
        }
        member
            .lease()
            .lease_revoke(LeaseRevokeRequest { id })
            .await
            .expect("revoked");
        id += 1;
    }
    grant(&member, 1, 10).await;
    for id in [-99, 0] {
        let unknown = time_to_live(&member, id).await;
        assert_eq!((unknown.id, unknown.ttl, unknown.granted_ttl), (id, -1, 0));
    }
    let all = member
        .lease()
        .lease_leases(LeaseLeasesRequest {})
        .await
        .expect("an answer");
    let ids: Vec<_> = all
        .into_inner()
        .leases
        .iter()
        .map(|lease| lease.id)
        .collect();
    assert_eq!(ids, [1, id], "the first to end first");
}

pub(super) async fn a_lease_that_is_not_kept_alive_expires(member: Member) {
    grant(&member, 7, 2).await;
    let granted_at = clock::now();
    let mut kv = member.kv();
    kv.put(PutRequest {
        lease: 7,
        ..put("a", "v")
    })
    .await
    .expect("written");
    while kv.range(get("a")).await.expect("read").into_inner().count > 0 {
        clock::sleep(Duration::from_millis(20)).await;
    }
    assert!(granted_at.elapsed() >= Duration::from_secs(2));
    assert_eq!(time_to_live(&member, 7).await.ttl, -1);
}
