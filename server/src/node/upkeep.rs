//! What a member does of its own accord: says who it is and who leads, starts checkpoints, removes
//! compacted history, lets watchers know how far they are.

use std::{sync::Arc, time::Duration};

use quorate_core::{Command, auth::Author, command::MemberAttributes};

use super::{Node, NodeError};
use crate::{clock, raft::Leadership, runtime};

/// How often the conditions below are looked at.
const UPKEEP_TICK: Duration = Duration::from_millis(200);

/// Compacted history is removed in bursts of this length, with rests between them for whoever
/// waits for the state or for the processor.
const COMPACT_BURST: Duration = Duration::from_micros(500);
const COMPACT_REST: Duration = Duration::from_millis(1);

/// How often a compaction that is waited for is looked at.
const COMPACT_POLL: Duration = Duration::from_millis(10);

/// While a checkpoint is being sent to a peer, the log may grow to so many times what otherwise
/// makes the next one due.
const SENDING_LOG_FACTOR: u64 = 4;

/// The cluster version that a new cluster starts with.
const CLUSTER_VERSION: &str = "3.5.0";

impl Node {
    /// Runs as long as the server.
    pub(super) async fn run_upkeep(self: Arc<Self>) {
        runtime::spawn(self.clone().run_compaction());
        let mut known = Leadership::default();
        loop {
            clock::sleep(UPKEEP_TICK).await;
            self.report_leadership(&mut known);
            self.start_checkpoint_if_due().await;
            self.consensus().forget_broken_transfer().await;
            self.settle_cluster_version().await;
        }
    }

    /// Ends requests whose time is up, also while raft stands still.
    pub(super) async fn run_deadlines(self: Arc<Self>) {
        loop {
            clock::sleep(UPKEEP_TICK).await;
            self.replica().proposals.end_overdue(clock::now());
        }
    }

    /// Tells the operator when the leader has changed since the last look.
    fn report_leadership(&self, known: &mut Leadership) {
        let now = self.consensus().leadership();
        let term = now.term;
        match now.leader {
            _ if now == *known => {}
            Some(leader) if leader == self.member_id() => {
                tracing::info!(term, "this member leads");
            }
            Some(leader) => {
                let leader = format!("{leader:x}");
                tracing::info!(term, leader, "another member leads");
            }
            None if known.leader.is_some() => tracing::warn!(term, "there is no leader"),
            None => {}
        }
        *known = now;
    }

    async fn start_checkpoint_if_due(&self) {
        let growth = self.replica().log_growth();
        let options = self.options();
        let bytes_max = options.checkpoint_log_bytes.max(growth.checkpoint_bytes());
        let entries = self
            .replica()
            .applied_index
            .get()
            .saturating_sub(growth.checkpoint_index());
        let many = options.checkpoint_entries.is_some_and(|max| entries >= max);
        let damaged = self.consensus().take_damaged_checkpoint();
        // Behind a new checkpoint the log is trimmed. A peer that is being sent the last one goes
        // on from there when it has it: better the log waits for a while.
        let in_use = self.consensus().is_sending_checkpoint()
            && growth.bytes() / SENDING_LOG_FACTOR < bytes_max
            && options
                .checkpoint_entries
                .is_none_or(|max| entries / SENDING_LOG_FACTOR < max);
        if damaged || (growth.bytes() >= bytes_max || many) && !in_use {
            growth.restart(self.replica().applied_index.get());
            self.consensus().checkpoint().await;
        }
    }

    /// The leader of a new cluster says which version it speaks.
    async fn settle_cluster_version(&self) {
        let Some(term) = self.consensus().leading_term() else {
            return;
        };
        let unsettled = self
            .with_state(|state| state.applied_term() == term && state.cluster_version().is_none());
        if unsettled {
            let version = CLUSTER_VERSION.to_owned();
            self.propose_as_leader(term, &Command::ClusterVersion { version }, |_| {})
                .await;
        }
    }

    /// Physical compaction, a step at a time, so that no apply waits for more than one step.
    async fn run_compaction(self: Arc<Self>) {
        loop {
            clock::sleep(UPKEEP_TICK).await;
            let mut begun = clock::now();
            while self
                .replica()
                .compact_step(self.options().compact_step_keys)
            {
                if begun.elapsed() < COMPACT_BURST {
                    tokio::task::yield_now().await;
                } else {
                    clock::sleep(COMPACT_REST).await;
                    begun = clock::now();
                }
            }
        }
    }

    /// Waits until what was compacted before the call is removed.
    pub(crate) async fn compacted(&self) {
        while self.with_state(|state| state.is_compacting()) && !self.is_stopping() {
            clock::sleep(COMPACT_POLL).await;
        }
    }

    /// Runs until raft stops by itself, and says why.
    pub async fn watch_for_failure(self: Arc<Self>, on_fatal: Arc<dyn Fn(String) + Send + Sync>) {
        while !self.is_stopping() {
            clock::sleep(UPKEEP_TICK).await;
            if let Some(reason) = self.consensus().failure()
                && !self.is_stopping()
            {
                on_fatal(format!("consensus has stopped: {reason}"));
                return;
            }
        }
    }

    /// Tells the cluster under which name and client URLs this member serves, once that differs
    /// from what the cluster knows; tries until it is told. Calls `on_fatal` if the cluster knows
    /// this member with another data directory.
    pub async fn publish_attributes(
        self: Arc<Self>,
        attributes: MemberAttributes,
        on_fatal: Arc<dyn Fn(String) + Send + Sync>,
    ) {
        let known = |node: &Self| {
            node.with_state(|state| state.member_attributes().any(|known| *known == attributes))
        };
        while !known(&self) && !self.is_stopping() {
            if let Err(error) = self.note_attributes(attributes.clone()).await {
                tracing::debug!(%error, "cannot publish this member's attributes yet");
                clock::sleep(UPKEEP_TICK).await;
                continue;
            }
            let member_id = attributes.member_id;
            if self.instance_of(member_id) != Some(attributes.instance) {
                on_fatal(format!(
                    "the cluster knows this member, {member_id:x}, with another data directory, in \
                     which it may have voted; put that directory back, or run `etcdctl member \
                     remove {member_id:x}`, empty the data directory and add the member anew"
                ));
                return;
            }
        }
    }

    /// Has the cluster note the attributes of a member.
    pub(crate) async fn note_attributes(
        self: &Arc<Self>,
        attributes: MemberAttributes,
    ) -> Result<(), NodeError> {
        let command = Command::MemberAttributes(attributes);
        self.propose(&Author::Member, &command).await.map(drop)
    }

    /// The number of a member's data directory, as far as this member knows.
    pub fn instance_of(&self, member_id: u64) -> Option<u64> {
        self.with_state(|state| {
            let mut known = state.member_attributes();
            let known = known.find(|known| known.member_id == member_id)?;
            Some(known.instance)
        })
    }
}
