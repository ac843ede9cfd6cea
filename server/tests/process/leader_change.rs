//! What clients hold on to while the leader changes: watches, leases, and the latest value.

use std::time::{Duration, Instant};

use quorate_server::proto::etcdserverpb::PutRequest;

use crate::harness::{
    Client, Cluster, Watch, Writers, assert_kept, eventually, lease_id, put, run,
};

const FAST: &[&str] = &["--heartbeat-interval=50", "--election-timeout=500"];

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_watch_goes_on_through_kills_and_transfers_of_the_leader() {
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 3, FAST).await;
        let leader = cluster.leader().await;
        let follower = (leader + 1) % 3;
        let mut on_follower = cluster.members[follower]
            .client()
            .watch("w/", 1)
            .await
            .expect("watch");
        let mut on_leader = cluster.members[leader]
            .client()
            .watch("w/", 1)
            .await
            .expect("watch");
        let writers = Writers::start(&cluster.clients(), 1, "w/");
        wait_for_writes(&writers, 20).await;
        let seen_on_leader = revisions(&mut on_leader, 5).await;

        cluster.members[leader].kill();
        cluster.leader().await;
        wait_for_writes(&writers, 20).await;
        cluster.members[leader].start();
        let here = cluster.members[follower]
            .serves()
            .await
            .header
            .expect("a header")
            .member_id;
        move_leader_to(&cluster, here).await;
        wait_for_writes(&writers, 20).await;
        let away = cluster.members[leader]
            .serves()
            .await
            .header
            .expect("a header")
            .member_id;
        move_leader_to(&cluster, away).await;
        wait_for_writes(&writers, 20).await;

        let acknowledged = writers.stop().await;
        let last = cluster.members[follower]
            .client()
            .put("w/last", "x")
            .await
            .expect("put");
        let seen = revisions_until(&mut on_follower, last).await;
        assert!(
            seen.is_sorted_by(|one, next| one < next),
            "repeated or out of order: {seen:?}"
        );
        for (key, revision) in &acknowledged {
            assert!(
                seen.binary_search(revision).is_ok(),
                "no event for {key} at {revision}"
            );
        }
        // The watch on the killed leader has broken; its client goes on elsewhere from there.
        while on_leader.response().await.is_ok() {}
        let next = seen_on_leader.last().expect("there were some") + 1;
        let mut resumed = cluster.members[follower]
            .client()
            .watch("w/", next)
            .await
            .expect("watch");
        let rest = revisions_until(&mut resumed, last).await;
        assert_eq!([seen_on_leader, rest].concat(), seen);
    });
}

async fn wait_for_writes(writers: &Writers, count: usize) {
    let enough = writers.count() + count;
    let written = async || (writers.count() >= enough).then_some(());
    eventually("writes", LIMIT, written).await;
}

async fn move_leader_to(cluster: &Cluster, id: u64) {
    eventually("the leader moves", LIMIT, async || {
        let leader = cluster.leader().await;
        let status = cluster.members[leader].serves().await;
        if status.leader != id {
            // Refused where the leader has just changed by itself.
            let _ = cluster.members[leader].client().move_leader(id).await;
        }
        let leader = cluster.leader().await;
        (cluster.members[leader].serves().await.leader == id).then_some(())
    })
    .await;
}

/// The revisions of the next events, `count` of them at least.
async fn revisions(watch: &mut Watch, count: usize) -> Vec<i64> {
    let events = watch.events(count).await.expect("events");
    events
        .iter()
        .map(|event| event.kv.as_ref().expect("a key").mod_revision)
        .collect()
}

/// The revisions of all events up to this one.
async fn revisions_until(watch: &mut Watch, last: i64) -> Vec<i64> {
    let mut seen = Vec::new();
    while seen.last() != Some(&last) {
        assert!(seen.last() < Some(&last), "no event at revision {last}");
        seen.extend(revisions(watch, 1).await);
    }
    seen
}

