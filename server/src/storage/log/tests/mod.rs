//! Tests of the whole log over a disk that forgets. Everything runs as tasks of one thread, so
//! that a run is a function of its seed.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::{
    disk::memory::MemoryDisk,
    storage::testing::{disk, run},
};

use super::*;

mod corruption;
mod faults;
mod model;
mod property;
mod space;

use model::Model;

/// Limits so small that everything happens within a few entries.
fn small_options() -> LogOptions {
    LogOptions {
        segment_bytes: 2048,
        cache_bytes_max: 1000,
        queue_bytes_max: 4000,
        batch_bytes_max: 1500,
        spare_segments_max: 2,
        salt: 17,
    }
}

/// A log and its background tasks, which a test can end as a crash would.
struct Process {
    log: Log,
    recovered: Recovered,
    tasks: Vec<JoinHandle<()>>,
    space: Space,
    fatal_errors: Arc<AtomicUsize>,
}

impl Process {
    async fn start(disk: &MemoryDisk, options: &LogOptions) -> Result<Self, StorageError> {
        let fatal_errors = Arc::<AtomicUsize>::default();
        let counter = fatal_errors.clone();
        let on_fatal = Arc::new(move |_: &StorageError| {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        let mut tasks = Vec::new();
        let spawn = |_: &str, background| {
            tasks.push(tokio::spawn(background));
            Ok(())
        };
        let disk = Arc::new(disk.clone());
        let space = Space::default();
        let opened = Log::open_on(disk, options.clone(), space.clone(), on_fatal, spawn).await;
        let (log, recovered) = opened?;
        Ok(Self {
            log,
            recovered,
            tasks,
            space,
            fatal_errors,
        })
    }

    /// Ends the process between two of its steps. What it wrote stays in the disk's cache.
    async fn kill(self) {
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
    }

    /// Everything the log says.
    async fn observe(&self) -> Model {
        let mut entries = Vec::new();
        let mut next = 0;
        loop {
            let read = self
                .log
                .read(next..u64::MAX, 700)
                .await
                .expect("the log can be read");
            let Some(last) = read.last() else { break };
            next = last.index + 1;
            entries.extend(read);
        }
        let Recovered {
            vote, purged, last, ..
        } = self.recovered.clone();
        let model = Model::new(vote, purged, entries);
        assert_eq!(
            model.last(),
            last,
            "the last position is that of the last entry"
        );
        model
    }
}

fn entry(index: u64, term: u64, size: usize) -> LogEntry {
    let mut payload = format!("{term}.{index}").into_bytes();
    payload.resize(size.max(payload.len()), b'.');
    LogEntry {
        index,
        term,
        payload: payload.into(),
    }
}

/// Appends entries and waits until they are durable.
async fn append(log: &Log, entries: Vec<LogEntry>) -> io::Result<()> {
    let (done, answer) = oneshot::channel();
    let done = Box::new(move |result| {
        let _ = done.send(result);
    });
    log.append(entries, done).await?;
    answer.await.expect("the log answers")
}
