//! Servers as real processes on loopback: started from the built binary, killed, started again, and
//! asked over their ports. One module a subject; `harness` is what they share.

#![cfg(not(madsim))]

mod api;
mod beside_etcd;
mod catch_up;
mod connections;
mod differential;
mod durability;
mod etcdctl;
mod failover;
mod full_disk;
mod grpc;
mod harness;
mod leader_change;
mod lost_directory;
mod no_quorum;
mod quota;
mod scenarios;
mod silent_clients;
mod start_errors;
mod storage_faults;
mod tokens;
mod wire_only;
