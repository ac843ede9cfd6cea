//! What the rest of the server may ask of raft.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use openraft::{
    ReadPolicy,
    alias::WatchReceiverOf,
    async_runtime::watch::WatchReceiver as _,
    errors::{ClientWriteError, InitializeError, RaftError},
    metrics::{RaftDataMetrics, RaftMetrics, RaftServerMetrics},
    raft::ClientWriteResult,
};

use quorate_core::{
    planted::{Bug, is_planted},
    probe,
};

use super::{
    applier::Applier,
    config::{append_patience, config},
    contact::LeaderContact,
    convert, heartbeat,
    log_store::LogStore,
    network::Network,
    runtime::Instant,
    service::RaftService,
    snapshot::{receive::Receiver, send::Transfers},
    traffic::Tap,
    types::{Callback, Payload, Peer, Raft, TypeConfig},
};
use crate::{peers::Peers, replica::Replica, runtime, storage::Storage};

/// A leader that has been silent for so many election timeouts is none any more: the earliest that
/// a follower stands for election.
const SILENCE_MAX_ELECTIONS: f64 = 1.5;

/// Timing and log keeping.
#[derive(Clone, Debug)]
pub struct ConsensusOptions {
    /// This member.
    pub member_id: u64,
    /// Pause between two heartbeats of a leader.
    pub heartbeat_interval: Duration,
    /// A follower that hears nothing for one and a half to about two of these stands for election.
    pub election_timeout: Duration,
    /// Entries kept in the log behind a checkpoint, for followers that lag a little.
    pub catchup_entries: u64,
    /// Most log entries in one append request to a follower; its bytes are bounded as well.
    pub append_entries_max: u64,
    /// Size of a checkpoint's chunks, in which it is also sent, bytes.
    pub checkpoint_chunk_bytes: usize,
    /// Whether a restarted leader resumes its office without an election. Never outside the
    /// simulator's planted bugs: a leader that lost its unsynced tail would write other entries
    /// under log ids that followers hold already, in the same term.
    pub leader_restore: bool,
}

/// Raft, running.
#[derive(Clone)]
pub struct Consensus {
    pub(super) raft: Raft,
    member_id: u64,
    silence_max: Duration,
    service: RaftService,
    transfers: Transfers,
    // Held, since asking raft for them clones the channel each time.
    metrics: Metrics,
    server_metrics: ServerMetrics,
    pub(super) data_metrics: DataMetrics,
    pub(super) log_store: LogStore,
}

type Metrics = WatchReceiverOf<TypeConfig, RaftMetrics<TypeConfig>>;
type ServerMetrics = WatchReceiverOf<TypeConfig, RaftServerMetrics<TypeConfig>>;
type DataMetrics = WatchReceiverOf<TypeConfig, RaftDataMetrics<TypeConfig>>;

/// Who leads, as far as this member knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leadership {
    /// The current term.
    pub term: u64,
    /// The leader of that term, if there is one and this member has heard from it lately.
    pub leader: Option<u64>,
}

/// Why a proposal did not take effect here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// This member does not lead; the proposal is in no log.
    NotLeader,
    /// The entry was in this leader's log when it lost its office: another leader may still
    /// commit it.
    UnknownOutcome,
}

/// Why there is no index to read at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadIndexError {
    /// This member does not lead, or a majority did not confirm in time that it does.
    NotLeader,
    /// Raft has stopped.
    Stopped,
}

impl Consensus {
    /// Starts raft on what was recovered. `replica` was restored from the newest checkpoint;
    /// entries behind it are replayed before this returns or soon after. `tap` sees messages.
    ///
    /// # Errors
    /// The log or the checkpoint does not fit together, or raft refuses its configuration.
    pub async fn start(
        options: ConsensusOptions,
        storage: &Storage,
        replica: Arc<Replica>,
        peers: Arc<Peers>,
        tap: Tap,
    ) -> std::io::Result<Self> {
        let member_id = options.member_id;
        let heartbeat_interval = options.heartbeat_interval;
        let silence_max = options.election_timeout.mul_f64(SILENCE_MAX_ELECTIONS);
        let config = Arc::new(config(&options)?);
        let log_store = LogStore::new(storage)?;
        let applier = Applier::new(
            replica,
            storage.checkpoints.clone(),
            options.checkpoint_chunk_bytes,
        )
        .await?;
        let transfers = Transfers::default();
        let network = Network {
            peers,
            transfers: transfers.clone(),
            tap: tap.clone(),
            append_patience: append_patience(&options),
        };
        let raft = Raft::new(member_id, config, network, log_store.clone(), applier)
            .await
            .map_err(std::io::Error::other)?;
        let consensus = Self {
            member_id,
            silence_max,
            service: RaftService {
                raft: raft.clone(),
                snapshots: Receiver::new(storage.checkpoints.clone()),
                contact: LeaderContact::default(),
                tap,
            },
            transfers,
            metrics: raft.metrics(),
            server_metrics: raft.server_metrics(),
            data_metrics: raft.data_metrics(),
            log_store,
            raft,
        };
        runtime::spawn(heartbeat::send(consensus.clone(), heartbeat_interval));
        Ok(consensus)
    }

