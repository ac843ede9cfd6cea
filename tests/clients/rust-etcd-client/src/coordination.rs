//! The services for locks and elections.

use etcd_client::{Client, GetOptions, LockOptions, ObserveStream, ProclaimOptions, ResignOptions};
use tokio::time;

use crate::{PATIENCE, Result, equal, patiently, there};

/// Returns when two keys with a prefix are there: holder and waiter.
async fn queued(c: &Client, prefix: &str) -> Result {
    patiently("the second in the queue", async || {
        let count = GetOptions::new().with_prefix().with_count_only();
        equal("keys", c.clone().get(prefix, Some(count)).await?.count(), 2)
    })
    .await
}

pub(crate) async fn lock(mut c: Client) -> Result {
    let lease = c.lease_grant(30, None).await?.id();
    let held = c
        .lock("mutex", Some(LockOptions::new().with_lease(lease)))
        .await?;
    let key = held.key().to_vec();
    equal(
        "the key",
        key.clone(),
        format!("mutex/{lease:x}").into_bytes(),
    )?;
    let mut other = c.clone();
    let waiting = tokio::spawn(async move { other.lock("mutex", None).await });
    queued(&c, "mutex/").await?;
    equal("both have the lock", waiting.is_finished(), false)?;
    // The end of its lease is the end of the lock.
    c.lease_revoke(lease).await?;
    let second = time::timeout(PATIENCE, waiting).await???.key().to_vec();
    equal("both have the same key", second == key, false)?;
    c.unlock(second).await?;
    c.put("counter", "0", None).await?;
    let contenders = [
        tokio::spawn(count(c.clone())),
        tokio::spawn(count(c.clone())),
    ];
    for contender in contenders {
        contender.await??;
    }
    equal(
        "the counter",
        c.get("counter", None).await?.kvs()[0].value_str()?,
        "10",
    )
}

/// Increments in two steps, read and write, which is right only under a lock.
async fn count(mut c: Client) -> Result {
    for _ in 0..5 {
        let key = c.lock("mutex", None).await?.key().to_vec();
        let count: u32 = c.get("counter", None).await?.kvs()[0]
            .value_str()?
            .parse()?;
        c.put("counter", (count + 1).to_string(), None).await?;
        c.unlock(key).await?;
    }
    Ok(())
}

pub(crate) async fn election(mut c: Client) -> Result {
    let lease = c.lease_grant(30, None).await?.id();
    let elected = c.campaign("office", "first", lease).await?;
    let office = there(elected.leader())?.clone();
    let mut observed = c.observe("office").await?;
    equal(
        "what an observer sees",
        next(&mut observed).await?.as_str(),
        "first",
    )?;
    let next_lease = c.lease_grant(30, None).await?.id();
    let mut other = c.clone();
    let waiting = tokio::spawn(async move { other.campaign("office", "second", next_lease).await });
    queued(&c, "office/").await?;
    equal("both lead", waiting.is_finished(), false)?;
    c.proclaim(
        "first again",
        Some(ProclaimOptions::new().with_leader(office.clone())),
    )
    .await?;
    equal(
        "what an observer sees",
        next(&mut observed).await?.as_str(),
        "first again",
    )?;
    let leader = c.leader("office").await?;
    equal(
        "the leader",
        there(leader.kv())?.value_str()?,
        "first again",
    )?;
    c.resign(Some(ResignOptions::new().with_leader(office)))
        .await?;
    let elected = time::timeout(PATIENCE, waiting).await???;
    let office = there(elected.leader())?.clone();
    equal("the lease of the next leader", office.lease(), next_lease)?;
    equal(
        "what an observer sees then",
        next(&mut observed).await?.as_str(),
        "second",
    )?;
    c.resign(Some(ResignOptions::new().with_leader(office)))
        .await?;
    Ok(())
}

async fn next(observed: &mut ObserveStream) -> Result<String> {
    let leader = there(time::timeout(PATIENCE, observed.message()).await??)?;
    Ok(there(leader.kv())?.value_str()?.to_owned())
}
