//! Clients that write without pause, and the account of what they were promised.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use quorate_server::{proto::mvccpb::KeyValue, runtime};
use tokio::task::JoinHandle;

use super::Client;

/// Pause after a write that failed: its member is most likely down.
const FAILURE_PAUSE: Duration = Duration::from_millis(20);

/// Acknowledged writes: key, and the revision at which it was put. The value is the key.
pub(crate) type Acknowledged = BTreeMap<String, i64>;

/// Writers, each of which puts keys of its own, one after the other, each key once.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Acknowledged>>,
    tasks: Vec<JoinHandle<()>>,
}

impl Writers {
    /// Starts `per_client` writers on each client. Their keys begin with `prefix`.
    pub(crate) fn start(clients: &[Client], per_client: usize, prefix: &str) -> Self {
        let (stop, acknowledged) = (Arc::<AtomicBool>::default(), Arc::default());
        let mut tasks = Vec::new();
        for (member, client) in clients.iter().enumerate() {
            for writer in 0..per_client {
                let writer = Writer {
                    client: client.clone(),
                    prefix: format!("{prefix}{member}/{writer}/"),
                    stop: stop.clone(),
                    acknowledged: Arc::clone(&acknowledged),
                };
                tasks.push(runtime::spawn(writer.run()));
            }
        }
        Self {
            stop,
            acknowledged,
            tasks,
        }
    }

    /// How many writes have been acknowledged.
    pub(crate) fn count(&self) -> usize {
        self.acknowledged
            .lock()
            .expect("no holder of this lock panics")
            .len()
    }

    /// Ends the writers, and tells what they were promised.
    pub(crate) async fn stop(self) -> Acknowledged {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            task.await.expect("a writer does not panic");
        }
        std::mem::take(
            &mut *self
                .acknowledged
                .lock()
                .expect("no holder of this lock panics"),
        )
    }
}

struct Writer {
    client: Client,
    prefix: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<Mutex<Acknowledged>>,
}

impl Writer {
    async fn run(self) {
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let key = format!("{}{number:06}", self.prefix);
            match self.client.put(&key, &key).await {
                Ok(revision) => {
                    let mut all = self
                        .acknowledged
                        .lock()
                        .expect("no holder of this lock panics");
                    all.insert(key, revision);
                }
                // It may have been written all the same; nothing was promised.
                Err(_) => tokio::time::sleep(FAILURE_PAUSE).await,
            }
        }
    }
}

/// Checks that everything that was acknowledged is among `kvs`, which are in order of their keys.
#[track_caller]
pub(crate) fn assert_kept(acknowledged: &Acknowledged, kvs: &[KeyValue], place: &str) {
    let broken = broken_promises(acknowledged, kvs);
    let shown = &broken[..broken.len().min(10)];
    let (count, of) = (broken.len(), acknowledged.len());
    assert!(
        broken.is_empty(),
        "{place}: {count} of {of} acknowledged writes: {shown:#?}"
    );
    println!("{place}: {of} acknowledged writes, all kept");
}

fn broken_promises(acknowledged: &Acknowledged, kvs: &[KeyValue]) -> Vec<String> {
    let mut broken = Vec::new();
    for (key, &revision) in acknowledged {
        let found = kvs.binary_search_by(|kv| kv.key.as_ref().cmp(key.as_bytes()));
        let Ok(found) = found else {
            broken.push(format!("{key}: lost, acknowledged at revision {revision}"));
            continue;
        };
        let kv = &kvs[found];
        let expected = (revision, revision, 1, key.as_bytes());
        if (
            kv.create_revision,
            kv.mod_revision,
            kv.version,
            kv.value.as_ref(),
        ) != expected
        {
            broken.push(format!(
                "{key}: acknowledged at revision {revision}, but {kv:?}"
            ));
        }
    }
    broken
}

#[test]
fn every_broken_promise_is_seen() {
    let kv = |key: &str, revision| KeyValue {
        key: key.to_owned().into(),
        value: key.to_owned().into(),
        create_revision: revision,
        mod_revision: revision,
        version: 1,
        lease: 0,
    };
    let promised = Acknowledged::from([("a".to_owned(), 2), ("b".to_owned(), 3)]);
    let kept = vec![kv("a", 2), kv("aa", 4), kv("b", 3)];
    assert_eq!(broken_promises(&promised, &kept), [""; 0]);

    assert_eq!(broken_promises(&promised, &[]).len(), 2);
    assert_eq!(broken_promises(&promised, &kept[..1]).len(), 1);
    let mut moved = kept.clone();
    moved[2] = kv("b", 4);
    assert_eq!(broken_promises(&promised, &moved).len(), 1);
    let mut changed = kept.clone();
    changed[0].value = "x".into();
    assert_eq!(broken_promises(&promised, &changed).len(), 1);
    let mut twice = kept;
    twice[0].version = 2;
    assert_eq!(broken_promises(&promised, &twice).len(), 1);
}
