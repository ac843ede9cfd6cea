//! How much is waiting in a member, and how much may.

use super::{Node, forward::FORWARD_QUEUE_MAX, propose::PROPOSALS_MAX};

/// Something that can fill up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// What, in a word.
    pub name: &'static str,
    /// How many there are now.
    pub now: usize,
    /// How many there may be; `None` where clients alone decide that.
    pub max: Option<usize>,
}

impl Node {
    /// All that can fill up.
    pub fn load(&self) -> Vec<Load> {
        let replica = self.replica();
        let (streams, watchers, queued) = replica.watches.load();
        let (leases, renewals) = replica.leases.load();
        let load = |name, now, max| Load { name, now, max };
        vec![
            load("proposals", replica.proposals.len(), Some(PROPOSALS_MAX)),
            load(
                "forwarded",
                self.forwarder().longest(),
                Some(FORWARD_QUEUE_MAX),
            ),
            load("reads", self.read_queue().len(), None),
            load("waiting-for-index", replica.applied_index.len(), None),
            load("watch-streams", streams, None),
            load("watchers", watchers, None),
            load("watch-responses", queued, None),
            load("kept-leases", leases, None),
            load("renewals", renewals, None),
        ]
    }
}
