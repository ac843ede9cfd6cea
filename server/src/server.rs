//! A running member: its parts put together, served, and stopped in order.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use quorate_core::{
    StateMachine,
    limits::{CHECKPOINT_CHUNK_BYTES, COMPACT_STEP_KEYS, LEASE_BATCH_MAX, WatchLimits},
    planted::{Bug, is_planted},
};

use crate::{
    admission::Admission,
    api,
    auth::Auth,
    clock,
    config::{ClusterState, Config},
    disk::Disk,
    http,
    node::{LeaseOffice, Member, Node, NodeOptions, RENEWAL_BATCH_INTERVAL, RequestLimits},
    peer_service,
    peers::Peers,
    raft::{Consensus, ConsensusOptions, Tap, Traffic},
    replica::{self, Observer, Replica},
    runtime::{self, JoinHandle, Signal, Workers},
    storage::{Directory, Log, LogOptions, Storage, StorageError},
    wire::{self, Listener, ServeOptions, Services},
};

mod error;
mod members;
mod serving;

pub use error::StartError;
use members::{attributes, founders, owner, peers};
use serving::{client_serve_options, peer_serve_options};

/// Base of the time that a request may wait for consensus; two election timeouts are added, as in
/// etcd (contract api.md §9.6).
const REQUEST_TIMEOUT_BASE: Duration = Duration::from_secs(5);

/// The shortest lease lives for so many election timeouts, rounded up to seconds (contract api.md
/// §7).
const MIN_LEASE_TTL_ELECTIONS: f64 = 1.5;

/// A stopping leader waits so long for another one.
const HAND_OVER_TIMEOUT: Duration = Duration::from_secs(1);

/// The log has so long to write down what is waiting; it takes longer only on a full disk, and none
/// of that has been acknowledged.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// Log behind the last checkpoint that makes the next one due, bytes, unless that one was larger.
const CHECKPOINT_LOG_BYTES: u64 = 64 << 20;

/// Entries kept in the log behind a checkpoint, as etcd does by default.
const CATCHUP_ENTRIES: u64 = 5000;

/// Log entries in one append request to a follower.
const APPEND_ENTRIES_MAX: u64 = 1024;

/// What is not a flag: knobs that the simulator turns and operators do not.
#[derive(Clone)]
pub struct Tuning {
    /// See [`NodeOptions::checkpoint_log_bytes`].
    pub checkpoint_log_bytes: u64,
    /// See [`ConsensusOptions::catchup_entries`].
    pub catchup_entries: u64,
    /// See [`ConsensusOptions::append_entries_max`].
    pub append_entries_max: u64,
    /// See [`ConsensusOptions::checkpoint_chunk_bytes`].
    pub checkpoint_chunk_bytes: usize,
    /// How the log is kept.
    pub log: LogOptions,
    /// How watchers are kept.
    pub watch: WatchLimits,
    /// Size from which watch responses are split; where there is none, `--max-request-bytes` says.
    pub watch_fragment_bytes: Option<usize>,
    /// See [`NodeOptions::compact_step_keys`].
    pub compact_step_keys: usize,
    /// See [`NodeOptions::lease_batch_max`].
    pub lease_batch_max: usize,
}

impl Tuning {
    /// What production runs with.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn production() -> io::Result<Self> {
        Ok(Self {
            checkpoint_log_bytes: CHECKPOINT_LOG_BYTES,
            catchup_entries: CATCHUP_ENTRIES,
            append_entries_max: APPEND_ENTRIES_MAX,
            checkpoint_chunk_bytes: CHECKPOINT_CHUNK_BYTES,
            log: LogOptions::new(random_id()?),
            watch: WatchLimits::default(),
            watch_fragment_bytes: None,
            compact_step_keys: COMPACT_STEP_KEYS,
            lease_batch_max: LEASE_BATCH_MAX,
        })
    }
}

/// What whoever starts a server may want to hear of.
#[derive(Clone)]
pub struct Hooks {
    /// Sees every apply.
    pub observer: Option<Arc<dyn Observer>>,
    /// Sees raft's messages to and from other members.
    pub traffic: Option<Arc<dyn Traffic>>,
    /// Called with the reason when the member cannot go on: the log cannot be written, or raft has
    /// stopped. Whoever started the server must end it without delay.
    pub on_fatal: Arc<dyn Fn(String) + Send + Sync>,
}