#[test]
fn a_lease_keeps_its_time_through_a_change_of_leader() {
    const TTL_S: i64 = 6;
    /// What a change of leader may add: the time without a leader, for which nobody counts, and the
    /// new one's grace, which is an election timeout and two batches of renewals. All that is some
    /// 3.5 s; a busy machine is given more.
    const LATE: Duration = Duration::from_secs(15);
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 3, FAST).await;
        let old = cluster.leader().await;
        let client = cluster.members[(old + 1) % 3].client().clone();
        let kept = lease_id(client.grant(0, TTL_S).await);
        let granted_at = Instant::now();
        let left = lease_id(client.grant(0, TTL_S).await);
        put_with_lease(&client, "l/kept", kept).await;
        put_with_lease(&client, "l/left", left).await;

        cluster.members[old].kill();
        cluster.leader().await;
        let times = eventually("the new leader vouches", LIMIT, async || {
            client.time_to_live(left).await.ok()
        })
        .await;
        assert_eq!((times.granted_ttl, times.keys.len()), (TTL_S, 1));
        // It neither starts anew, nor has lost more than the time that has passed.
        let passed_s = granted_at.elapsed().as_secs_f64();
        let least = TTL_S as f64 - passed_s - 1.0;
        assert!(
            times.ttl as f64 >= least,
            "{} s left after {passed_s} s",
            times.ttl
        );
        assert!(times.ttl <= TTL_S, "{} s left of {TTL_S}", times.ttl);

        let gone_at = eventually("the lease that was left expires", LIMIT, async || {
            // A keep-alive that fails is tried again with the next look.
            let _ = client.keep_alive_once(kept).await;
            let before = Instant::now();
            let keys = client.local("l/left").await.ok()?;
            keys.is_empty().then_some(before)
        })
        .await;
        let lived = gone_at - granted_at;
        let ttl = Duration::from_secs(TTL_S.unsigned_abs());
        assert!(lived >= ttl, "expired after {lived:?}");
        assert!(lived < ttl + LATE, "expired only after {lived:?}");
        let kept_keys = client.local("l/kept").await.expect("it serves");
        assert_eq!(kept_keys.len(), 1, "the lease that was kept alive is gone");
    });
}

async fn put_with_lease(client: &Client, key: &str, lease: i64) {
    client
        .kv()
        .put(PutRequest {
            lease,
            ..put(key, "x")
        })
        .await
        .expect("put");
}

#[test]
fn a_leader_that_was_frozen_never_tells_what_is_outdated() {
    run(async |directory| {
        let cluster = Cluster::start(&directory, 3, FAST).await;
        for round in 0..2 {
            let old = cluster.leader().await;
            let others = [(old + 1) % 3, (old + 2) % 3];
            let client = cluster.members[others[0]].client();
            client.put("k", &format!("old {round}")).await.expect("put");
            cluster.members[old].freeze();
            let new = eventually("another leader", LIMIT, async || {
                let status = cluster.members[others[0]].status().await?;
                let id = status.header?.member_id;
                let other = cluster.members[others[1]].status().await?;
                let other_id = other.header?.member_id;
                (status.leader == other.leader && [id, other_id].contains(&status.leader))
                    .then_some(status.leader)
            })
            .await;
            let value = format!("new {round}");
            eventually("a write under the new leader", LIMIT, async || {
                client.put("k", &value).await.ok()
            })
            .await;
            cluster.members[old].thaw();
            let read = eventually("the old leader reads again", LIMIT, async || {
                cluster.members[old].client().get("k").await.ok()
            })
            .await;
            assert_eq!(
                read.as_deref(),
                Some(value.as_bytes()),
                "read from the old leader"
            );
            let status = cluster.members[old].serves().await;
            assert_ne!(status.leader, 0, "after {new:x} had taken over");
        }
    });
}

#[test]
fn members_are_restarted_one_after_the_other_without_delay() {
    /// Less than the server's grace for clients' calls, which must not be spent on its peers.
    const STOP_LIMIT: Duration = Duration::from_secs(4);
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 3, FAST).await;
        let writers = Writers::start(&cluster.clients(), 2, "w/");
        for index in 0..3 {
            wait_for_writes(&writers, 20).await;
            let started = Instant::now();
            assert!(cluster.members[index].stop().await.success());
            let took = started.elapsed();
            assert!(took < STOP_LIMIT, "member {index} took {took:?} to stop");
            wait_for_writes(&writers, 20).await;
            cluster.members[index].start();
            cluster.members[index].serves().await;
        }
        let acknowledged = writers.stop().await;
        cluster.converges().await;
        for member in &cluster.members {
            let kvs = member.client().local("w/").await.expect("it serves");
            assert_kept(&acknowledged, &kvs, "a member");
        }
    });
}
