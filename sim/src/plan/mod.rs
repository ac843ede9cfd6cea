//! A run as data: cluster, limits, workload, and every fault with its time.
//!
//! A plan is a TOML file (see [`text`]). It says all that the run depends on: what it leaves open
//! (latencies, think times, which key comes next) is drawn from streams seeded by its `seed`.

mod auth;
mod check;
mod crash_at;
mod disk_faults;
mod fault;
mod generate;
mod knobs;
mod loss;
mod outages;
mod span;
mod stream;
mod target;
mod workload;

pub mod text;

use serde::{Deserialize, Serialize};

pub use auth::{Auth, AuthStep, ROOT};
pub use check::Invalid;
pub use crash_at::CrashAt;
pub use fault::{AlarmName, Fault, TimedFault, ring_gaps};
pub use generate::Focus;
pub use knobs::Knobs;
pub use loss::{Breakage, Loss};
pub use span::Span;
pub use stream::Stream;
pub use target::Target;
pub use text::ReadError;
pub use workload::{Weights, Workload};

/// Greatest seed: TOML's integers are signed.
pub const SEED_MAX: u64 = i64::MAX as u64;

/// Everything that a run depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Seed of every random stream of the run; at most [`SEED_MAX`].
    pub seed: u64,
    /// The members and what lies between them.
    pub cluster: Cluster,
    /// The product's limits.
    pub knobs: Knobs,
    /// What the clients do.
    pub workload: Workload,
    /// Users and tokens; without them authentication stays off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<Auth>,
    /// How long the run takes and what breaks.
    pub schedule: Schedule,
}

/// The members and what lies between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Number of members, all voters.
    pub members: u64,
    /// The leader's heartbeat interval, milliseconds.
    pub heartbeat_ms: u64,
    /// The election timeout, milliseconds.
    pub election_ms: u64,
    /// One-way latency of every link, microseconds.
    pub link_us: Span,
    /// How long an fsync takes, microseconds.
    pub fsync_us: Span,
    /// How fast each member's clock runs, parts per million off true time.
    pub clock_ppm: Vec<i64>,
}

/// How long the run takes and what breaks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// How long the clients work, milliseconds. Every fault is over by then: from there on the
    /// cluster is left in peace.
    pub run_ms: u64,
    /// How long a correct cluster may then take to converge and to serve, milliseconds.
    pub quiet_ms: u64,
    /// Who stays broken for good when the clients stop, a minority. All others are mended.
    #[serde(default)]
    pub lost: Vec<Loss>,
    /// What breaks, in the order of time.
    pub faults: Vec<TimedFault>,
}

impl Plan {
    /// The members that must recover, and serve, when the clients have stopped.
    pub fn core(&self) -> Vec<u64> {
        let is_lost = |member: &u64| self.schedule.lost.iter().any(|loss| loss.member == *member);
        (1..=self.cluster.members)
            .filter(|member| !is_lost(member))
            .collect()
    }
}