    /// The answers to other members' raft calls.
    pub fn service(&self) -> &RaftService {
        &self.service
    }

    /// Founds the cluster with these voters unless this member has a log already. Every founding
    /// member does this with the same list; the first election settles whose it is.
    ///
    /// # Errors
    /// This member is not in the list, or raft has stopped.
    pub async fn found(&self, members: BTreeMap<u64, Peer>) -> std::io::Result<()> {
        match self.raft.initialize(members).await {
            Ok(()) | Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Ok(()),
            Err(error) => Err(std::io::Error::other(error)),
        }
    }

    /// Who leads, or nobody once the leader has been out of touch for so long that an election is
    /// due: with this member, or with a majority if this member leads.
    pub fn leadership(&self) -> Leadership {
        let (term, known) = {
            let metrics = self.server_metrics.borrow_watched();
            (metrics.vote.leader_id.term, metrics.current_leader)
        };
        let is_in_touch = |leader: &u64| {
            let silence = if *leader == self.member_id {
                self.quorum_silence()
            } else {
                self.service.contact.silence(term)
            };
            silence.is_some_and(|silence| silence < self.silence_max)
        };
        Leadership {
            term,
            leader: known.filter(is_in_touch),
        }
    }

    /// While this member leads: for how long it has not heard from a majority.
    fn quorum_silence(&self) -> Option<Duration> {
        let metrics = self.data_metrics.borrow_watched();
        if metrics.replication.as_ref()?.len() == 1 {
            // Alone, it always has its majority, and nothing renews the time below.
            return Some(Duration::ZERO);
        }
        let acked = *metrics.last_quorum_acked?;
        Some(<Instant as openraft_rt::Instant>::now() - acked)
    }

    /// The term in which this member leads now. Of raft that has stopped, the metrics still say that
    /// it leads.
    pub fn leading_term(&self) -> Option<u64> {
        led_term(&self.server_metrics.borrow_watched()).filter(|_| !self.is_stopped())
    }

    /// The term in which this member leads now, if it is the only voter: nobody can lead after it
    /// without having been let in by it, so that needs no confirmation.
    pub fn sole_voter_term(&self) -> Option<u64> {
        let metrics = self.server_metrics.borrow_watched();
        let voters = metrics.membership_config.membership().get_joint_config();
        let alone = matches!(&voters[..], [voters] if voters.iter().eq([&self.member_id]));
        led_term(&metrics).filter(|_| alone)
    }

    /// How long ago, at the most, a majority last confirmed that this member leads. `None` where
    /// it does not lead or was never confirmed.
    pub fn quorum_contact_age(&self) -> Option<Duration> {
        let leader = self.raft.as_leader().ok()?;
        let acked = leader.last_quorum_acked()?;
        Some(<Instant as openraft_rt::Instant>::now() - acked)
    }

    /// The newest log index that this member knows to be committed.
    pub fn committed_index(&self) -> u64 {
        let metrics = self.data_metrics.borrow_watched();
        metrics
            .local_committed
            .as_ref()
            .map_or(0, convert::entry_index)
    }

