//! How connections are kept: those of clients as the flags say, those of other members for as long as
//! both live.

use std::time::Duration;

use crate::{config::Config, wire::ServeOptions};

pub(super) fn client_serve_options(config: &Config) -> ServeOptions {
    ServeOptions {
        keep_alive_interval: config.keep_alive.interval,
        keep_alive_timeout: config.keep_alive.timeout,
        keep_alive_min_time: Some(config.keep_alive.min_time),
        concurrent_streams_max: config.concurrent_streams_max,
        ..ServeOptions::default()
    }
}

/// Peers keep streams open for as long as both members live, and cope with a connection that
/// breaks: there is nothing to wait for.
pub(super) fn peer_serve_options() -> ServeOptions {
    ServeOptions {
        grace: Duration::ZERO,
        ..ServeOptions::default()
    }
}
