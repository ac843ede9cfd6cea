//! A running member: its parts put together, served, and stopped in order.

use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use quorate_core::{StateMachine, command::MemberAttributes};
use tonic::service::Routes;

use crate::{
    api,
    config::{Config, ClusterState},
    disk::Disk,
    node::{LeaseOffice, Member, Node, NodeOptions, RENEWAL_BATCH_INTERVAL, RequestLimits},
    peer_service,
    peers::Peers,
    planted::{self, Bug},
    raft::{Consensus, ConsensusOptions, Peer},
    replica::{self, Observer, Replica},
    runtime::{self, JoinHandle, Signal, Workers},
    storage::{self, Storage, StorageError},
    wire::{self, Listener, ServeOptions},
};

/// Base of the time that a request may wait for consensus; two election timeouts are added, as in
/// etcd (contract api.md §9.6).
const REQUEST_TIMEOUT_BASE: Duration = Duration::from_secs(5);

/// What is not a flag: knobs that the simulator turns and operators do not.
#[derive(Clone)]
pub struct Tuning {
    /// See [`NodeOptions::checkpoint_log_bytes`].
    pub checkpoint_log_bytes: u64,
    /// See [`ConsensusOptions::catchup_entries`].
    pub catchup_entries: u64,
    /// How the log is kept.
    pub log: storage::LogOptions,
}

impl Default for Tuning {
    fn default() -> Self {
        Self {
            checkpoint_log_bytes: 64 << 20,
            catchup_entries: 5000,
            log: storage::LogOptions::default(),
        }
    }
}

/// What whoever starts a server may want to hear of.
#[derive(Clone)]
pub struct Hooks {
    /// Sees every apply.
    pub observer: Option<Arc<dyn Observer>>,
    /// Called once, with the reason, when the member cannot go on: the log cannot be written, or
    /// raft has stopped. Whoever started the server must end it without delay.
    pub on_fatal: Arc<dyn Fn(String) + Send + Sync>,
}

/// Why a member does not start. One line, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// Somebody else listens there, or the address is not this machine's.
    #[error("cannot listen on {addr}: {error}; {remedy}")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        error: io::Error,
        /// What to do.
        remedy: String,
    },
    /// The stored state does not fit together.
    #[error("cannot restore this member's state: {0}; restore the data directory from a backup, or remove it and let the member catch up from the others")]
    Restore(io::Error),
    /// Threads cannot be started.
    #[error("cannot start: {0}")]
    System(io::Error),
}

/// A member that serves. Stop it with [`Server::stop`]; dropping it leaves its tasks running.
pub struct Server {
    node: Arc<Node>,
    storage: Storage,
    stop: Signal,
    serving: Vec<JoinHandle<()>>,
    client_addrs: Vec<SocketAddr>,
}

/// Starts the member that `config` describes on the data in `disk`. When this returns, both ports
/// are open and requests are taken, though the cluster may still have to elect a leader.
///
/// # Errors
/// See [`StartError`]; nothing is left running.
pub async fn start(
    config: Config,
    disk: Arc<dyn Disk>,
    tuning: Tuning,
    hooks: Hooks,
) -> Result<Server, StartError> {
    // The ports first: who cannot have them should not touch the data.
    let client_listeners = bind("listen-client-urls", &config.listen_client_addrs).await?;
    let peer_listeners = bind("listen-peer-urls", &config.listen_peer_addrs).await?;
    let workers = Workers::start_per_core().map_err(StartError::System)?;

    let fatal = hooks.on_fatal.clone();
    let opened = storage::open(
        disk,
        &identity(&config),
        tuning.log.clone(),
        Box::new(move |error| fatal(error.to_string())),
    )
    .await?;
    let node = start_node(&config, &tuning, &opened, &hooks).await?;

    let stop = Signal::new();
    let mut serving = Vec::new();
    let client_addrs = addrs(&client_listeners);
    let routes = api::routes(node.clone(), stop.clone());
    for listener in client_listeners {
        serving.push(serve(listener, routes.clone(), &workers, &stop));
    }
    let peer_routes = Routes::new(peer_service::service(node.clone()));
    for listener in peer_listeners {
        serving.push(serve(listener, peer_routes.clone(), &workers, &stop));
    }
    if opened.is_new && config.cluster.state == ClusterState::New {
        node.consensus().found(founders(&config)).await.map_err(StartError::Restore)?;
    }
    runtime::spawn(node.clone().publish_attributes(attributes(&config)));
    runtime::spawn(node.clone().watch_for_failure(hooks.on_fatal));
    Ok(Server { node, storage: opened.storage, stop, serving, client_addrs })
}
