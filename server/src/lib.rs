//! Quorate's server library.

pub mod clock;
pub mod disk;
pub mod runtime;
pub mod storage;
