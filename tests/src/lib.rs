//! What Quorate's tests share across crates.

pub mod differential;
pub mod mutations;
pub mod scenario;
pub mod tidy;
