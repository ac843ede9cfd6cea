//! A member that has lost the others: it must not go on as if it had a leader, since clients that
//! ask for one would wait at it for ever instead of trying another member.

use std::time::Duration;

use tonic::Code;

use crate::harness::{Cluster, eventually, run};

const FAST: &[&str] = &["--heartbeat-interval=50", "--election-timeout=500"];

const LIMIT: Duration = Duration::from_secs(30);

#[test]
fn a_follower_that_has_lost_the_others_says_so() {
    run(async |directory| {
        let cluster = Cluster::start(&directory, 3, FAST).await;
        let leader = cluster.leader().await;
        lose_all_but(cluster, (leader + 1) % 3).await;
    });
}

#[test]
fn a_leader_that_has_lost_the_others_says_so() {
    run(async |directory| {
        let cluster = Cluster::start(&directory, 3, FAST).await;
        let leader = cluster.leader().await;
        lose_all_but(cluster, leader).await;
    });
}

async fn lose_all_but(mut cluster: Cluster, left: usize) {
    let client = cluster.members[left].client().clone();
    let written = client.put("k", "before").await.expect("a leader");
    let mut insists = client.watch_while_led("k").await.expect("a leader");
    let mut waits = client.watch("k", 0).await.expect("watch");
    let others = [(left + 1) % 3, (left + 2) % 3];
    for other in others {
        cluster.members[other].kill();
    }

    let status = eventually("no leader", LIMIT, async || {
        let status = cluster.members[left].status().await;
        status.filter(|status| status.leader == 0)
    })
    .await;
    assert_eq!(status.errors, ["etcdserver: no leader"]);
    let head = "HTTP/1.1 503 Service Unavailable".to_owned();
    let body = "{\"health\":\"false\",\"reason\":\"RAFT NO LEADER\"}\n".to_owned();
    assert_eq!(client.http_get("/health").await, (head, body));
    let ended = insists.response().await.expect_err("it insists");
    let no_leader = (Code::Unavailable, "etcdserver: no leader");
    assert_eq!((ended.code(), ended.message()), no_leader);
    let refused = client.watch_while_led("k").await.err().expect("it insists");
    assert_eq!((refused.code(), refused.message()), no_leader);
    // What needs nobody else goes on.
    let kvs = client.local("k").await.expect("what this member has");
    assert_eq!(
        (kvs[0].mod_revision, kvs[0].value.as_ref()),
        (written, b"before".as_slice())
    );

    cluster.members[others[0]].start();
    let client = &client;
    let revision = eventually("a write with a majority", LIMIT, async || {
        client.put("k", "after").await.ok()
    })
    .await;
    let event = waits
        .events(1)
        .await
        .expect("the watch has waited")
        .remove(0);
    assert!(event.kv.expect("a key").mod_revision <= revision);
    client
        .watch_while_led("k")
        .await
        .expect("there is a leader again");
}
