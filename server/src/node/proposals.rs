//! Who waits for which proposal. The member that received a request answers it when it applies the
//! entry that carries its id, so that the client's next read there sees its own write.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard},
};

use quorate_core::{Error, Response};
use tokio::sync::oneshot;

use crate::clock::Instant;

/// What applying a proposal gave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Store revision after it.
    pub revision: i64,
    /// The answer, or why the command was refused.
    pub result: Result<Response, Error>,
}

/// Why a proposal's outcome will not be heard here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It is in no log: it may be proposed again.
    NotProposed,
    /// It may or may not take effect.
    Unknown,
    /// Too many are waiting at the leader; it is in no log.
    Overloaded,
    /// Its time is up; it may or may not take effect.
    Overdue,
}

struct Waiter {
    sender: oneshot::Sender<Result<Outcome, Lost>>,
    deadline: Instant,
}

/// The requests that wait, by id.
#[derive(Default)]
pub(crate) struct Proposals(Mutex<BTreeMap<u64, Waiter>>);

impl Proposals {
    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Waiter>> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// Registers a request before it is proposed. It is [`Lost::Overdue`] at the first call of
    /// [`Self::end_overdue`] behind `deadline`.
    pub(crate) fn wait(
        &self,
        request_id: u64,
        deadline: Instant,
    ) -> oneshot::Receiver<Result<Outcome, Lost>> {
        let (sender, receiver) = oneshot::channel();
        self.waiting()
            .insert(request_id, Waiter { sender, deadline });
        receiver
    }

    /// Number of requests that wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting().len()
    }

    /// The entry with this id was applied; most entries are other members' and nobody waits here.
    pub(crate) fn applied(&self, request_id: u64, outcome: Outcome) {
        self.finish(request_id, Ok(outcome));
    }

    /// The proposal with this id will not be heard of.
    pub(crate) fn lost(&self, request_id: u64, lost: Lost) {
        self.finish(request_id, Err(lost));
    }

    /// Tells all whose time is up by `now`; to be called every so often. One timer for all of them
    /// instead of one each: nearly all are set in vain.
    pub(crate) fn end_overdue(&self, now: Instant) {
        let overdue = |waiter: &Waiter| waiter.deadline <= now;
        let ids: Vec<u64> = {
            let waiting = self.waiting();
            let overdue = waiting.iter().filter(|(_, waiter)| overdue(waiter));
            overdue.map(|(id, _)| *id).collect()
        };
        for request_id in ids {
            self.lost(request_id, Lost::Overdue);
        }
    }

    /// Drops all who wait: the server stops.
    pub(crate) fn close(&self) {
        self.waiting().clear();
    }

    fn finish(&self, request_id: u64, result: Result<Outcome, Lost>) {
        let waiter = self.waiting().remove(&request_id);
        if let Some(waiter) = waiter {
            // The request may have been cancelled meanwhile.
            let _ = waiter.sender.send(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_those_whose_time_is_up_are_told() {
        let proposals = Proposals::default();
        let now = Instant::START;
        let mut late = proposals.wait(1, now);
        let mut early = proposals.wait(2, now + Duration::from_secs(1));
        proposals.end_overdue(now);
        assert_eq!(late.try_recv(), Ok(Err(Lost::Overdue)));
        assert!(early.try_recv().is_err(), "it goes on waiting");
        assert_eq!(proposals.len(), 1);
    }
}
