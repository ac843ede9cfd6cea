//! Random scripts for two servers that must answer the same: how they are made, what they leave
//! out because the servers are known to differ, and how one that shows a difference is shrunk.
//! Whoever runs them is elsewhere; nothing here knows a server.
//!
//! ```text
//! seed ── generate ──▶ steps, each let in by Admission ──▶ two servers ──▶ a difference ── shrink ──▶ the fewest steps
//! ```

mod admission;
mod auth;
mod dice;
mod generate;
mod kv;
mod shrink;
mod txn;
mod values;

pub use self::{admission::Admission, generate::generate, shrink::shrink};
