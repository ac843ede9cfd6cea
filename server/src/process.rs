//! The process around a member: its runtime, its signals, and how it ends.

use std::{io, path::Path, process, sync::Arc, time::Duration};

use quorate_server::{
    clock,
    config::Config,
    disk::{DirectoryError, RealDisk},
    server::{self, Hooks, StartError, Tuning},
};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
};

/// Exit code of a member that could not go on.
const EXIT_FATAL: i32 = 1;

/// How long another process may take to let go of the data directory.
const LOCK_PATIENCE: Duration = Duration::from_secs(1);
const LOCK_RETRY_INTERVAL: Duration = Duration::from_millis(10);

/// Each connection is an open file, and where the soft limit is the usual 1024, the hard one is many
/// times that: it is meant to be used by programs that do not call `select`.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays");
    }
}

/// Serves until SIGTERM or SIGINT, then stops in order.
///
/// # Errors
/// The member does not start.
pub(crate) fn run(config: &Config) -> Result<(), StartError> {
    raise_file_limit();
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(StartError::System)?;
    runtime.block_on(async {
        let mut ends = Ends::new().map_err(StartError::System)?;
        let disk = Arc::new(open_disk(&config.data_dir).await?);
        let tuning = Tuning::production().map_err(StartError::System)?;
        let hooks = Hooks {
            observer: None,
            traffic: None,
            on_fatal: Arc::new(end_at_once),
        };
        // It may have to wait for other members.
        let server = tokio::select! {
            biased;
            name = ends.next() => {
                tracing::info!(signal = name, "stopped before this member took part");
                return Ok(());
            }
            started = server::start(config, disk, tuning, hooks) => started?,
        };
        tracing::info!(
            member_id = format!("{:x}", config.cluster.member_id),
            cluster_id = format!("{:x}", config.cluster.cluster_id),
            client_addrs = ?server.client_addrs(),
            "ready to serve client requests"
        );
        let name = ends.next().await;
        tracing::info!(signal = name, "stopping");
        server.stop().await;
        tracing::info!("stopped");
        Ok(())
    })
}

/// Opens the data directory. A process that was killed holds its lock for a moment longer, until
/// the system has taken its memory apart: who starts a member again at once is not refused.
async fn open_disk(data_dir: &Path) -> Result<RealDisk, DirectoryError> {
    let given_up = clock::now() + LOCK_PATIENCE;
    loop {
        match RealDisk::open(data_dir) {
            Err(DirectoryError::Locked(_)) if clock::now() < given_up => {
                clock::sleep(LOCK_RETRY_INTERVAL).await;
            }
            opened => return opened,
        }
    }
}

/// Nothing that is acknowledged after a failed write would be true: no destructor, no flush.
fn end_at_once(reason: String) {
    tracing::error!("{reason}");
    process::exit(EXIT_FATAL);
}

/// The signals that end a member.
struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

impl Ends {
    fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
