//! Processes, directories and ports that end with the test, and clients to ask with.

mod client;
mod cluster;
mod etcdctl;
pub(crate) mod http2;
mod peers;
mod ports;
mod process;
mod scenario;
mod writers;

pub(crate) use client::{Client, Watch, lease_id, put, timed};
pub(crate) use cluster::{Cluster, Member, MemberSpec};
pub(crate) use etcdctl::Etcdctl;
pub(crate) use peers::{Peers, peers};
pub(crate) use ports::Port;
pub(crate) use process::Process;
pub(crate) use scenario::{eventually, in_directory, run};
pub(crate) use writers::{Acknowledged, Writers, assert_kept};

/// The server under test, as cargo built it for these tests.
pub(crate) const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");
