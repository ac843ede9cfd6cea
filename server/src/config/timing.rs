//! How often clients and server may, and do, make themselves heard.

use std::time::Duration;

use crate::cli::Options;

/// What gRPC for Go takes where it is given no time at all.
const MIN_TIME_UNSET: Duration = Duration::from_secs(5 * 60);
const INTERVAL_UNSET: Duration = Duration::from_secs(2 * 3600);
const TIMEOUT_UNSET: Duration = Duration::from_secs(20);

/// gRPC for Go pings no client more often than that.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

const PROGRESS_DEFAULT: Duration = Duration::from_secs(600);
const PROGRESS_MIN: Duration = Duration::from_millis(100);

/// The pings of a client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepAlive {
    /// Shortest time between two pings of a client with an open stream.
    pub min_time: Duration,
    /// Silence after which the server pings.
    pub interval: Duration,
    /// How long the client may take to answer.
    pub timeout: Duration,
}

impl KeepAlive {
    /// etcd hands its flags on to gRPC for Go unless they are 0, and then that library's own values
    /// hold, though etcd's help says that 0 disables.
    pub(super) fn new(options: &Options) -> Self {
        let (interval, timeout) = match (
            options.grpc_keepalive_interval.0,
            options.grpc_keepalive_timeout.0,
        ) {
            (Duration::ZERO, _) | (_, Duration::ZERO) => (INTERVAL_UNSET, TIMEOUT_UNSET),
            (interval, timeout) => (interval.max(INTERVAL_MIN), timeout),
        };
        Self {
            min_time: match options.grpc_keepalive_min_time.0 {
                Duration::ZERO => MIN_TIME_UNSET,
                min_time => min_time,
            },
            interval,
            timeout,
        }
    }
}

/// `--watch-progress-notify-interval`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProgressInterval {
    /// The interval that holds.
    pub interval: Duration,
    /// Whether the one that was asked for is too short.
    pub is_raised: bool,
}

impl ProgressInterval {
    pub(super) fn new(asked: Duration) -> Self {
        let asked = match asked {
            Duration::ZERO => PROGRESS_DEFAULT,
            asked => asked,
        };
        Self {
            interval: asked.max(PROGRESS_MIN),
            is_raised: asked < PROGRESS_MIN,
        }
    }
}
