//! A single member, killed while it writes, and stopped in order.

use std::time::Duration;

use crate::harness::{Cluster, Writers, assert_kept, eventually, run};

const KILLS: usize = 6;

/// Writes in each life of the member; another number each time, so that it dies in other places.
const WRITES_MIN: usize = 40;

const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Short, since a single member waits for it at each start.
const FAST: &[&str] = &["--heartbeat-interval=20", "--election-timeout=100"];

#[test]
fn a_killed_member_keeps_what_it_acknowledged() {
    run(async |directory| {
        let flags = [FAST, &["--snapshot-count=100"]].concat();
        let mut cluster = Cluster::start(&directory, 1, &flags).await;
        let writers = Writers::start(&cluster.clients(), 16, "w/");
        for life in 0..KILLS {
            let enough = writers.count() + WRITES_MIN + 37 * life;
            eventually("writes", WRITE_LIMIT, async || {
                (writers.count() >= enough).then_some(())
            })
            .await;
            cluster.members[0].kill_and_start_at_once();
            cluster.members[0].serves().await;
        }
        // A fast machine gets through a life before it gets to one: then the last life writes it.
        eventually("a checkpoint", WRITE_LIMIT, async || {
            let log = cluster.members[0].log();
            log.contains("checkpoint written").then_some(())
        })
        .await;
        cluster.members[0].kill_and_start_at_once();
        cluster.members[0].serves().await;
        let acknowledged = writers.stop().await;
        let kvs = cluster.members[0]
            .client()
            .local("w/")
            .await
            .expect("it serves");
        assert_kept(&acknowledged, &kvs, "the member");
    });
}

#[test]
fn a_member_that_is_told_to_stop_exits_with_0_and_keeps_everything() {
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 1, FAST).await;
        let client = cluster.members[0].client().clone();
        let mut watch = client.watch("k", 0).await.expect("it serves");
        for signal in ["TERM", "INT"] {
            let revision = client.put("k", signal).await.expect("it serves");
            let member = &mut cluster.members[0];
            assert_eq!(
                member.end_by(signal).await.code(),
                Some(0),
                "after SIG{signal}"
            );
            member.start();
            member.serves().await;
            let kvs = client.local("k").await.expect("it serves again");
            assert_eq!(kvs[0].value.as_ref(), signal.as_bytes());
            assert_eq!(kvs[0].mod_revision, revision);
        }
        // A client that waits is told, not left waiting.
        while watch.response().await.is_ok() {}
        assert!(!cluster.members[0].log().contains("ERROR"));
    });
}
