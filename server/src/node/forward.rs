//! Proposals of a follower travel to the leader on one long-lived stream to each peer.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use futures_util::stream;
use tokio::sync::mpsc;

use super::{Node, proposals::Lost};
use crate::{
    proto::peer::{Proposal, proposal_refused::Reason},
    runtime,
};

/// Proposals that may wait for one peer's stream to take them.
pub(super) const FORWARD_QUEUE_MAX: usize = 4096;

/// The open streams, by leader.
#[derive(Default)]
pub(crate) struct Forwarder(Mutex<BTreeMap<u64, mpsc::Sender<Proposal>>>);

impl Forwarder {
    /// The length of the longest queue.
    pub(super) fn longest(&self) -> usize {
        let queues = lock(&self.0);
        let waiting = queues
            .values()
            .map(|queue| queue.max_capacity() - queue.capacity());
        waiting.max().unwrap_or(0)
    }
}

impl Node {
    /// Hands a proposal to `leader`. Its end is heard by applying it, or here if it is refused.
    pub(super) fn forward(self: &Arc<Self>, leader: u64, proposal: Proposal) {
        let request_id = proposal.request_id;
        let queue = self.forward_queue(leader);
        match queue.try_send(proposal) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.replica().proposals.lost(request_id, Lost::Overloaded);
            }
            Err(mpsc::error::TrySendError::Closed(_)) => {
                self.replica().proposals.lost(request_id, Lost::NotProposed);
            }
        }
    }

    fn forward_queue(self: &Arc<Self>, leader: u64) -> mpsc::Sender<Proposal> {
        let mut queues = lock(&self.forwarder().0);
        match queues.get(&leader) {
            Some(queue) if !queue.is_closed() => queue.clone(),
            _ => {
                let (sender, receiver) = mpsc::channel(FORWARD_QUEUE_MAX);
                queues.insert(leader, sender.clone());
                runtime::spawn(self.clone().run_forward(leader, receiver));
                sender
            }
        }
    }

    /// Serves one stream until it breaks. What it had sent may or may not be in the leader's log,
    /// and is waited for; what it had not sent is given back.
    async fn run_forward(self: Arc<Self>, leader: u64, receiver: mpsc::Receiver<Proposal>) {
        // Shared with the request stream, which the transport may keep for a while after the call
        // has ended: closing the queue ends that stream too.
        let queue = Arc::new(Mutex::new(receiver));
        if let Some(peer) = self.peers().get(leader) {
            let taken = queue.clone();
            let requests = stream::poll_fn(move |cx| lock(&taken).poll_recv(cx));
            match peer.rpc().propose(requests).await {
                Ok(refusals) => self.hear_refusals(refusals.into_inner()).await,
                Err(status) => tracing::debug!(leader, %status, "cannot forward proposals"),
            }
        }
        let mut queue = lock(&queue);
        queue.close();
        while let Ok(proposal) = queue.try_recv() {
            self.replica()
                .proposals
                .lost(proposal.request_id, Lost::NotProposed);
        }
    }

    async fn hear_refusals(
        &self,
        mut refusals: tonic::Streaming<crate::proto::peer::ProposalRefused>,
    ) {
        while let Ok(Some(refused)) = refusals.message().await {
            let lost = match refused.reason() {
                Reason::NotLeader => Lost::NotProposed,
                Reason::UnknownOutcome => Lost::Unknown,
                Reason::Overloaded => Lost::Overloaded,
            };
            self.replica().proposals.lost(refused.request_id, lost);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no holder of this lock panics")
}
