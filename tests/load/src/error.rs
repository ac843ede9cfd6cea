//! Why a load could not be driven.

use std::io;

use tonic::Status;

/// One line, with what was tried.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// No connection.
    #[error("cannot connect to {endpoint}: {reason}; is a server listening there?")]
    Connect {
        /// Host and port.
        endpoint: String,
        /// What the system or HTTP/2 says.
        reason: String,
    },
    /// A call that the load needs was refused.
    #[error("{what}: {}: {}", .status.code(), .status.message())]
    Call {
        /// The call.
        what: &'static str,
        /// The answer.
        status: Box<Status>,
    },
    /// The operating system refuses.
    #[error("cannot {what}: {error}")]
    System {
        /// What was to be done.
        what: String,
        /// Why not.
        error: io::Error,
    },
    /// What was waited for did not happen.
    #[error("{what} took longer than {limit_s} s")]
    Late {
        /// What was waited for.
        what: String,
        /// For how long, seconds.
        limit_s: u64,
    },
    /// A server ended that should serve.
    #[error("{name} has ended: {status}; its last words: {log}")]
    Ended {
        /// The member.
        name: String,
        /// How it ended.
        status: String,
        /// The end of what it logged.
        log: String,
    },
    /// A thread of the generator panicked.
    #[error("a client thread has panicked")]
    Panic,
}

impl LoadError {
    /// For `map_err` on calls.
    pub(crate) fn call(what: &'static str) -> impl Fn(Status) -> Self {
        move |status| Self::Call {
            what,
            status: Box::new(status),
        }
    }

    /// For `map_err` on what the operating system does.
    pub(crate) fn system(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |error| Self::System { what, error }
    }
}
