//! A load generator for servers that speak etcd's v3 API, and the benchmark built on it.
//!
//! [`run`] drives one [`Load`] against a [`Target`] and says how fast it was answered and what that
//! cost the server. [`bench`] starts servers, drives many loads and makes a table. `README.md`
//! says how to use both.
//!
//! The generator shares the machine with the server, so it is built to be cheap: generated clients
//! straight over `h2`, a single-threaded runtime, one histogram a thread.

mod channel;
mod client;
mod data;
mod error;
mod keep_alive;
mod load;
mod proto;
mod recorder;
mod run;
mod timeline;
mod usage;

pub mod bench;
pub mod call;
pub mod idle;
pub mod silent;
pub mod watch;

pub use error::LoadError;
pub use load::{Load, Workload};
pub use recorder::Recorder;
pub use run::{Outcome, Target, run, run_while};
pub use timeline::Timeline;
pub use usage::Usage;
