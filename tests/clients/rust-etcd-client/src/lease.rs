//! Leases, and one that is kept alive while members are killed.

use std::time::Duration;

use etcd_client::{Client, LeaseTimeToLiveOptions, PutOptions};
use tokio::{sync::mpsc, time};

use crate::{Members, PATIENCE, Result, equal, patiently, refused, there};

const TTL_SECONDS: i64 = 6;

pub(crate) async fn lease(mut c: Client) -> Result {
    let granted = c.lease_grant(60, None).await?;
    let id = granted.id();
    c.put("lease/a", "x", Some(PutOptions::new().with_lease(id)))
        .await?;
    let left = c
        .lease_time_to_live(id, Some(LeaseTimeToLiveOptions::new().with_keys()))
        .await?;
    equal(
        "time to live granted",
        (granted.ttl(), left.granted_ttl()),
        (60, 60),
    )?;
    equal(
        "time to live left is within ten seconds",
        (50..=60).contains(&left.ttl()),
        true,
    )?;
    equal("the lease's keys", left.keys(), &[b"lease/a".to_vec()])?;
    let (mut keeper, mut answers) = c.lease_keep_alive(id).await?;
    keeper.keep_alive().await?;
    equal(
        "time to live after a renewal",
        there(answers.message().await?)?.ttl(),
        60,
    )?;
    c.lease_revoke(id).await?;
    refused(
        "revoked twice",
        c.lease_revoke(id).await,
        "etcdserver: requested lease not found",
    )?;
    equal(
        "the key of the revoked lease",
        c.get("lease/a", None).await?.count(),
        0,
    )?;
    let short = c.lease_grant(1, None).await?.id();
    c.put("lease/b", "x", Some(PutOptions::new().with_lease(short)))
        .await?;
    gone(&c, "lease/b").await
}

async fn gone(c: &Client, key: &str) -> Result {
    patiently("end of a lease", async || {
        equal("its key", c.clone().get(key, None).await?.count(), 0)
    })
    .await
}

pub(crate) async fn lease_kill(mut c: Client, members: &mut Members) -> Result {
    let id = c.lease_grant(TTL_SECONDS, None).await?.id();
    c.put("kept", "x", Some(PutOptions::new().with_lease(id)))
        .await?;
    let (sender, mut renewals) = mpsc::unbounded_channel();
    let keeper = tokio::spawn(keep(c.clone(), id, sender));
    members
        .kill_each(async |member, members| {
            members.settle().await?;
            while renewals.try_recv().is_ok() {}
            // For the first member longer than the time to live: two renewals a second at most.
            let wanted = if member == 1 { 3 * TTL_SECONDS } else { 2 };
            for _ in 0..wanted {
                let ttl = there(time::timeout(PATIENCE, renewals.recv()).await?)?;
                equal("time to live after a renewal", ttl, TTL_SECONDS)?;
            }
            Ok(())
        })
        .await?;
    equal(
        "the key that was kept alive",
        c.get("kept", None).await?.count(),
        1,
    )?;
    keeper.abort();
    gone(&c, "kept").await
}

/// What a user of the crate writes: opens the stream of renewals again whenever it fails.
async fn keep(mut c: Client, id: i64, to: mpsc::UnboundedSender<i64>) {
    loop {
        time::sleep(Duration::from_millis(50)).await;
        let Ok((mut keeper, mut answers)) = c.lease_keep_alive(id).await else {
            continue;
        };
        while keeper.keep_alive().await.is_ok() {
            let answer = time::timeout(Duration::from_secs(2), answers.message());
            let Ok(Ok(Some(answer))) = answer.await else {
                break;
            };
            if to.send(answer.ttl()).is_err() {
                return;
            }
            time::sleep(Duration::from_millis(500)).await;
        }
    }
}
