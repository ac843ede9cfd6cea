//! Quorate's server: etcd's API over a replicated [state machine](../quorate_core/index.html).

mod admission;
mod api;
pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod disk;
mod http;
pub mod ids;
pub mod logging;
pub mod node;
mod peer_service;
pub mod peers;
pub mod proto;
pub mod raft;
pub mod replica;
pub mod runtime;
pub mod server;
pub mod storage;
pub mod url;
pub mod version;
pub mod wire;
