//! Consensus: openraft, and everything that touches it.
//!
//! No openraft type leaves this folder. The rest of the server sees [`Consensus`]: put these bytes
//! into the log, tell me an index that is safe to read at, who leads? What comes out of the log
//! goes to the [`Replica`](crate::replica::Replica).
//!
//! * `types`: the one instantiation of openraft's generics.
//! * `runtime`: what openraft runs on, in production and in the simulator.
//! * `log_store`, `applier`: openraft's storage traits over [`crate::storage`] and the replica.
//! * `snapshot`: checkpoints in raft's terms.
//! * `contact`: how fresh the knowledge of a leader is.
//! * `heartbeat`: what keeps it fresh; `config`: openraft's times and sizes.
//! * `network`, `service`, `convert`: both ends of the peer port, and the wire types between them.
//! * `traffic`: who watches the messages on it.
//! * `state`: what raft holds at one moment.

mod applier;
mod config;
mod consensus;
mod contact;
mod convert;
mod heartbeat;
mod log_store;
mod network;
mod runtime;
mod service;
mod snapshot;
mod state;
mod traffic;
mod types;

pub use consensus::{Consensus, ConsensusOptions, Leadership, NotAccepted, ReadIndexError};
pub use service::RaftService;
pub use state::RaftState;
pub use traffic::{CallNumber, Message, Tap, Traffic};
pub use types::Peer;

/// The target under which openraft logs.
pub const LOG_TARGET: &str = "openraft";
