//! Leases.

mod change;
mod keeper;

#[cfg(test)]
mod keeper_tests;

pub use change::LeaseChange;
pub use keeper::{KeepAlive, LeaseKeeper, Remaining};
