//! A member that has missed what the others keep no more gets a snapshot.

use std::time::Duration;

use crate::harness::{Acknowledged, Cluster, Writers, assert_kept, eventually, run};

/// A checkpoint every so many entries, far fewer than the default.
const SNAPSHOT_COUNT: u64 = 500;

/// Entries that members keep in their logs behind a checkpoint, beyond which a snapshot is due.
const CATCHUP_ENTRIES: u64 = 5000;

/// What a member logs when a snapshot has replaced its state, and when it has written one.
const REPLACED: &str = "state replaced by a snapshot";
const WRITTEN: &str = "checkpoint written index=";

const WRITE_LIMIT: Duration = Duration::from_secs(90);

#[test]
fn a_member_that_was_away_for_long_catches_up_by_snapshot() {
    run(async |directory| {
        let flag = format!("--snapshot-count={SNAPSHOT_COUNT}");
        let mut cluster = Cluster::start(&directory, 3, &[&flag]).await;
        let leader = cluster.leader().await;
        let away = (leader + 1) % 3;
        cluster.members[away]
            .client()
            .put("w/before", "w/before")
            .await
            .expect("a leader");
        assert!(cluster.members[away].stop().await.success());
        let mut acknowledged = write_past_the_logs(&cluster, "w/first/").await;
        cluster.members[away].start();
        assert_caught_up_by_snapshot(&cluster, away, 1, &acknowledged).await;

        // Once more, by a member that has been killed and has a snapshot from before.
        cluster.members[away].kill();
        acknowledged.append(&mut write_past_the_logs(&cluster, "w/second/").await);
        cluster.members[away].start();
        assert_caught_up_by_snapshot(&cluster, away, 2, &acknowledged).await;

        // It counts again: with it alone beside the leader, writes get through.
        let leader = cluster.leader().await;
        let other = (0..3)
            .find(|index| ![leader, away].contains(index))
            .expect("the third");
        cluster.members[other].kill();
        let client = cluster.members[away].client();
        let revision = client
            .put("w/after", "w/after")
            .await
            .expect("a majority is there");
        acknowledged.insert("w/after".to_owned(), revision);
        cluster.members[other].start();
        cluster.converges().await;
        for member in &cluster.members {
            let kvs = member.client().local("w/").await.expect("it serves");
            assert_kept(&acknowledged, &kvs, "a member");
        }
    });
}

/// Writes until the members that run have dropped the entries from before from their logs.
async fn write_past_the_logs(cluster: &Cluster, prefix: &str) -> Acknowledged {
    let leader = cluster.leader().await;
    let client = cluster.members[leader].client().clone();
    let before = cluster.members[leader].serves().await.raft_applied_index;
    let enough = before + CATCHUP_ENTRIES + SNAPSHOT_COUNT;
    let writers = Writers::start(&[client], 128, prefix);
    // Each of them may be the one that leads in the end.
    eventually(
        "checkpoints behind which the logs are dropped",
        WRITE_LIMIT,
        async || {
            let written = cluster
                .running()
                .map(|member| last_checkpoint(&member.log()));
            (written.min() >= Some(enough)).then_some(())
        },
    )
    .await;
    writers.stop().await
}

/// The index of the newest checkpoint that the log tells of.
fn last_checkpoint(log: &str) -> u64 {
    let index = log
        .rsplit_once(WRITTEN)
        .and_then(|(_, rest)| rest.split_whitespace().next());
    index.map_or(0, |index| index.parse().expect("an index"))
}

/// The member has been sent its `count`th snapshot, and has every write by itself.
async fn assert_caught_up_by_snapshot(
    cluster: &Cluster,
    member: usize,
    count: usize,
    acknowledged: &Acknowledged,
) {
    cluster.converges().await;
    let member = &cluster.members[member];
    assert_eq!(
        member.log().matches(REPLACED).count(),
        count,
        "snapshots that it was sent"
    );
    let kvs = member.client().local("w/").await.expect("it serves");
    assert_kept(acknowledged, &kvs, "the member that was away");
    assert!(kvs.iter().any(|kv| kv.key == "w/before"));
    let value = member
        .client()
        .get("w/before")
        .await
        .expect("it reads through the leader");
    assert_eq!(value.as_deref(), Some(b"w/before".as_slice()));
}
