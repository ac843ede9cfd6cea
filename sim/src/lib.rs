//! Deterministic simulation of a Quorate cluster.

pub mod disk;
