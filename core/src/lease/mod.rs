//! Leases: the replicated table. Which leases to renew or to expire, the leader decides outside
//! of it and proposes.

pub(crate) mod table;