    /// Puts an encoded proposal into the log if this member leads (in `term`, where one is given).
    /// Success is seen by applying the entry; `refused` is called only where that will not, or may
    /// not, happen.
    pub async fn propose(
        &self,
        proposal: Bytes,
        term: Option<u64>,
        refused: impl FnOnce(NotAccepted) + Send + 'static,
    ) {
        if self.is_stopped() {
            return refused(NotAccepted::NotLeader);
        }
        let responder = Callback::new(move |result: ClientWriteResult<TypeConfig>| match result {
            Ok(_) => {}
            Err(ClientWriteError::ForwardToLeader(_)) => refused(NotAccepted::NotLeader),
            Err(_) => refused(NotAccepted::UnknownOutcome),
        });
        let mut write = self.raft.write(Payload(proposal)).responder(responder);
        if let Some(term) = term {
            write = write.with_leader(convert::log_id(term, 0).leader_id);
        }
        // An error means that raft has stopped; the responder is dropped with the request and the
        // proposer hears of the stop from the server itself.
        let _ = write.await;
    }

    /// The index that a linearizable read must have applied, confirmed by a majority after this
    /// call began.
    pub async fn read_index(&self) -> Result<u64, ReadIndexError> {
        if is_planted(Bug::ReadWithoutQuorum) {
            return Ok(self.committed_index());
        }
        if self.is_stopped() {
            return Err(ReadIndexError::Stopped);
        }
        match self.raft.get_read_linearizer(ReadPolicy::ReadIndex).await {
            Ok(linearizer) => Ok(convert::entry_index(linearizer.read_log_id().log_id())),
            Err(RaftError::APIError(_)) => Err(ReadIndexError::NotLeader),
            Err(RaftError::Fatal(_)) => Err(ReadIndexError::Stopped),
        }
    }

    /// While this member leads: the other one that could lead at once, which is the one with the
    /// longest log and, among equals, the one that was heard from last.
    pub fn likeliest_successor(&self) -> Option<u64> {
        let metrics = self.data_metrics.borrow_watched();
        let (matched, heard) = (metrics.replication.as_ref()?, metrics.heartbeat.as_ref()?);
        let others = matched.iter().filter(|(id, _)| **id != self.member_id);
        let likeliest = others.max_by_key(|(id, last)| (**last, heard.get(id).copied().flatten()));
        likeliest.map(|(id, _)| *id)
    }

    /// Asks `to` to take over; does not wait until it has.
    pub async fn transfer_leader(&self, to: u64) {
        probe!(LeaderHandsOver if self.leading_term().is_some() && to != self.member_id);
        let _ = self.raft.trigger().transfer_leader(to).await;
    }

    /// Lets the others know that this member leads, if it does.
    pub(super) async fn heartbeat(&self) {
        let _ = self.raft.trigger().heartbeat().await;
    }

    /// Starts writing a checkpoint in the background and, behind it, trimming the log.
    pub async fn checkpoint(&self) {
        let _ = self.raft.trigger().snapshot().await;
    }

    /// Whether another member is being sent a checkpoint, or was a moment ago.
    pub fn is_sending_checkpoint(&self) -> bool {
        self.transfers.are_going_on()
    }

    /// Whether a checkpoint that another member needs was found damaged since the last question.
    pub fn take_damaged_checkpoint(&self) -> bool {
        self.transfers.take_damaged()
    }

    /// Removes what a broken transfer has left, once the log has gone past it.
    pub async fn forget_broken_transfer(&self) {
        let committed = self.committed_index();
        self.service.snapshots.forget_up_to(committed).await;
    }

    /// Why raft has stopped by itself, if it has.
    pub fn failure(&self) -> Option<String> {
        let metrics = self.metrics.borrow_watched();
        let failure = metrics.running_state.as_ref().err();
        failure.map(ToString::to_string)
    }

    /// Whether raft has stopped, by itself or since it was told to. Asking it for anything then
    /// would be an error in the log each time.
    pub(super) fn is_stopped(&self) -> bool {
        self.metrics.borrow_watched().running_state.is_err()
    }

    /// Stops raft. What is in the log stays there.
    pub async fn shutdown(&self) {
        if let Err(error) = self.raft.shutdown().await {
            tracing::error!(member = self.member_id, %error, "raft did not stop cleanly");
        }
    }
}

/// The term in which the member leads. Its vote alone does not tell: after a restart it is still
/// that of the office that the member had before.
fn led_term(metrics: &RaftServerMetrics<TypeConfig>) -> Option<u64> {
    let leads = metrics.state.is_leader() && metrics.vote.committed;
    leads.then_some(metrics.vote.leader_id.term)
}
