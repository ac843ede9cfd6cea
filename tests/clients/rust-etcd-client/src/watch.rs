//! Watches, and one that goes on while members are killed.

use std::{collections::BTreeMap, time::Duration};

use etcd_client::{Client, EventType, WatchOptions, WatchStream};
use tokio::{sync::mpsc, time};

use crate::{Members, PATIENCE, Result, equal, patiently, there};

/// An event as far as the tests look at it.
struct Seen {
    kind: EventType,
    pair: String,
    previous: Option<String>,
    revision: i64,
    version: i64,
}

/// The next events of a stream, `count` at least.
async fn next(stream: &mut WatchStream, count: usize) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    while seen.len() < count {
        let response = there(time::timeout(PATIENCE, stream.message()).await??)?;
        if response.canceled() {
            return Err(format!("the watch was cancelled: {}", response.cancel_reason()).into());
        }
        for event in response.events() {
            let kv = there(event.kv())?;
            seen.push(Seen {
                kind: event.event_type(),
                pair: format!("{}={}", kv.key_str()?, kv.value_str()?),
                previous: event
                    .prev_kv()
                    .map(|kv| kv.value_str().map(str::to_owned))
                    .transpose()?,
                revision: kv.mod_revision(),
                version: kv.version(),
            });
        }
    }
    Ok(seen)
}

pub(crate) async fn watch(mut c: Client) -> Result {
    let first = there(c.put("watch/a", "1", None).await?.header())?.revision();
    c.put("watch/b", "2", None).await?;
    c.delete("watch/a", None).await?;
    let options = WatchOptions::new().with_prefix().with_start_revision(first);
    let mut stream = c.watch("watch/", Some(options)).await?;
    let mut seen = next(&mut stream, 3).await?;
    c.put("elsewhere", "x", None).await?;
    c.put("watch/b", "3", None).await?;
    seen.extend(next(&mut stream, 1).await?);
    let is: Vec<_> = seen
        .iter()
        .map(|event| (event.kind, event.pair.as_str(), event.revision))
        .collect();
    let expected = vec![
        (EventType::Put, "watch/a=1", first),
        (EventType::Put, "watch/b=2", first + 1),
        (EventType::Delete, "watch/a=", first + 2),
        (EventType::Put, "watch/b=3", first + 4),
    ];
    equal("what was and came", is, expected)?;
    let options = WatchOptions::new()
        .with_start_revision(first + 2)
        .with_prev_key();
    let mut resumed = c.watch("watch/b", Some(options)).await?;
    let event = &next(&mut resumed, 1).await?[0];
    let is = (event.pair.as_str(), event.previous.as_deref());
    equal("the event, resumed", is, ("watch/b=3", Some("2")))
}

pub(crate) async fn watch_kill(mut c: Client, members: &mut Members) -> Result {
    let first = there(c.put("crash", "0", None).await?.header())?.revision();
    let mut acknowledged = BTreeMap::from([(first, "crash=0".to_owned())]);
    let (sender, mut seen) = mpsc::unbounded_channel();
    let follower = tokio::spawn(follow(c.clone(), first, sender));
    members
        .kill_each(async |_, members| {
            for _ in 0..5 {
                let value = acknowledged.len().to_string();
                let put = patiently("a put", async || {
                    Ok(c.clone().put("crash", value.as_str(), None).await?)
                });
                let revision = there(put.await?.header())?.revision();
                acknowledged.insert(revision, format!("crash={value}"));
            }
            members.settle().await
        })
        .await?;
    let last = acknowledged.last_key_value().map(|(revision, _)| *revision);
    // Consecutive versions of one key: no gap and no repeat.
    for version in 1.. {
        let event: Seen = there(time::timeout(PATIENCE, seen.recv()).await?)?;
        equal("version of the key", event.version, version)?;
        if let Some(pair) = acknowledged.remove(&event.revision) {
            equal("value of the key", event.pair, pair)?;
        }
        if Some(event.revision) >= last {
            break;
        }
    }
    follower.abort();
    equal(
        "acknowledged puts that no event tells of",
        acknowledged,
        BTreeMap::new(),
    )
}

/// What a user of the crate writes: watches again, behind the last event, whenever a watch fails.
async fn follow(mut c: Client, mut behind: i64, to: mpsc::UnboundedSender<Seen>) {
    loop {
        let options = WatchOptions::new().with_start_revision(behind);
        if let Ok(mut stream) = c.watch("crash", Some(options)).await {
            while let Ok(events) = next(&mut stream, 1).await {
                for event in events {
                    behind = event.revision + 1;
                    if to.send(event).is_err() {
                        return;
                    }
                }
            }
        }
        time::sleep(Duration::from_millis(50)).await;
    }
}
