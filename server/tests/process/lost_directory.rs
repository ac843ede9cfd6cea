//! Who is let into a cluster with an empty data directory, and who is not: a member that has voted
//! could vote twice.

use std::{fs, path::Path, time::Duration};

use crate::harness::{Cluster, Port, QUORATE, Writers, assert_kept, eventually, run};

const FAST: &[&str] = &["--heartbeat-interval=50", "--election-timeout=500"];

const WRITE_LIMIT: Duration = Duration::from_secs(30);

/// Why a member waits.
const NO_MAJORITY: &str = "it needs a majority of the members of its cluster";

/// A cluster of which none is started.
fn three(directory: &Path) -> Cluster {
    let ports = (0..3).map(|_| (Port::free(), Port::free())).collect();
    Cluster::new(Path::new(QUORATE), directory, ports, FAST)
}

#[test]
fn a_member_that_has_lost_its_directory_is_refused() {
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 3, FAST).await;
        let lost = (cluster.leader().await + 1) % 3;
        let id = {
            let header = cluster.members[lost].serves().await.header;
            header.expect("every response has a header").member_id
        };
        cluster.members[lost].kill();
        let data_dir = cluster.members[lost].data_dir();
        let saved = directory.join("saved");
        fs::rename(&data_dir, &saved).expect("nobody uses it");

        for _ in 0..2 {
            let line = cluster.members[lost].is_refused().await;
            let begin = format!("knows this member, {id:x}, with another data directory");
            assert!(line.contains(&begin), "{line}");
            let remedy = format!("put that directory back, or run `etcdctl member remove {id:x}`");
            assert!(line.contains(&remedy), "{line}");
        }
        let writers = Writers::start(
            &[cluster.members[cluster.leader().await].client().clone()],
            2,
            "w/",
        );
        eventually("writes", WRITE_LIMIT, async || {
            (writers.count() >= 50).then_some(())
        })
        .await;
        let acknowledged = writers.stop().await;

        fs::remove_dir_all(&data_dir).expect("nobody uses it");
        fs::rename(&saved, &data_dir).expect("nobody uses it");
        cluster.members[lost].start();
        cluster.converges().await;
        let kvs = cluster.members[lost].client().local("w/").await;
        assert_kept(&acknowledged, &kvs.expect("it serves"), "the member");
    });
}

#[test]
fn a_majority_founds_the_cluster_and_the_last_one_comes_later() {
    run(async |directory| {
        let mut cluster = three(&directory);
        cluster.members[0].start();
        cluster.members[0].says(NO_MAJORITY).await;
        // It can be told to stop while it waits, and goes on waiting afterwards.
        assert!(cluster.members[0].stop().await.success());
        cluster.members[0].start();
        cluster.members[1].start();
        let leader = cluster.leader().await;
        let revision = cluster.members[leader]
            .client()
            .put("k", "v")
            .await
            .expect("a majority is there");

        cluster.members[2].start();
        cluster.converges().await;
        let kvs = cluster.members[2].client().local("k").await;
        assert_eq!(kvs.expect("it serves")[0].mod_revision, revision);
    });
}

#[test]
fn a_new_member_waits_for_a_cluster_that_cannot_decide() {
    run(async |directory| {
        let mut cluster = three(&directory);
        cluster.members[0].start();
        cluster.members[1].start();
        cluster.leader().await;
        cluster.members[1].kill();
        cluster.members[2].start();
        cluster.members[2]
            .says("the cluster has no leader that could let it in")
            .await;
        cluster.members[1].start();
        cluster.converges().await;
    });
}

#[test]
fn a_founder_that_has_lost_its_directory_at_once_is_refused() {
    run(async |directory| {
        let mut cluster = three(&directory);
        for member in &mut cluster.members[..2] {
            member.start();
        }
        for member in &mut cluster.members[..2] {
            member.says("ready to serve client requests").await;
        }
        for member in &mut cluster.members[..2] {
            member.kill();
        }
        fs::remove_dir_all(cluster.members[1].data_dir()).expect("nobody uses it");
        // Whether or not they have elected a leader, the other one knows.
        cluster.members[0].start();
        let line = cluster.members[1].is_refused().await;
        assert!(line.contains("with another data directory"), "{line}");
    });
}
