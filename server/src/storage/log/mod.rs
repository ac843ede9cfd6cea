//! The write-ahead log: raft's entries, votes and positions, in one order, durable in batches.
//!
//! How an append travels: [`Log::append`] puts the entries into the cache, where they can be read
//! at once, and into the one ordered [`queue`]. The [`flusher`], on a thread of its own, takes all
//! that has queued up and has the [`writer`] put it down as one [`batch`] with one write and one
//! sync; then the callers are told. The [`preparer`], on another thread, has the next [`segment`]
//! ready before it is needed. At start, [`recovery`] reads everything back.
//!
//! The formats are in `FORMAT.md`.

use std::{io, ops::Range, sync::Arc};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::disk::{Disk, Offloaded};

use super::{
    background::{Background, on_thread},
    error::{Context as _, StorageError},
    space::Space,
};

mod batch;
mod cache;
mod flusher;
mod index;
mod operation;
mod options;
mod preparer;
mod queue;
mod reader;
mod record;
mod recovery;
mod segment;
mod state;
#[cfg(test)]
#[cfg(not(madsim))]
mod tests;
mod writer;
mod zeros;

pub use options::LogOptions;

use flusher::Flusher;
use operation::Operation;
use preparer::{NEW_SUFFIX, Preparer, Request};
use queue::Queue;
use recovery::{Recovery, recover};
use segment::{segment_name, segment_sequence};
use state::LogState;

/// An entry of the log. What it says is not the log's business.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// Its place in the log. Indexes have no gaps.
    pub index: u64,
    /// The term of the leader that proposed it.
    pub term: u64,
    /// Its content, less than 1 GiB. Kept in memory as it is: not a slice of something large.
    pub payload: Bytes,
}

/// Names an entry that may no longer, or not yet, be in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPosition {
    /// The entry's term.
    pub term: u64,
    /// The entry's index.
    pub index: u64,
}

/// What a log says at start. All of it is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// The last saved vote.
    pub vote: Option<Bytes>,
    /// The last saved committed position, not behind `last`. It may be older than the last one
    /// given to [`Log::save_committed`].
    pub committed: Option<LogPosition>,
    /// The last entry that is no longer in the log.
    pub purged: Option<LogPosition>,
    /// The last entry, `purged` if there is none behind it.
    pub last: Option<LogPosition>,
    /// A batch at the end that was being written when the process stopped, and has been dropped.
    pub cut: Option<Cut>,
}

/// Where the end of the log was torn. None of it had been acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The segment.
    pub file: String,
    /// Where the log ends now, bytes from the start of the file.
    pub offset: u64,
    /// What stood there.
    pub cause: &'static str,
}

/// Told when an operation is durable, or that the log has failed. Runs on the log's own thread:
/// it must not block.
pub type Durable = Box<dyn FnOnce(io::Result<()>) + Send>;

/// Told once, when the log has failed. What is durable is then unknown, so nothing may be
/// acknowledged any more: the process has to end.
pub type OnFatal = Arc<dyn Fn(&StorageError) + Send + Sync>;

/// The log. Clones are the same log. Operations take effect, in memory and on disk, in the order
/// in which they are called. After a failed write or sync every operation fails.
#[derive(Clone)]
pub struct Log {
    queue: Arc<Queue>,
    /// For reads: behind a thread of its own.
    disk: Offloaded,
}

impl Log {
    /// Recovers the log of a directory, or begins one, and starts its threads.
    ///
    /// Fails if the files do not hold what was once acknowledged, except for the very last batch:
    /// damage there cannot be told from a write that was interrupted; it is cut off, logged, and
    /// reported in [`Recovered::cut`]. Where there is no room for further segments, `space` says so
    /// while they are tried again; appends wait once the reserve is used up.
    pub async fn open(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        space: Space,
        on_fatal: OnFatal,
    ) -> Result<(Self, Recovered), StorageError> {
        Self::open_on(disk, options, space, on_fatal, on_thread).await
    }

    async fn open_on(
        disk: Arc<dyn Disk>,
        options: LogOptions,
        space: Space,
        on_fatal: OnFatal,
        mut spawn: impl FnMut(&str, Background) -> Result<(), StorageError> + Send,
    ) -> Result<(Self, Recovered), StorageError> {
        let (offloaded, reads) = Offloaded::new(disk.clone());
        spawn("log-read", Box::pin(reads))?;
        let Recovery {
            tail,
            last,
            cache,
            index,
            free,
            cut,
        } = recover(&offloaded, &options).await?;
        let LogState {
            vote,
            committed,
            purged,
            ..
        } = tail.state.clone();
        let committed = clamp(committed, purged, last);

        let (requests, preparer_requests) = mpsc::unbounded_channel();
        let (ended, preparer_ended) = oneshot::channel();
        let queue = Arc::new(Queue::new(
            options.clone(),
            on_fatal,
            tail.state.clone(),
            cache,
            index,
        ));
        let preparer = Preparer {
            disk: disk.clone(),
            options,
            space: space.clone(),
            queue: queue.clone(),
            requests: preparer_requests,
            ended,
        };
        requests
            .send(Request::Free(free))
            .expect("the receiver is in the preparer");
        let flusher = Flusher {
            disk,
            space,
            queue: queue.clone(),
            tail,
            preparer: requests,
            preparer_ended,
        };
        spawn("log-prepare", Box::pin(preparer.run()))?;
        spawn("log", Box::pin(flusher.run()))?;

        let log = Self {
            queue,
            disk: offloaded,
        };
        let recovered = Recovered {
            vote,
            committed,
            purged,
            last,
            cut,
        };
        Ok((log, recovered))
    }

