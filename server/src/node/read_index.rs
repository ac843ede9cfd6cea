//! Linearizable reads: one confirmation of leadership serves every read that queued before it.

use std::{
    mem,
    sync::{Arc, Mutex},
    time::Duration,
};

use quorate_core::{
    planted::{Bug, is_planted},
    probe,
};
use tokio::sync::{Notify, oneshot};

use super::{Node, NodeError};
use crate::clock;

/// Pause before a round is tried again where nobody leads or the leader cannot be reached.
const RETRY_INTERVAL: Duration = Duration::from_millis(20);

/// A leader that does not answer within so many election timeouts is asked again, or another one by
/// then. It takes up to three round trips: a heartbeat may be on its way already.
const ROUND_ELECTIONS: u32 = 2;

type Reader = oneshot::Sender<u64>;

/// The reads that wait for the next round.
#[derive(Default)]
pub(crate) struct ReadQueue {
    waiting: Mutex<Vec<Reader>>,
    arrived: Notify,
}

impl ReadQueue {
    fn join(&self) -> oneshot::Receiver<u64> {
        let (sender, receiver) = oneshot::channel();
        self.waiting
            .lock()
            .expect("no holder of this lock panics")
            .push(sender);
        self.arrived.notify_one();
        receiver
    }

    fn take(&self) -> Vec<Reader> {
        let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
        // Those who have given up are gone here, so a long outage does not pile them up.
        waiting.retain(|reader| !reader.is_closed());
        mem::take(&mut *waiting)
    }

    /// Number of reads that wait for a round to begin.
    pub(super) fn len(&self) -> usize {
        let waiting = self.waiting.lock().expect("no holder of this lock panics");
        waiting.iter().filter(|reader| !reader.is_closed()).count()
    }

    fn put_back(&self, readers: Vec<Reader>) {
        self.waiting
            .lock()
            .expect("no holder of this lock panics")
            .extend(readers);
    }
}

impl Node {
    /// The index that a linearizable read which began before this call must have applied.
    pub(crate) async fn read_index(&self) -> Result<u64, NodeError> {
        let index = self.read_queue().join();
        // Asked behind that: who comes later than the last look into the queue would not be found.
        if self.is_stopping() {
            return Err(NodeError::Stopped);
        }
        match clock::timeout(self.limits().request_timeout, index).await {
            Ok(Ok(index)) => Ok(index),
            Ok(Err(_)) => Err(NodeError::Stopped),
            Err(_) => Err(NodeError::Timeout),
        }
    }

    /// Waits until this member's state is as new as everything that was acknowledged anywhere
    /// before the call.
    ///
    /// # Errors
    /// [`NodeError::Timeout`] where that takes longer than a request may; [`NodeError::Stopped`].
    pub async fn read_barrier(&self) -> Result<(), NodeError> {
        let is_newest = self.is_newest() || is_planted(Bug::FollowerReadsItsOwn);
        if is_newest && !self.is_stopping() {
            return Ok(());
        }
        let reach = async {
            let index = self.read_index().await?;
            probe!(ReadWaits if self.with_state(|state| state.applied_index()) < index);
            self.replica().applied_index.reached(index).await;
            if self.is_stopping() {
                Err(NodeError::Stopped)
            } else {
                Ok(())
            }
        };
        clock::timeout(self.limits().request_timeout, reach)
            .await
            .unwrap_or(Err(NodeError::Timeout))
    }

    /// Whether this member's state is known, without asking anyone, to have everything that was ever
    /// acknowledged: of a sole voter, that is what it has applied. What it acknowledged before it
    /// was started is in there once the first entry of its term is.
    fn is_newest(&self) -> bool {
        let term = self.consensus().sole_voter_term();
        term.is_some_and(|term| self.with_state(|state| state.applied_term()) == term)
    }

    /// Runs as long as the server, and ends what waits when it stops.
    pub(super) async fn run_reads(self: Arc<Self>) {
        tokio::select! {
            biased;
            () = self.stopping.raised() => drop(self.read_queue().take()),
            () = self.serve_reads() => {}
        }
    }

    /// One round after the other while reads are waiting.
    async fn serve_reads(&self) {
        loop {
            let readers = self.read_queue().take();
            if readers.is_empty() {
                self.read_queue().arrived.notified().await;
                continue;
            }
            probe!(ReadsShareRound if readers.len() > 1);
            match self.read_round().await {
                Some(index) => readers.into_iter().for_each(|reader| {
                    let _ = reader.send(index);
                }),
                None => {
                    probe!(ReadRoundFails);
                    self.read_queue().put_back(readers);
                    clock::sleep(RETRY_INTERVAL).await;
                }
            }
        }
    }

    /// One confirmation, by this member or by the leader it follows.
    async fn read_round(&self) -> Option<u64> {
        let leader = self.consensus().leadership().leader?;
        if leader == self.member_id() {
            return self.consensus().read_index().await.ok();
        }
        let mut rpc = self.peers().get(leader)?.rpc();
        let request = crate::proto::peer::ReadIndexRequest {};
        let limit = self.options().election_timeout * ROUND_ELECTIONS;
        let response = clock::timeout(limit, rpc.read_index(request)).await;
        Some(response.ok()?.ok()?.into_inner().index)
    }
}
