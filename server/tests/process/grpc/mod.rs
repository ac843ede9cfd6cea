//! What a scenario asks, over gRPC, of a server as a process of its own.
//!
//! ```text
//! requests in the core's words ── requests ──▶ messages ── caller, stream ──▶ server
//!        answers ◀── answers ── replies as they came ◀──────────────────────────┘
//! ```

mod answers;
mod caller;
mod executor;
mod reply;
mod requests;
mod server;
mod stream;

pub(crate) use caller::{Caller, authorize};
pub(crate) use executor::{GrpcExecutor, Session};
pub(crate) use reply::{Reply, normalise};
pub(crate) use server::{Program, Server};
