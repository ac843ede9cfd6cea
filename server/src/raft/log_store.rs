//! openraft's log storage over [`crate::storage::Log`], which orders and syncs.

use std::{
    fmt::Debug,
    io,
    ops::{Bound, RangeBounds},
    sync::{Arc, Mutex},
};

use futures_util::{Stream, stream};
use openraft::{
    LogState, OptionalSend, RaftLogReader,
    storage::{IOFlushed, RaftLogStorage},
};
use prost::Message as _;
use quorate_core::probe;

use super::{
    convert,
    types::{Entry, LogId, TypeConfig, Vote},
};
use crate::{
    proto::peer,
    storage::{Checkpoints, Log, LogPosition, Storage},
};

/// Most bytes of entries in one append request to a follower, and in one step of a replay. A
/// single larger entry goes alone.
const READ_BYTES_MAX: usize = 1 << 20;

/// The log, as raft writes and reads it. Clones share everything.
#[derive(Clone)]
pub(super) struct LogStore {
    log: Log,
    checkpoints: Checkpoints,
    state: Arc<Mutex<State>>,
}

/// What openraft asks back of what it has written. Kept here because reading it must never wait
/// for the disk.
#[derive(Clone, Copy, Default)]
struct State {
    vote: Option<Vote>,
    committed: Option<LogId>,
    purged: Option<LogId>,
    last: Option<LogId>,
}

impl LogStore {
    /// Takes over a log that was just opened.
    pub(super) fn new(storage: &Storage) -> io::Result<Self> {
        let recovered = &storage.recovered;
        let vote = match &recovered.vote {
            None => None,
            Some(bytes) => {
                let wire = peer::Vote::decode(bytes.as_ref()).map_err(io::Error::other)?;
                Some(convert::vote_from_wire(Some(wire))?)
            }
        };
        let position = |at: LogPosition| convert::log_id(at.term, at.index);
        let purged = recovered.purged.map(position);
        let last = recovered.last.map(position);
        // The log clamps the committed position, which is written lazily, to what is durable.
        let committed = recovered.committed.map(position);
        let state = State {
            vote,
            committed,
            purged,
            last,
        };
        Ok(Self {
            log: storage.log.clone(),
            checkpoints: storage.checkpoints.clone(),
            state: Arc::new(Mutex::new(state)),
        })
    }

    fn with_state<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().expect("no holder of this lock panics"))
    }

    /// The vote that is on disk.
    pub(super) fn saved_vote(&self) -> Option<Vote> {
        self.with_state(|state| state.vote)
    }

    async fn read(&self, start: u64, end: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let entries = self.log.read(start..end, bytes_max).await?;
        entries
            .into_iter()
            .map(|entry| Ok(convert::entry_from_log(entry)?))
            .collect()
    }

    fn bounds(&self, range: &impl RangeBounds<u64>) -> (u64, u64) {
        let start = match range.start_bound() {
            Bound::Included(&start) => start,
            Bound::Excluded(&before) => before + 1,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&last) => last + 1,
            Bound::Excluded(&end) => end,
            Bound::Unbounded => u64::MAX,
        };
        let next = self
            .with_state(|state| state.last)
            .map_or(0, |last| last.index + 1);
        (start, end.min(next))
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let (start, end) = self.bounds(&range);
        self.read(start, end, usize::MAX).await
    }

    /// For replication. openraft at times resumes a stream where it once began, at entries that are
    /// purged by now, and takes whatever it gets for what it asked for. It gets the first entry that
    /// is left, and the stream to the follower is ended because of the gap (`network.rs`).
    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        let entries = self.read(start, end, READ_BYTES_MAX).await?;
        let first = self
            .with_state(|state| state.purged)
            .map_or(0, |purged| purged.index + 1);
        if entries.is_empty() && start < first {
            return self.read(first, first + 1, READ_BYTES_MAX).await;
        }
        Ok(entries)
    }

    /// Replay, in pieces: a log of gigabytes must not need gigabytes of memory at once.
    async fn entries_stream<RB>(
        &mut self,
        range: RB,
    ) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        let (start, end) = self.bounds(&range);
        let piece = (self.clone(), start, Vec::new().into_iter());
        Box::pin(stream::try_unfold(
            piece,
            move |(store, next, mut ready)| async move {
                if let Some(entry) = ready.next() {
                    return Ok(Some((entry, (store, next, ready))));
                }
                if next >= end {
                    return Ok(None);
                }
                let entries = store.read(next, end, READ_BYTES_MAX).await?;
                let next = next + entries.len() as u64;
                let mut ready = entries.into_iter();
                Ok(ready.next().map(|entry| (entry, (store, next, ready))))
            },
        ))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.with_state(|state| state.vote))
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let state = self.with_state(|state| *state);
        Ok(LogState {
            last_purged_log_id: state.purged,
            last_log_id: state.last,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let bytes = convert::vote_to_wire(vote).encode_to_vec();
        probe!(VoteCast);
        self.log.save_vote(bytes.into()).await?;
        self.with_state(|state| state.vote = Some(*vote));
        Ok(())
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        if let Some(log_id) = committed {
            self.log.save_committed(convert::log_position(&log_id));
        }
        self.with_state(|state| state.committed = committed);
        Ok(())
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.with_state(|state| state.committed))
    }

    async fn append<I>(&mut self, entries: I, done: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries
            .into_iter()
            .map(convert::entry_to_log)
            .collect::<Vec<_>>();
        let last = entries
            .last()
            .map(|entry| convert::log_id(entry.term, entry.index));
        self.log
            .append(entries, Box::new(move |result| done.io_completed(result)))
            .await?;
        if last.is_some() {
            self.with_state(|state| state.last = last);
        }
        Ok(())
    }

    async fn truncate_after(&mut self, last_kept: Option<LogId>) -> io::Result<()> {
        self.log
            .truncate_after(last_kept.map(|log_id| log_id.index))?;
        self.with_state(|state| state.last = last_kept.or(state.purged));
        Ok(())
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        // The log stays long enough for the older checkpoint, should the newer one rot; unless
        // the log ends before `upto`, superseded by a snapshot from the leader.
        let superseded = self.with_state(|state| state.last < Some(upto));
        let kept = self
            .checkpoints
            .purgeable()
            .filter(|kept| kept.index < upto.index);
        match kept {
            Some(kept) if !superseded => self.log.purge(kept)?,
            _ => self.log.purge(convert::log_position(&upto))?,
        }
        self.with_state(|state| {
            state.purged = Some(upto);
            state.last = state.last.max(Some(upto));
        });
        Ok(())
    }
}