/// A member that serves. Stop it with [`Server::stop`]; dropping it leaves its tasks running.
pub struct Server {
    node: Arc<Node>,
    log: Log,
    stop: Signal,
    serving: Vec<JoinHandle<()>>,
    client_addrs: Vec<SocketAddr>,
}

/// Starts the member that `config` describes on the data in `disk`. When this returns, both ports
/// are open; clients are answered once a leader is known. On an empty disk it waits until the member is let into its cluster.
///
/// # Errors
/// See [`StartError`].
pub async fn start(
    config: &Config,
    disk: Arc<dyn Disk>,
    tuning: Tuning,
    hooks: Hooks,
) -> Result<Server, StartError> {
    // The ports first: who cannot have them should not touch the data.
    let client_listeners = bind("--listen-client-urls", &config.listen_client_addrs).await?;
    let peer_listeners = bind("--listen-peer-urls", &config.listen_peer_addrs).await?;
    let workers = Workers::start_per_core().map_err(StartError::System)?;

    let auth = Auth::new(&config.auth)?;
    let instance = random_id().map_err(StartError::System)?;
    let mut directory = Directory::claim(disk, &owner(config), instance).await?;
    let admission = Admission::new(directory.identity());
    let attributes = attributes(config, directory.identity().instance);
    let peers = Arc::new(peers(config));
    let stop = Signal::new();
    let service = peer_service::service(config.cluster.cluster_id, admission.clone());
    let mut serving = serve(
        peer_listeners,
        Services::new(http::no_pages()).grpc(service),
        &workers,
        &stop,
        peer_serve_options(),
    );
    if !directory.identity().is_member {
        let founders = admission.ask(&config.cluster, &attributes, &peers).await?;
        directory.let_in(founders);
    }

    let on_fatal = hooks.on_fatal.clone();
    let log_failed = Arc::new(move |error: &StorageError| on_fatal(error.to_string()));
    let storage = directory.open(tuning.log.clone(), log_failed).await?;
    let node = start_node(config, &tuning, &storage, &hooks, peers, auth)
        .await
        .map_err(StartError::Restore)?;
    if config.cluster.state == ClusterState::New {
        node.consensus()
            .found(founders(config))
            .await
            .map_err(StartError::Restore)?;
    }
    admission.has_started(node.clone());

    let client_addrs = client_listeners.iter().map(Listener::local_addr).collect();
    let client_services = api::services(node.clone(), stop.clone());
    serving.push(runtime::spawn(serve_clients(
        node.clone(),
        client_listeners,
        client_services,
        workers,
        stop.clone(),
        client_serve_options(config),
    )));
    let on_fatal = hooks.on_fatal;
    runtime::spawn(
        node.clone()
            .publish_attributes(attributes, on_fatal.clone()),
    );
    runtime::spawn(node.clone().watch_for_failure(on_fatal));
    Ok(Server {
        node,
        log: storage.log,
        stop,
        serving,
        client_addrs,
    })
}

fn serve(
    listeners: Vec<Listener>,
    services: Services,
    workers: &Workers,
    stop: &Signal,
    options: ServeOptions,
) -> Vec<JoinHandle<()>> {
    let services = Arc::new(services);
    let serve = |listener| {
        let (workers, stop) = (workers.clone(), stop.clone());
        runtime::spawn(wire::serve(
            listener,
            services.clone(),
            workers,
            stop,
            options,
        ))
    };
    listeners.into_iter().map(serve).collect()
}

/// Serves clients once the member knows a leader: some insist on one and give up without.
async fn serve_clients(
    node: Arc<Node>,
    listeners: Vec<Listener>,
    services: Services,
    workers: Workers,
    stop: Signal,
    options: ServeOptions,
) {
    node.leader_known().await;
    for serving in serve(listeners, services, &workers, &stop, options) {
        let _ = serving.await;
    }
}

impl Server {
    /// The member, for whoever has it in its own process.
    pub fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Where clients are served; tells which port was given where port 0 was asked for.
    pub fn client_addrs(&self) -> &[SocketAddr] {
        &self.client_addrs
    }

    /// Stops in order: leadership goes to another member, the ports close, open streams end, raft
    /// stops, the log is synced.
    pub async fn stop(self) {
        self.hand_over_leadership().await;
        self.stop.raise();
        self.node.stop();
        for serving in self.serving {
            let _ = serving.await;
        }
        self.node.consensus().shutdown().await;
        match clock::timeout(CLOSE_TIMEOUT, self.log.close()).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "cannot close the log"),
            Err(_) => tracing::warn!("the log is not closed: there is no space for its end"),
        }
    }

    /// Spares clients the wait for an election timeout; whoever is next takes over, if anybody can.
    async fn hand_over_leadership(&self) {
        let here = self.node.member_id();
        if self.node.leader() != Some(here) {
            return;
        }
        if let Some(successor) = self.node.consensus().likeliest_successor() {
            let handed = self.node.transfer_leader(successor);
            let _ = clock::timeout(HAND_OVER_TIMEOUT, handed).await;
        }
    }
}

