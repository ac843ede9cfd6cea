//! What raft holds at one moment, for whoever checks that it keeps its promises.

use openraft::{alias::LogIdListOf, async_runtime::watch::WatchReceiver as _};

use super::{consensus::Consensus, convert, log_store::LogStore, types::TypeConfig};

/// A member's vote and log at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RaftState {
    /// Term of the vote that is on disk.
    pub term: u64,
    /// For whom it is, if for anybody.
    pub voted_for: Option<u64>,
    /// Whether it is known that a majority has voted so.
    pub is_granted: bool,
    /// Whether the member leads in this term.
    pub leads: bool,
    /// Last index that is no longer in the log; 0 where all are.
    pub purged: u64,
    /// The entries behind it: terms, each with the last index of its entries, in order.
    pub log: Vec<(u64, u64)>,
    /// Greatest index that the member knows to be committed.
    pub committed: u64,
    /// Greatest index that it has applied.
    pub applied: u64,
}

impl Consensus {
    /// What raft holds now. `None` where it has stopped.
    pub async fn state(&self) -> Option<RaftState> {
        let (log_store, data) = (self.log_store.clone(), self.data_metrics.clone());
        let looked_at = self.raft.with_raft_state(move |state| {
            let (purged, log) = log(&state.log_ids);
            let data = data.borrow_watched();
            let index = |log_id: &Option<_>| log_id.as_ref().map_or(0, convert::entry_index);
            RaftState {
                purged,
                log,
                leads: state.server_state.is_leader() && state.vote_ref().committed,
                committed: index(&data.local_committed),
                applied: index(&data.last_applied),
                ..vote(&log_store)
            }
        });
        looked_at.await.ok()
    }
}

fn vote(log_store: &LogStore) -> RaftState {
    let vote = log_store.saved_vote();
    RaftState {
        term: vote.map_or(0, |vote| vote.leader_id.term),
        voted_for: vote.map(|vote| vote.leader_id.voted_for),
        is_granted: vote.is_some_and(|vote| vote.committed),
        ..RaftState::default()
    }
}

/// The last purged index, and the terms behind it with the last index of each.
fn log(ids: &LogIdListOf<TypeConfig>) -> (u64, Vec<(u64, u64)>) {
    let purged = ids.purged().map_or(0, convert::entry_index);
    let mut terms = Vec::new();
    let mut last = ids
        .last()
        .filter(|last| convert::entry_index(last) > purged)
        .copied();
    while let Some(log_id) = last {
        let term = convert::term_of(&log_id);
        terms.push((term, convert::entry_index(&log_id)));
        // The first entry of this term: terms only grow.
        let is_older = |index: u64| ids.get(index).is_none_or(|id| convert::term_of(&id) < term);
        let (mut older, mut newer) = (purged, log_id.index + 1);
        // Indexes as `entry_index` counts: everything up to `older` is of an older term.
        while older + 1 < newer {
            let middle = older.midpoint(newer);
            if is_older(middle - 1) {
                older = middle;
            } else {
                newer = middle;
            }
        }
        last = (older > purged).then(|| ids.get(older - 1)).flatten();
    }
    terms.reverse();
    (purged, terms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_is_told_by_its_terms() {
        let id = |term, index| convert::log_id(term, index);
        let ids = LogIdListOf::<TypeConfig>::new(Some(id(1, 2)), [id(1, 4), id(3, 5), id(4, 9)]);
        assert_eq!(log(&ids), (3, vec![(1, 5), (3, 6), (4, 10)]));
        let ids = LogIdListOf::<TypeConfig>::new(None, [id(0, 0), id(2, 1)]);
        assert_eq!(log(&ids), (0, vec![(0, 1), (2, 2)]));
        let ids = LogIdListOf::<TypeConfig>::new(Some(id(7, 9)), []);
        assert_eq!(log(&ids), (10, vec![]));
        assert_eq!(log(&LogIdListOf::<TypeConfig>::default()), (0, vec![]));
    }
}
