//! The operations that wait in the queue, and the batches that they become.

use std::io;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::{Durable, LogEntry, LogPosition, cache::entry_bytes, record::Record};

/// Lengths on disk are 32 bits wide, and a batch holds one append besides its own limit.
const OPERATION_BYTES_MAX: usize = 1 << 30;

/// An operation that waits for the flusher.
pub(super) enum Operation {
    Append {
        entries: Vec<LogEntry>,
        done: Durable,
    },
    Vote {
        vote: Bytes,
        done: Durable,
    },
    Truncate {
        from: u64,
    },
    Purge(LogPosition),
    /// Nothing to write; done when all before it is durable.
    Flush {
        done: Durable,
    },
    /// The last operation.
    Close {
        closed: oneshot::Sender<()>,
    },
}

impl Operation {
    /// Entries stand behind a truncation or a jump of indexes, never before it in one batch; and
    /// what a close writes proves that the batch before it was durable.
    fn begins_batch(&self) -> bool {
        matches!(
            self,
            Self::Truncate { .. } | Self::Purge(_) | Self::Close { .. }
        )
    }

    /// Tells the caller that the log has ended before the operation was taken.
    pub(super) fn fail(self, reason: &str) {
        if let Self::Append { done, .. } | Self::Vote { done, .. } | Self::Flush { done } = self {
            done(Err(io::Error::other(reason.to_owned())));
        }
    }
}

pub(super) fn check_size(bytes: usize) -> Result<(), &'static str> {
    if bytes > OPERATION_BYTES_MAX {
        return Err("more than 1 GiB in one operation");
    }
    Ok(())
}

/// What the flusher writes at once, and who waits for it.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) records: Vec<Record>,
    /// Memory of its entries.
    pub(super) bytes: usize,
    /// The ticket of its last operation.
    pub(super) ticket: u64,
    operations: usize,
    waiting: Vec<Durable>,
    closes: Option<oneshot::Sender<()>>,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.operations == 0
    }

    pub(super) fn has_room_for(&self, operation: &Operation, bytes_max: usize) -> bool {
        self.is_empty() || !operation.begins_batch() && self.bytes < bytes_max
    }

    pub(super) fn push(&mut self, operation: Operation) {
        self.operations += 1;
        match operation {
            Operation::Append { entries, done } => {
                self.bytes += entries.iter().map(entry_bytes).sum::<usize>();
                self.records.extend(entries.into_iter().map(Record::Entry));
                self.waiting.push(done);
            }
            Operation::Vote { vote, done } => {
                self.records.push(Record::Vote(vote));
                self.waiting.push(done);
            }
            Operation::Truncate { from } => self.records.push(Record::Truncate { from }),
            Operation::Purge(last) => self.records.push(Record::Purge(last)),
            Operation::Flush { done } => self.waiting.push(done),
            Operation::Close { closed } => self.closes = Some(closed),
        }
    }

    /// A close writes in any case.
    pub(super) fn is_worth_writing(&self) -> bool {
        !self.records.is_empty() || self.closes.is_some()
    }

    /// Tells the callers that their operations are durable. Returns who waits for the log to be
    /// closed.
    pub(super) fn complete(self) -> Option<oneshot::Sender<()>> {
        for done in self.waiting {
            done(Ok(()));
        }
        self.closes
    }

    /// Tells the callers that it is not known what is durable.
    pub(super) fn fail(self, reason: &str) {
        for done in self.waiting {
            done(Err(io::Error::other(reason.to_owned())));
        }
    }
}
