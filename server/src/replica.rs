//! This member's copy of the replicated state, and all that follows an apply: the proposer hears,
//! watchers are fed, readers that waited for the index go on, the lease keeper keeps step.

use std::{
    io,
    sync::{
        Arc, RwLock,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use quorate_core::{
    Applied, Entry, Error, Restore, StateMachine, View,
    codec::decode_command,
    command::Proposal,
    limits::WatchLimits,
    planted::{Bug, is_planted},
};
use tokio::sync::mpsc;

use crate::{
    auth::{Auth, TokenEffect},
    node::{AppliedIndex, LeaseOffice, Outcome, Proposals, Watches},
    runtime,
    storage::CheckpointReader,
};

/// Sees every apply, in order, on the thread that made it. The simulator compares replicas and
/// models with it; it must be quick and must not call back into the server.
pub trait Observer: Send + Sync {
    /// `entry` was applied, with this outcome and this state behind it.
    fn applied(&self, entry: &Entry, applied: &Applied, state: &StateMachine);

    /// The state was replaced by a checkpoint of another member's.
    fn restored(&self, state: &StateMachine);

    /// Watchers and leases have been told of what was applied or restored last.
    fn settled(&self, replica: &Replica);
}

/// See the module.
pub struct Replica {
    state: RwLock<StateMachine>,
    /// Those who wait for their own proposal.
    pub(crate) proposals: Proposals,
    /// Those who wait for an index.
    pub(crate) applied_index: AppliedIndex,
    /// Those who watch keys.
    pub(crate) watches: Watches,
    /// Those who have authenticated.
    pub(crate) auth: Auth,
    /// The leader's leases.
    pub(crate) leases: LeaseOffice,
    /// The newest stamp in the state; beside it, since each proposal asks for it.
    applied_ms: AtomicU64,
    /// The size of the state; the same.
    size_bytes: AtomicU64,
    log_growth: LogGrowth,
    observer: Option<Arc<dyn Observer>>,
    /// For a planted bug: the index of the checkpoint that it was started with.
    restored_at: Option<u64>,
}

impl Replica {
    /// Starts from `state`, empty or restored.
    pub(crate) fn new(
        state: StateMachine,
        leases: LeaseOffice,
        auth: Auth,
        watch_limits: WatchLimits,
        checkpoint_bytes: u64,
        observer: Option<Arc<dyn Observer>>,
    ) -> Self {
        Self {
            proposals: Proposals::default(),
            applied_index: AppliedIndex::new(state.applied_index()),
            watches: Watches::new(watch_limits, state.revision()),
            auth,
            leases,
            applied_ms: AtomicU64::new(state.time_ms()),
            size_bytes: AtomicU64::new(state.size_bytes()),
            log_growth: LogGrowth::new(checkpoint_bytes, state.applied_index()),
            restored_at: Some(state.applied_index()).filter(|index| *index > 0),
            state: RwLock::new(state),
            observer,
        }
    }

    /// Runs `f` on the current state, under the read lock: for point reads, never for scans.
    pub fn with_state<T>(&self, f: impl FnOnce(&StateMachine) -> T) -> T {
        f(&self.state.read().expect("apply does not panic"))
    }

    /// The current state, unchanging, at no cost that grows with it.
    pub fn view(&self) -> View {
        self.with_state(StateMachine::view)
    }

    /// Cluster time of what was applied last, milliseconds; at times a moment behind the state.
    pub(crate) fn applied_ms(&self) -> u64 {
        self.applied_ms.load(Ordering::Acquire)
    }

    /// Estimated bytes of the state; at times a moment behind it.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.size_bytes.load(Ordering::Relaxed)
    }

    /// Applies the encoded proposal at this place of the log.
    ///
    /// # Errors
    /// The proposal cannot be decoded: the log holds what this version never wrote. The member
    /// must stop, since going on would let it drift from the others.
    pub fn apply(&self, index: u64, term: u64, payload: Bytes) -> io::Result<()> {
        let bytes = payload.len() as u64;
        let proposal = Proposal::decode(payload).map_err(io::Error::other)?;
        let (author, command) = decode_command(&proposal.command).map_err(io::Error::other)?;
        let token_effect = TokenEffect::of(&command);
        let entry = Entry {
            index,
            term,
            time_ms: proposal.time_ms,
            author,
            command,
        };
        let applied = {
            let mut state = self.state.write().expect("apply does not panic");
            let applied = match &self.observer {
                None => state.apply(entry),
                Some(observer) => {
                    let mut applied = state.apply(entry.clone());
                    let is_first = self.restored_at.is_some_and(|at| index == at + 1);
                    if is_first && is_planted(Bug::WrongAnswerBehindCheckpoint) {
                        applied.result = Err(Error::LeaseNotFound);
                    }
                    observer.applied(&entry, &applied, &state);
                    applied
                }
            };
            self.note_size(&state);
            applied
        };
        self.applied_ms.store(applied.time_ms, Ordering::Release);
        self.log_growth.add(bytes);
        self.leases.applied(&applied);
        if let Some(effect) = token_effect.and_then(|effect| effect.after(&applied.result)) {
            self.auth.applied(index, effect);
        }
        if !applied.events.is_empty() {
            self.watches.publish(applied.revision, &applied.events);
        }
        let outcome = Outcome {
            revision: applied.revision,
            result: applied.result,
        };
        if let Some(observer) = &self.observer {
            observer.settled(self);
        }
        self.proposals.applied(proposal.request_id, outcome);
        self.applied_index.advance(index);
        Ok(())
    }

    /// Passes one of raft's own entries.
    pub fn skip(&self, index: u64, term: u64) {
        self.state
            .write()
            .expect("apply does not panic")
            .skip(index, term);
        self.applied_index.advance(index);
    }

    /// Takes another member's state in place of this one's, at a later index. A checkpoint of
    /// `checkpoint_bytes` holds it.
    pub fn replace(&self, machine: StateMachine, checkpoint_bytes: u64) {
        let index = machine.applied_index();
        let revision = machine.revision();
        let time_ms = machine.time_ms();
        if let Some(observer) = &self.observer {
            observer.restored(&machine);
        }
        let replaced = {
            let mut state = self.state.write().expect("apply does not panic");
            self.note_size(&machine);
            std::mem::replace(&mut *state, machine)
        };
        self.applied_ms.store(time_ms, Ordering::Release);
        runtime::drop_apart(replaced);
        self.leases.forget();
        self.auth.restored();
        self.watches.restored(revision);
        if let Some(observer) = &self.observer {
            observer.settled(self);
        }
        self.log_growth.restart(index);
        self.log_growth.checkpointed(index, checkpoint_bytes);
        self.applied_index.advance(index);
    }

    /// Removes up to `keys_max` keys' worth of compacted history; true while there is more.
    pub fn compact_step(&self, keys_max: usize) -> bool {
        let mut state = self.state.write().expect("apply does not panic");
        let has_more = state.compact_step(keys_max);
        self.note_size(&state);
        has_more
    }

    /// Called by whoever holds the state for writing, so that the last one to note is right.
    fn note_size(&self, state: &StateMachine) {
        self.size_bytes.store(state.size_bytes(), Ordering::Relaxed);
    }

    /// Checks that all structures of this member agree with each other, and with the state that
    /// they were told of. Reads everything; for tests and the simulator.
    ///
    /// # Panics
    /// They do not.
    pub fn validate(&self) {
        self.with_state(|state| state.validate());
        self.watches.validate();
        self.leases.validate();
    }

    /// Notes that a checkpoint of `bytes` covers the log up to `index`.
    pub fn checkpointed(&self, index: u64, bytes: u64) {
        self.log_growth.checkpointed(index, bytes);
    }

    /// How much log there is behind the last checkpoint.
    pub(crate) fn log_growth(&self) -> &LogGrowth {
        &self.log_growth
    }
}

/// Chunks of a checkpoint, of about 64 KiB, that may wait to be decoded.
const READ_AHEAD_CHUNKS: usize = 32;

/// Reads a checkpoint back into a state.
///
/// # Errors
/// The file cannot be read, or its content does not fit its checksums.
pub async fn restore(mut checkpoint: CheckpointReader) -> io::Result<StateMachine> {
    let (chunks, mut read) = mpsc::channel::<Bytes>(READ_AHEAD_CHUNKS);
    // Decoding takes its time: on a thread of its own it delays nobody, and goes on while more is
    // read and checked here.
    let decode = runtime::dedicated("checkpoint-decode", move || async move {
        let mut restore = Restore::new();
        while let Some(chunk) = read.recv().await {
            restore.feed(&chunk).map_err(io::Error::other)?;
        }
        restore.finish().map_err(io::Error::other)
    })?;
    while let Some(chunk) = checkpoint.next().await.map_err(io::Error::other)? {
        if chunks.send(chunk).await.is_err() {
            // It cannot be decoded, as the thread will say.
            break;
        }
    }
    drop(chunks);
    let decoded = decode.join().await;
    decoded.unwrap_or_else(|| Err(io::Error::other("decoding panicked")))
}

/// Bytes and entries of log behind the last checkpoint: what a restart would have to replay.
pub(crate) struct LogGrowth {
    bytes: AtomicU64,
    checkpoint_bytes: AtomicU64,
    checkpoint_index: AtomicU64,
    written_index: AtomicU64,
}

impl LogGrowth {
    fn new(checkpoint_bytes: u64, checkpoint_index: u64) -> Self {
        Self {
            bytes: AtomicU64::new(0),
            checkpoint_bytes: AtomicU64::new(checkpoint_bytes),
            checkpoint_index: AtomicU64::new(checkpoint_index),
            written_index: AtomicU64::new(checkpoint_index),
        }
    }

    fn add(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn checkpointed(&self, index: u64, bytes: u64) {
        self.checkpoint_bytes.store(bytes, Ordering::Relaxed);
        self.checkpoint_index.store(index, Ordering::Relaxed);
        self.written_index.fetch_max(index, Ordering::Relaxed);
    }

    /// Starts counting anew: a checkpoint is being written from here.
    pub(crate) fn restart(&self, index: u64) {
        self.bytes.store(0, Ordering::Relaxed);
        self.checkpoint_index.store(index, Ordering::Relaxed);
    }

    /// Payload bytes applied since the last checkpoint was begun.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Size of the last checkpoint.
    pub(crate) fn checkpoint_bytes(&self) -> u64 {
        self.checkpoint_bytes.load(Ordering::Relaxed)
    }

    /// Last index that a complete checkpoint covers.
    pub(crate) fn written_index(&self) -> u64 {
        self.written_index.load(Ordering::Relaxed)
    }

    /// Last index that the last checkpoint covers, complete or not.
    pub(crate) fn checkpoint_index(&self) -> u64 {
        self.checkpoint_index.load(Ordering::Relaxed)
    }
}
