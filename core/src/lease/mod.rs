//! Leases: the replicated table, and the leader's keeper of time, which decides what to renew and
//! what to expire and proposes it.

mod change;
mod keeper;
pub(crate) mod table;

#[cfg(test)]
mod keeper_tests;

pub use change::LeaseChange;
pub use keeper::{KeepAlive, LeaseKeeper, Remaining};
