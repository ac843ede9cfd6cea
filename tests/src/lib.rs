//! What Quorate's tests share across crates.

pub mod tidy;