    /// Adds entries, the first of which has to follow the last one of the log. Returns when they
    /// can be read; `done` is called when they are durable. Waits while too much is not durable.
    pub async fn append(&self, entries: Vec<LogEntry>, done: Durable) -> io::Result<()> {
        self.queue.append(entries, done).await
    }

    /// Saves the vote; durable on return.
    pub async fn save_vote(&self, vote: Bytes) -> io::Result<()> {
        self.durably(|done| Operation::Vote { vote, done }).await
    }

    /// Saves how far the log is committed, with the next batch that is written anyway: after a
    /// crash it may be an older position.
    pub fn save_committed(&self, committed: LogPosition) {
        self.queue.save_committed(committed);
    }

    /// Drops the entries behind `index`, or all with `None`. Durable before anything that is
    /// called later. Purged entries cannot be dropped.
    pub fn truncate_after(&self, index: Option<u64>) -> io::Result<()> {
        let from = index.map_or(0, |index| index + 1);
        self.queue.push(Operation::Truncate { from })
    }

    /// Lets go of the entries up to `last`, which may lie behind the end of the log: the next
    /// entry then follows `last`. Call it only when a durable checkpoint covers them.
    pub fn purge(&self, last: LogPosition) -> io::Result<()> {
        self.queue.push(Operation::Purge(last))
    }

    /// The entries of the range that the log has, from the first one on without a gap: as many as
    /// `bytes_max` of payload allow, but at least one. Empty if the range has been purged or is
    /// still to come.
    pub async fn read(&self, range: Range<u64>, bytes_max: usize) -> io::Result<Vec<LogEntry>> {
        let plan = self.queue.plan_read(range.start, range.end, bytes_max)?;
        if plan.from_disk.is_empty() {
            return Ok(plan.from_memory);
        }
        let mut entries = Vec::new();
        for stretch in &plan.from_disk {
            match reader::read_stretch(&self.disk, stretch, bytes_max, &mut entries).await {
                Ok(true) => {}
                Ok(false) => return Ok(entries),
                // Purged, and its file recycled, while it was being read.
                Err(_) if self.queue.is_freed(stretch) => entries.clear(),
                Err(error) => {
                    self.queue.fail(&error);
                    return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                }
            }
        }
        let mut bytes: usize = entries.iter().map(|entry| entry.payload.len()).sum();
        for entry in plan.from_memory {
            bytes += entry.payload.len();
            if bytes > bytes_max && !entries.is_empty() {
                break;
            }
            entries.push(entry);
        }
        Ok(entries)
    }

    /// Bytes of log on disk that are not purged, whole segments: tells when a checkpoint is due.
    pub fn size_bytes(&self) -> u64 {
        self.queue.size_bytes()
    }

    /// Returns when everything called before is durable.
    pub async fn flush(&self) -> io::Result<()> {
        self.durably(|done| Operation::Flush { done }).await
    }

    /// Makes everything durable, the committed position too, and stops the log's threads. Whatever
    /// is called later never completes or fails.
    pub async fn close(&self) -> io::Result<()> {
        let (closed, answer) = oneshot::channel();
        self.queue.push(Operation::Close { closed })?;
        answer
            .await
            .map_err(|_| io::Error::other("the log failed before it was closed"))
    }

    async fn durably(&self, operation: impl FnOnce(Durable) -> Operation) -> io::Result<()> {
        let (done, answer) = oneshot::channel();
        self.queue.push(operation(Box::new(move |result| {
            // The caller may have stopped waiting.
            let _ = done.send(result);
        })))?;
        answer
            .await
            .map_err(|_| io::Error::other("the log was closed"))?
    }
}

/// Whether a file is a segment, or one that was being made.
pub(super) fn is_segment_file(name: &str) -> bool {
    segment_sequence(name.strip_suffix(NEW_SUFFIX).unwrap_or(name)).is_some()
}

/// A log that was begun has a segment at all times.
pub(super) async fn check_not_lost(disk: &dyn Disk) -> Result<(), StorageError> {
    let names = disk.list().await.context("list", &disk.path(""))?;
    if names.iter().any(|name| segment_sequence(name).is_some()) {
        return Ok(());
    }
    Err(StorageError::SegmentMissing {
        file: disk.path(&segment_name(1)),
    })
}

/// The committed position is saved lazily and may be from before a purge; behind the durable end
/// of the log it would promise entries that are not there.
fn clamp(
    committed: Option<LogPosition>,
    purged: Option<LogPosition>,
    last: Option<LogPosition>,
) -> Option<LogPosition> {
    let by_index = |position: &LogPosition| position.index;
    let at_least = committed.into_iter().chain(purged).max_by_key(by_index)?;
    last.map(|last| {
        if last.index < at_least.index {
            last
        } else {
            at_least
        }
    })
}
