//! What an applied entry has changed in the lease table, for the leader to keep in step.

use crate::kv::LeaseId;

/// One change of the replicated lease table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// A lease was created.
    Granted {
        /// The lease.
        id: LeaseId,
        /// Its time to live, seconds.
        ttl_s: i64,
        /// Cluster time, milliseconds, of the entry.
        at_ms: u64,
    },
    /// A keep-alive was replicated.
    Renewed {
        /// The lease.
        id: LeaseId,
        /// Cluster time, milliseconds, of the keep-alive.
        renewed_at_ms: u64,
    },
    /// A lease was revoked or has expired.
    Ended {
        /// The lease.
        id: LeaseId,
    },
}
