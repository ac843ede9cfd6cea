//! Quorate's replicated state machine.
//!
//! Pure and deterministic: no I/O, no clock, no randomness, no threads, no async. The same log
//! gives the same bytes out on every replica. Time comes in with each log entry (*cluster time*,
//! milliseconds); everything else that a decision needs is in the state.
//!
//! The three entry points, and who drives them:
//!
//! * [`StateMachine::apply`] is the only way to change replicated state. Every replica calls it
//!   for each committed entry, in log order.
//! * [`watch::Hub`] turns the events of each [`Applied`] into responses for watchers. It is local
//!   to a member and not replicated.
//! * [`lease::LeaseKeeper`] exists only on the leader: it answers keep-alives from memory and says
//!   which renewals and expiries to propose.

pub mod alarm;
pub mod auth;
mod checkpoint;
pub mod codec;
pub mod command;
pub mod error;
mod hashed;
pub mod kv;
pub mod lease;
pub mod limits;
mod machine;
pub mod planted;
pub mod probe;
pub mod request;
pub mod response;
mod store;
mod txn;
pub mod validate;
mod view;
pub mod watch;

pub use checkpoint::{Checkpoint, Restore};
pub use command::{Command, Entry};
pub use error::Error;
pub use lease::LeaseChange;
pub use machine::{Applied, StateMachine};
pub use response::Response;
pub use validate::Valid;
pub use view::View;

/// The README's example, compiled and run with the tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
