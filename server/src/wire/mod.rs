//! The network: hyper serves tonic's services and axum's routes, and hyper's HTTP/2 client carries
//! calls to other members. tonic's own transport takes no part.
//!
//! Only `real.rs` and `simulated.rs` differ between the two builds: a listener, a stream, and how
//! to dial (`links.rs` is what the simulator does to streams). HTTP/2 itself, with its flow control,
//! half-close and cancellation, is the same code in both.

mod channel;
#[cfg(not(madsim))]
mod coalesced;
mod deadline;
mod frames;
mod grpc_words;
mod hyper_rt;
mod large;
#[cfg(madsim)]
mod links;
mod pings;
mod policed;
#[cfg(not(madsim))]
mod real;
mod serve;
mod services;
#[cfg(madsim)]
mod simulated;
#[cfg(test)]
mod tests;

pub use channel::{Channel, ChannelOptions};
pub use grpc_words::in_grpc_words;
pub use large::Large;
#[cfg(not(madsim))]
use real as net;
pub use serve::{ServeOptions, serve};
pub use services::Services;
#[cfg(madsim)]
use simulated as net;

#[cfg(madsim)]
pub use links::{reset_connections, set_link_delay, set_link_held};
pub use net::Listener;
