//! The leader is killed again and again while clients write to every member.

use std::time::Duration;

use crate::harness::{Cluster, Writers, assert_kept, eventually, run};

/// Elections in half a second, so that ten of them fit into a test.
const FAST: &[&str] = &["--heartbeat-interval=50", "--election-timeout=500"];

const KILLS: usize = 10;

/// Writes that must get through under each new leader, before the old one is back.
const WRITES_BETWEEN: usize = 50;

/// After a kill: an election, and the writes.
const RECOVERY_LIMIT: Duration = Duration::from_secs(20);

#[test]
fn ten_killed_leaders_lose_nothing_that_was_acknowledged() {
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 3, FAST).await;
        let writers = Writers::start(&cluster.clients(), 4, "w/");
        for _ in 0..KILLS {
            let old = cluster.leader().await;
            cluster.members[old].kill();
            let new = cluster.leader().await;
            assert_ne!(new, old, "a dead member leads");
            let written = writers.count();
            eventually("writes under the new leader", RECOVERY_LIMIT, async || {
                (writers.count() >= written + WRITES_BETWEEN).then_some(())
            })
            .await;
            let index = cluster.members[new].serves().await.raft_applied_index;
            cluster.members[old].start();
            cluster.members[old].has_applied(index).await;
        }
        let acknowledged = writers.stop().await;
        cluster.converges().await;
        assert_same_and_kept(&cluster, &acknowledged).await;
    });
}

#[test]
fn a_whole_cluster_that_is_killed_comes_back_with_everything() {
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 3, FAST).await;
        let writers = Writers::start(&cluster.clients(), 4, "w/");
        for _ in 0..2 {
            let written = writers.count();
            eventually("writes", RECOVERY_LIMIT, async || {
                (writers.count() >= written + WRITES_BETWEEN).then_some(())
            })
            .await;
            for member in &mut cluster.members {
                member.kill();
            }
            for member in &mut cluster.members {
                member.start();
            }
            cluster.leader().await;
        }
        let acknowledged = writers.stop().await;
        cluster.converges().await;
        assert_same_and_kept(&cluster, &acknowledged).await;
    });
}

/// Each member, asked alone, has every acknowledged write, and all have the same.
async fn assert_same_and_kept(cluster: &Cluster, acknowledged: &crate::harness::Acknowledged) {
    let mut all = Vec::new();
    for (index, member) in cluster.members.iter().enumerate() {
        let kvs = member.client().local("w/").await.expect("it serves");
        assert_kept(acknowledged, &kvs, &format!("member {index}"));
        let status = member.serves().await;
        all.push((status.header.expect("a header").revision, kvs));
    }
    let revisions: Vec<_> = all.iter().map(|(revision, _)| *revision).collect();
    assert!(
        all.iter().all(|one| *one == all[0]),
        "members differ; revisions: {revisions:?}"
    );
}
