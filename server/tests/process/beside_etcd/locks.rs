//! `v3lockpb.Lock`.

use std::time::Duration;

use quorate_server::{
    proto::{
        etcdserverpb::LeaseRevokeRequest,
        v3lockpb::{LockRequest, LockResponse, UnlockRequest, lock_client::LockClient},
    },
    runtime,
    wire::Channel,
};
use tonic::{Response, Status};

use super::{Transcript, at, compare, text};
use crate::harness::{Client, eventually};

const LIMIT: Duration = Duration::from_secs(20);

fn locks(client: &Client) -> LockClient<Channel> {
    LockClient::new(client.channel())
}

fn on(name: &'static str, lease: i64) -> LockRequest {
    let name = name.into();
    LockRequest { name, lease }
}

fn locked(answer: LockResponse) -> String {
    format!("{} {}", text(&answer.key), at(answer.header))
}

/// A call that waits, in a task of its own.
type Waiting = runtime::JoinHandle<Result<Response<LockResponse>, Status>>;

/// Asks for a lock that others have, and waits until its key is there.
async fn wait_for(client: &Client, name: &'static str, lease: i64) -> Waiting {
    let mut locks = locks(client);
    let waiting = runtime::spawn(async move { locks.lock(on(name, lease)).await });
    let key = format!("{name}/{lease:x}");
    eventually("it stands in line", LIMIT, async || {
        client.get(&key).await.ok().flatten()
    })
    .await;
    waiting
}

async fn keys(client: &Client) -> String {
    let keys = client.local("l").await.expect("a read");
    let keys = keys.iter().map(|kv| {
        let value = text(&kv.value);
        format!(
            "{}={value} of {}@{}",
            text(&kv.key),
            kv.lease,
            kv.create_revision
        )
    });
    keys.collect::<Vec<_>>().join(", ")
}

async fn unlock(client: &Client, transcript: &mut Transcript, key: &'static str) {
    let unlocked = locks(client)
        .unlock(UnlockRequest { key: key.into() })
        .await;
    transcript.answer(&format!("unlock {key}"), unlocked, |it| at(it.header));
}

#[test]
fn a_lock_is_held_by_one_after_the_other() {
    let expected = "
lock l 31: l/1f @2
keys: l/1f= of 31@2
again, with the same lease: l/1f @2
in line: l/1f= of 31@2, l/20= of 32@3
unlock l/1f: @4
lock l 32: l/20 @4
unlock nothing: @4
unlock : Unknown: etcdserver: key is not provided
lock l 404: Unknown: etcdserver: requested lease not found
unlock l/20: @5
lock l -7: l/-7 @6
";
    compare(expected, async |client, transcript| {
        for id in [31, 32, -7] {
            client.grant(id, 600).await.expect("a lease");
        }
        let first = locks(client).lock(on("l", 31)).await;
        transcript.answer("lock l 31", first, locked);
        transcript.note(format!("keys: {}", keys(client).await));
        let again = locks(client).lock(on("l", 31)).await;
        transcript.answer("again, with the same lease", again, locked);
        let second = wait_for(client, "l", 32).await;
        transcript.note(format!("in line: {}", keys(client).await));
        unlock(client, transcript, "l/1f").await;
        transcript.answer("lock l 32", second.await.expect("no panic"), locked);
        unlock(client, transcript, "nothing").await;
        unlock(client, transcript, "").await;
        let unknown = locks(client).lock(on("l", 404)).await;
        transcript.answer("lock l 404", unknown, locked);
        unlock(client, transcript, "l/20").await;
        let negative = locks(client).lock(on("l", -7)).await;
        transcript.answer("lock l -7", negative, locked);
    });
}

#[test]
fn who_does_not_wait_any_more_is_out_of_line() {
    let expected = "
lock l 31: l/1f @2
keys: l/1f= of 31@2, l/20= of 32@3, l/21= of 33@4, l/22= of 34@5
keys: l/1f= of 31@2, l/20= of 32@3
unlock l/1f: @8
lock l 32: l/20 @8
unlock l/20: @9
lock l 34: Unknown: mutex: session is expired
";
    compare(expected, async |client, transcript| {
        for id in 31..35 {
            client.grant(id, 600).await.expect("a lease");
        }
        let first = locks(client).lock(on("l", 31)).await;
        transcript.answer("lock l 31", first, locked);
        let second = wait_for(client, "l", 32).await;
        let third = wait_for(client, "l", 33).await;
        let fourth = wait_for(client, "l", 34).await;
        transcript.note(format!("keys: {}", keys(client).await));
        third.abort();
        eventually("its key goes", LIMIT, async || {
            let gone = client.get("l/21").await.ok()?.is_none();
            gone.then_some(())
        })
        .await;
        let revoke = LeaseRevokeRequest { id: 34 };
        client.lease().lease_revoke(revoke).await.expect("revoked");
        transcript.note(format!("keys: {}", keys(client).await));
        unlock(client, transcript, "l/1f").await;
        transcript.answer("lock l 32", second.await.expect("no panic"), locked);
        unlock(client, transcript, "l/20").await;
        transcript.answer("lock l 34", fourth.await.expect("no panic"), locked);
    });
}

#[test]
fn a_lock_without_a_lease_gets_one_for_a_minute() {
    compare(
        "granted 60, counting: true, @2",
        async |client, transcript| {
            let lock = locks(client).lock(on("l", 0)).await.expect("a lock");
            let lock = lock.into_inner();
            let id = text(&lock.key).replace("l/", "");
            let id = i64::from_str_radix(&id, 16).expect("a lease");
            let times = client.time_to_live(id).await.expect("a lease");
            let (granted, counting) = (times.granted_ttl, (50..=60).contains(&times.ttl));
            let at = at(lock.header);
            transcript.note(format!("granted {granted}, counting: {counting}, {at}"));
            assert_eq!(times.keys, [lock.key]);
        },
    );
}
