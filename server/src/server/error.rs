//! Why a server does not start.

use std::{io, net::SocketAddr};

use crate::{admission::Replaced, auth, disk::DirectoryError, storage::StorageError};

/// Why a member does not start: one line, with the remedy.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data directory cannot be used.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// What is in it cannot be used.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The member has lost a data directory in which it may have voted.
    #[error(transparent)]
    Replaced(#[from] Replaced),
    /// The address is in use, or is not this machine's.
    #[error("{flag}: cannot listen on {addr}: {error}; {remedy}")]
    Listen {
        /// The flag that asks for it.
        flag: &'static str,
        /// The address.
        addr: SocketAddr,
        /// What the system says.
        error: io::Error,
        /// What to do.
        remedy: &'static str,
    },
    /// The keys that tokens are signed with cannot be used.
    #[error(transparent)]
    Auth(#[from] auth::StartError),
    /// What is stored does not fit together.
    #[error(
        "cannot restore this member's state: {0}; restore its data directory from a copy, or \
         replace the member"
    )]
    Restore(io::Error),
    /// Threads cannot be started.
    #[error("cannot start threads: {0}; raise the limits on processes and memory")]
    System(io::Error),
}

impl StartError {
    pub(super) fn listen(flag: &'static str, addr: SocketAddr, error: io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => "stop the process that uses it, or give another URL",
            io::ErrorKind::AddrNotAvailable => "give an address of this machine",
            io::ErrorKind::PermissionDenied => "give a port above 1023, or grant the permission",
            _ => "give another URL",
        };
        Self::Listen {
            flag,
            addr,
            error,
            remedy,
        }
    }
}
