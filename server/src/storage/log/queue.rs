//! What the log's callers and its flusher share: the one ordered queue, and the log as accepted.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use quorate_core::probe;
use tokio::sync::Notify;

use super::{
    super::error::StorageError,
    Durable, LogEntry, LogPosition, OnFatal,
    cache::{EntryCache, entry_bytes},
    index::{BatchPlace, LogIndex, Stretch},
    operation::{Batch, Operation, check_size},
    options::LogOptions,
    record::Record,
    state::LogState,
    writer::apply,
};

pub(super) struct Queue {
    shared: Mutex<Shared>,
    options: LogOptions,
    /// The flusher waits on it for operations.
    work: Notify,
    /// Appends wait on it for room.
    room: Notify,
    on_fatal: OnFatal,
}

struct Shared {
    operations: VecDeque<Operation>,
    /// Memory of the entries that are not durable.
    pending_bytes: usize,
    /// Tickets number the operations.
    last_ticket: u64,
    durable_ticket: u64,
    /// Not worth a write of its own: goes with the next batch that its entry does not come after.
    committed: Option<LogPosition>,
    /// What the log will say once everything accepted is written.
    accepted: LogState,
    /// What the log will say once the batches taken so far are written.
    taken: LogState,
    cache: EntryCache,
    index: LogIndex,
    /// Why the log takes no more operations.
    ended: Option<Arc<str>>,
}

/// What to read: entries from memory, and before them entries from disk.
pub(super) struct ReadPlan {
    pub(super) from_disk: Vec<Stretch>,
    pub(super) from_memory: Vec<LogEntry>,
}

impl Queue {
    pub(super) fn new(
        options: LogOptions,
        on_fatal: OnFatal,
        accepted: LogState,
        cache: EntryCache,
        index: LogIndex,
    ) -> Self {
        let shared = Shared {
            operations: VecDeque::new(),
            pending_bytes: 0,
            last_ticket: 0,
            durable_ticket: 0,
            committed: None,
            taken: accepted.clone(),
            accepted,
            cache,
            index,
            ended: None,
        };
        let (work, room) = (Notify::new(), Notify::new());
        Self {
            shared: Mutex::new(shared),
            options,
            work,
            room,
            on_fatal,
        }
    }

    /// Accepts entries, waiting for room first.
    pub(super) async fn append(&self, entries: Vec<LogEntry>, done: Durable) -> io::Result<()> {
        let bytes = entries.iter().map(entry_bytes).sum();
        check_size(bytes).map_err(invalid)?;
        loop {
            {
                let shared = &mut *self.lock();
                shared.check_alive()?;
                let pending_bytes = shared.pending_bytes;
                // An append larger than the whole queue goes in alone.
                if pending_bytes == 0 || pending_bytes + bytes <= self.options.queue_bytes_max {
                    shared.accept_entries(entries, bytes, done)?;
                    break;
                }
            }
            probe!(AppendWaits);
            self.room.notified().await;
        }
        // Without the lock, which whoever wakes up asks for first.
        self.work.notify_one();
        // Room is announced to one waiter at a time; the next one may fit as well.
        self.room.notify_one();
        Ok(())
    }

    /// Accepts an operation that changes no entries.
    pub(super) fn push(&self, operation: Operation) -> io::Result<()> {
        self.lock().accept(operation)?;
        self.work.notify_one();
        Ok(())
    }

    pub(super) fn save_committed(&self, committed: LogPosition) {
        self.lock().committed = Some(committed);
    }

    /// The next batch, waiting for one. See `Operation::begins_batch`.
    pub(super) async fn next_batch(&self) -> Batch {
        loop {
            if let Some(batch) = self.lock().take_batch(self.options.batch_bytes_max) {
                return batch;
            }
            self.work.notified().await;
        }
    }

    /// Takes note that a batch is durable. Returns the segments that are no longer needed.
    pub(super) fn complete(&self, batch: &Batch, place: Option<BatchPlace>) -> Vec<u64> {
        let shared = &mut *self.lock();
        shared.pending_bytes -= batch.bytes;
        shared.durable_ticket = batch.ticket;
        let mut freed = Vec::new();
        if let Some(place) = place {
            shared.index.note(place, &batch.records);
            for record in &batch.records {
                if let Record::Purge(last) = record {
                    freed = shared.index.free(last.index);
                }
            }
        }
        shared
            .cache
            .evict(self.options.cache_bytes_max, batch.ticket);
        self.room.notify_one();
        freed
    }