async fn bind(flag: &'static str, addrs: &[SocketAddr]) -> Result<Vec<Listener>, StartError> {
    let mut listeners = Vec::with_capacity(addrs.len());
    for &addr in addrs {
        let listener = Listener::bind(addr).await;
        listeners.push(listener.map_err(|error| StartError::listen(flag, addr, error))?);
    }
    Ok(listeners)
}

async fn start_node(
    config: &Config,
    tuning: &Tuning,
    storage: &Storage,
    hooks: &Hooks,
    peers: Arc<Peers>,
    auth: Auth,
) -> io::Result<Arc<Node>> {
    let restored = storage.checkpoints.latest();
    let state = match restored {
        None => StateMachine::new(),
        Some(checkpoint) => {
            let reader = storage
                .checkpoints
                .read(checkpoint)
                .await
                .map_err(io::Error::other)?;
            replica::restore(reader).await?
        }
    };
    let request_bytes_max = config.max_request_bytes + api::MESSAGE_OVERHEAD_BYTES;
    let watch_limits = WatchLimits {
        fragment_bytes: tuning.watch_fragment_bytes.unwrap_or(request_bytes_max),
        ..tuning.watch
    };
    // A predecessor answers keep-alives until it has heard nothing from a majority for an election
    // timeout; renewals wait up to an interval for their batch, and as long for their commit.
    let grace = config.election_timeout + 2 * RENEWAL_BATCH_INTERVAL;
    let leases = LeaseOffice::new(grace);
    let checkpoint_bytes = restored.map_or(0, |checkpoint| checkpoint.content.bytes);
    let observer = hooks.observer.clone();
    let last_index = storage.recovered.last.map_or(0, |last| last.index);
    let replica = Arc::new(Replica::new(
        state,
        leases,
        auth.starting_behind(last_index),
        watch_limits,
        checkpoint_bytes,
        observer,
    ));
    let node_options = node_options(config, tuning);
    let options = ConsensusOptions {
        member_id: config.cluster.member_id,
        heartbeat_interval: config.heartbeat_interval,
        election_timeout: config.election_timeout,
        catchup_entries: tuning.catchup_entries,
        append_entries_max: tuning.append_entries_max,
        checkpoint_chunk_bytes: tuning.checkpoint_chunk_bytes,
        leader_restore: is_planted(Bug::LeaderRestore),
    };
    let tap = Tap::new(hooks.traffic.clone());
    let consensus = Consensus::start(options, storage, replica.clone(), peers.clone(), tap).await?;
    Ok(Node::start(
        node_options,
        replica,
        consensus,
        peers,
        storage.space.clone(),
        random_id()?,
    ))
}

fn node_options(config: &Config, tuning: &Tuning) -> NodeOptions {
    let members = config.cluster.members.iter().map(|member| Member {
        id: member.id,
        peer_urls: member.peer_urls.iter().map(ToString::to_string).collect(),
        ..Member::default()
    });
    let election_s = config.election_timeout.as_secs_f64();
    NodeOptions {
        cluster_id: config.cluster.cluster_id,
        member_id: config.cluster.member_id,
        members: members.collect(),
        limits: RequestLimits {
            max_request_bytes: config.max_request_bytes,
            max_txn_ops: config.max_txn_ops,
            min_lease_ttl_s: (election_s * MIN_LEASE_TTL_ELECTIONS).ceil() as i64,
            request_timeout: REQUEST_TIMEOUT_BASE + 2 * config.election_timeout,
        },
        election_timeout: config.election_timeout,
        checkpoint_log_bytes: tuning.checkpoint_log_bytes,
        checkpoint_entries: config.snapshot_count,
        quota_bytes: config.quota_bytes,
        compact_step_keys: tuning.compact_step_keys,
        lease_batch_max: tuning.lease_batch_max,
        progress_interval: config.progress.interval,
    }
}

/// Where request ids start: far from those of other members and of earlier runs.
fn random_id() -> io::Result<u64> {
    getrandom::u64().map_err(io::Error::other)
}
