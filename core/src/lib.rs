//! Quorate's replicated state machine.
//!
//! Pure and deterministic: no I/O, no clock, no randomness, no threads, no async.

pub mod command;
pub mod error;
pub mod kv;
pub mod lease;
pub mod limits;
pub mod request;
pub mod response;
pub mod validate;
pub mod watch;

pub use command::{Command, Entry};
pub use error::Error;
pub use response::Response;
pub use validate::Valid;
