//! What is to be asked of a server.

use std::time::Duration;

use clap::{Args, ValueEnum};

/// Clients that share a connection, as far as [`CONNECTIONS_MAX`] allows.
const CLIENTS_PER_CONNECTION: usize = 16;
const CONNECTIONS_MAX: usize = 32;

/// What one operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Workload {
    /// Each key is written once, several in a transaction; ends by itself. Items are keys.
    Load,
    /// A put of a random key.
    Put,
    /// A put of a new key, in ascending order.
    PutSeq,
    /// A linearizable read of a random key, which has to be there.
    Range,
    /// The same, serializable: the member that is asked answers by itself.
    RangeSer,
    /// Nine linearizable reads for each put.
    Mixed,
    /// A transaction that puts a key of the client's own if its revision is the one last seen.
    Cas,
    /// A grant of a lease.
    LeaseGrant,
    /// A round trip on the keep-alive stream of the client's own lease.
    LeaseKeepalive,
}

/// One load.
#[derive(Args, Clone, Debug)]
pub struct Load {
    /// What one operation is
    #[arg(value_enum)]
    pub workload: Workload,
    /// Clients; each waits for its answer before it asks again
    #[arg(long, default_value_t = 64)]
    pub clients: usize,
    /// Connections, to the endpoints in turn [default: one for 16 clients, 32 at most]
    #[arg(long)]
    pub connections: Option<usize>,
    /// Threads of the generator; more than one only where it has a core for each
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Seconds that are measured
    #[arg(long, default_value_t = 5.0)]
    pub seconds: f64,
    /// Seconds before, which are not
    #[arg(long, default_value_t = 1.0)]
    pub warmup: f64,
    /// Keys there are
    #[arg(long, default_value_t = 100_000)]
    pub keys: u64,
    /// Length of a key, bytes
    #[arg(long, default_value_t = 16)]
    pub key_bytes: usize,
    /// Length of a value, bytes
    #[arg(long, default_value_t = 256)]
    pub value_bytes: usize,
    /// Keys in a transaction of `load`
    #[arg(long, default_value_t = 100)]
    pub batch: u64,
    /// Operations a second over all clients, whether or not the server keeps up: latency counts from
    /// the time at which an operation was due [default: as fast as answers come]
    #[arg(long)]
    pub rate: Option<f64>,
    /// Each value begins with the time at which it was put, for watchers
    #[arg(long)]
    pub stamped: bool,
    /// Chooses the random keys
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

impl Load {
    /// A load with the defaults of the command line.
    pub fn new(workload: Workload, clients: usize) -> Self {
        Self {
            workload,
            clients,
            connections: None,
            threads: 1,
            seconds: 5.0,
            warmup: 1.0,
            keys: 100_000,
            key_bytes: 16,
            value_bytes: 256,
            batch: 100,
            rate: None,
            stamped: false,
            seed: 1,
        }
    }

    pub(crate) fn connections(&self) -> usize {
        let by_clients = self.clients.div_ceil(CLIENTS_PER_CONNECTION);
        self.connections
            .unwrap_or(by_clients.min(CONNECTIONS_MAX))
            .max(self.threads())
    }

    pub(crate) fn threads(&self) -> usize {
        self.threads.max(1)
    }

    /// Time between two operations of one client, if the rate is fixed.
    pub(crate) fn interval(&self) -> Option<Duration> {
        let rate = self.rate.filter(|rate| *rate > 0.0)?;
        Some(Duration::from_secs_f64(self.clients as f64 / rate))
    }

    /// Whether it ends when everything is written, and not by the clock.
    pub(crate) fn ends_by_itself(&self) -> bool {
        self.workload == Workload::Load
    }
}