    /// Ends the log after an error: every operation, waiting or yet to come, fails.
    pub(super) fn fail(&self, error: &StorageError) {
        if self.end(&format!("the log has failed: {error}")) {
            (self.on_fatal)(error);
        }
    }

    /// Ends the log in good order.
    pub(super) fn close(&self) {
        self.end("the log is closed");
    }

    /// Returns whether the log had not ended before.
    fn end(&self, reason: &str) -> bool {
        let waiting = {
            let shared = &mut *self.lock();
            if shared.ended.is_some() {
                return false;
            }
            shared.ended = Some(reason.into());
            std::mem::take(&mut shared.operations)
        };
        for operation in waiting {
            operation.fail(reason);
        }
        self.room.notify_waiters();
        self.room.notify_one();
        true
    }

    /// Where the entries `from..to` are, as far as the log has them.
    pub(super) fn plan_read(&self, from: u64, to: u64, bytes_max: usize) -> io::Result<ReadPlan> {
        let shared = &*self.lock();
        shared.check_alive()?;
        let from = from.max(shared.accepted.first_index());
        let to = to.min(shared.accepted.next_index.unwrap_or(0));
        let from_memory = shared.cache.read(from, to, bytes_max);
        let disk_end = shared.cache.first_index().unwrap_or(u64::MAX).min(to);
        let from_disk = if from < disk_end {
            probe!(LogReadFromDisk);
            shared.index.stretches(from, disk_end)
        } else {
            Vec::new()
        };
        Ok(ReadPlan {
            from_disk,
            from_memory,
        })
    }

    /// Whether entries that were to be read have been purged meanwhile.
    pub(super) fn is_freed(&self, stretch: &Stretch) -> bool {
        !self.lock().index.holds(stretch.segment)
    }

    pub(super) fn size_bytes(&self) -> u64 {
        self.lock().index.used_bytes()
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared
            .lock()
            .expect("nobody panics with the lock held")
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("the log refuses {what}"),
    )
}

impl Shared {
    fn check_alive(&self) -> io::Result<()> {
        match &self.ended {
            Some(reason) => Err(io::Error::other(reason.to_string())),
            None => Ok(()),
        }
    }

    fn accept_entries(
        &mut self,
        entries: Vec<LogEntry>,
        bytes: usize,
        done: Durable,
    ) -> io::Result<()> {
        let mut accepted = self.accepted.clone();
        for entry in &entries {
            accepted.append(entry).map_err(invalid)?;
        }
        self.accepted = accepted;
        self.pending_bytes += bytes;
        let ticket = self.enqueue();
        for entry in &entries {
            self.cache.push(entry.clone(), ticket);
        }
        self.operations
            .push_back(Operation::Append { entries, done });
        Ok(())
    }

    fn accept(&mut self, operation: Operation) -> io::Result<()> {
        self.check_alive()?;
        match &operation {
            Operation::Truncate { from } => {
                probe!(LogTruncated if self.accepted.next_index > Some(*from));
                self.accepted.truncate(*from).map_err(invalid)?;
                self.cache.truncate(*from);
            }
            Operation::Purge(last) => {
                probe!(LogPurged);
                self.accepted.purge(*last).map_err(invalid)?;
                self.cache.purge(last.index);
            }
            Operation::Vote { vote, .. } => check_size(vote.len()).map_err(invalid)?,
            Operation::Append { .. } | Operation::Flush { .. } | Operation::Close { .. } => {}
        }
        self.enqueue();
        self.operations.push_back(operation);
        Ok(())
    }

    fn enqueue(&mut self) -> u64 {
        self.last_ticket += 1;
        self.last_ticket
    }

    fn take_batch(&mut self, bytes_max: usize) -> Option<Batch> {
        let mut batch = Batch::default();
        while let Some(operation) = self
            .operations
            .pop_front_if(|next| batch.has_room_for(next, bytes_max))
        {
            batch.push(operation);
        }
        if batch.is_empty() {
            return None;
        }
        for record in &batch.records {
            apply(&mut self.taken, record).expect("what was accepted follows what was taken");
        }
        // On disk it never points behind the log, not even if the next batch is lost.
        let next_index = self.taken.next_index.unwrap_or(0);
        let committed = self
            .committed
            .take_if(|committed| committed.index < next_index);
        batch.records.extend(committed.map(Record::Committed));
        batch.ticket = self.last_ticket - self.operations.len() as u64;
        Some(batch)
    }
}
