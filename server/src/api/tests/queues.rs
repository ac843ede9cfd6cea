//! Locks and elections, as far as it matters how a call ends. What they answer is compared with
//! etcd in `tests/process/beside_etcd`.

use std::{future::Future, time::Duration};

use tonic::{Code, Status};

use super::support::{Member, assert_refused, delete, get, put};
use crate::{
    clock,
    proto::{
        etcdserverpb::{LeaseGrantRequest, PutRequest},
        v3electionpb::{CampaignRequest, LeaderRequest, election_client::ElectionClient},
        v3lockpb::{LockRequest, lock_client::LockClient},
    },
    runtime::{self, JoinHandle},
    wire::Channel,
};

fn locks(member: &Member) -> LockClient<Channel> {
    LockClient::new(member.channel())
}

fn elections(member: &Member) -> ElectionClient<Channel> {
    ElectionClient::new(member.channel())
}

fn lock(lease: i64) -> LockRequest {
    let name = "q".into();
    LockRequest { name, lease }
}

fn campaign(lease: i64, value: &'static str) -> CampaignRequest {
    CampaignRequest {
        name: "q".into(),
        lease,
        value: value.into(),
    }
}

async fn grant(member: &Member, ids: &[i64]) {
    for &id in ids {
        let request = LeaseGrantRequest { ttl: 600, id };
        member.lease().lease_grant(request).await.expect("granted");
    }
}

async fn exists(member: &Member, key: &'static str) -> bool {
    let read = member.kv().range(get(key)).await.expect("a read");
    !read.into_inner().kvs.is_empty()
}

/// Runs a call until its key is there.
async fn waiting<T: Send + 'static>(
    member: &Member,
    key: &'static str,
    call: impl Future<Output = T> + Send + 'static,
) -> JoinHandle<T> {
    let waiting = runtime::spawn(call);
    while !exists(member, key).await {
        clock::sleep(Duration::from_millis(5)).await;
    }
    waiting
}

async fn gone(member: &Member, key: &'static str) {
    while exists(member, key).await {
        clock::sleep(Duration::from_millis(5)).await;
    }
}

pub(super) async fn who_gives_up_leaves_the_queue(member: Member) {
    grant(&member, &[1, 2, 3, 4]).await;
    locks(&member).lock(lock(1)).await.expect("the lock");
    let mut second = locks(&member);
    let second = async move { second.lock(lock(2)).await };
    let second = waiting(&member, "q/2", second).await;
    let mut third = elections(&member);
    let third = async move { third.campaign(campaign(3, "x")).await };
    let third = waiting(&member, "q/3", third).await;
    let mut fourth = locks(&member);
    let fourth = async move { fourth.lock(lock(4)).await };
    let fourth = waiting(&member, "q/4", fourth).await;
    second.abort();
    gone(&member, "q/2").await;
    third.abort();
    gone(&member, "q/3").await;
    assert!(exists(&member, "q/1").await && exists(&member, "q/4").await);
    // Who is left gets it.
    let unlock = crate::proto::v3lockpb::UnlockRequest { key: "q/1".into() };
    locks(&member).unlock(unlock).await.expect("unlocked");
    let locked = fourth.await.expect("no panic").expect("the lock");
    assert_eq!(locked.into_inner().key, "q/4");
}

/// etcd gives both of them the lock: it looks only whether there is such a key.
pub(super) async fn a_place_that_was_lost_and_taken_anew_is_another_one(member: Member) {
    grant(&member, &[1, 2, 3]).await;
    locks(&member).lock(lock(1)).await.expect("the lock");
    let mut second = locks(&member);
    let second = async move { second.lock(lock(2)).await };
    let second = waiting(&member, "q/2", second).await;
    let mut third = locks(&member);
    let third = async move { third.lock(lock(3)).await };
    let third = waiting(&member, "q/3", third).await;
    let mut kv = member.kv();
    kv.delete_range(delete("q/2")).await.expect("deleted");
    let anew = PutRequest {
        lease: 2,
        ..put("q/2", "")
    };
    kv.put(anew).await.expect("put");
    let unlock = crate::proto::v3lockpb::UnlockRequest { key: "q/1".into() };
    locks(&member).unlock(unlock).await.expect("unlocked");
    let locked = third.await.expect("no panic").expect("the lock");
    assert_eq!(locked.into_inner().key, "q/3");
    let lost = second.await.expect("no panic");
    assert_refused(lost, Code::Unknown, "mutex: session is expired");
}

pub(super) async fn a_lease_that_ends_lets_the_next_one_in(member: Member) {
    grant(&member, &[1, 2]).await;
    elections(&member)
        .campaign(campaign(1, "a"))
        .await
        .expect("elected");
    let name = || LeaderRequest { name: "q".into() };
    let observed = elections(&member).observe(name()).await;
    let mut observed = observed.expect("a stream").into_inner();
    let mut second = elections(&member);
    let second = async move { second.campaign(campaign(2, "b")).await };
    let second = waiting(&member, "q/2", second).await;
    let revoke = crate::proto::etcdserverpb::LeaseRevokeRequest { id: 1 };
    member.lease().lease_revoke(revoke).await.expect("revoked");
    let won = second
        .await
        .expect("no panic")
        .expect("elected")
        .into_inner();
    assert_eq!(won.leader.expect("a key").key, "q/2");
    for value in ["a", "b"] {
        let next = observed
            .message()
            .await
            .expect("no error")
            .expect("a leader");
        assert_eq!(next.kv.expect("a key").value, value);
    }
}

pub(super) async fn stopping_the_server_ends_waits(member: Member) {
    grant(&member, &[1, 2, 3]).await;
    locks(&member).lock(lock(1)).await.expect("the lock");
    let mut second = locks(&member);
    let second = async move { second.lock(lock(2)).await };
    let second = waiting(&member, "q/2", second).await;
    let name = LeaderRequest { name: "q".into() };
    let observed = elections(&member).observe(name).await;
    let mut observed = observed.expect("a stream").into_inner();
    observed
        .message()
        .await
        .expect("no error")
        .expect("who holds it");
    let nobody = LeaderRequest { name: "x".into() };
    let nobody = elections(&member).observe(nobody).await;
    let mut nobody = nobody.expect("a stream").into_inner();

    let stopped = runtime::spawn(member.server.stop());
    let text = "etcdserver: server stopped";
    let ended: Result<_, Status> = second.await.expect("no panic");
    assert_refused(ended, Code::Unavailable, text);
    assert_refused(observed.message().await, Code::Unavailable, text);
    assert_refused(nobody.message().await, Code::Unavailable, text);
    drop((observed, nobody));
    stopped.await.expect("it stops");
}
