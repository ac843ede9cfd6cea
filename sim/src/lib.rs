//! Deterministic simulation of Quorate clusters: `Seed → Plan → History → Verdict`.
//!
//! A seed only *generates* a [`plan::Plan`]; the plan is data that is saved, replayed, edited and
//! reviewed as a file. [`run::run`] carries a plan out and gives back a [`history::History`]: what
//! clients and members saw. The [`oracles`] judge the history, and do not know where it came from.

pub mod cli;
#[cfg(madsim)]
pub mod cluster;
#[cfg(madsim)]
pub mod disk;
#[cfg(madsim)]
pub mod faults;
pub mod fnv;
pub mod history;
pub mod mutants;
pub mod oracles;
pub mod plan;
#[cfg(madsim)]
pub mod recorder;
pub mod report;
pub mod run;
pub mod shrink;
pub mod walk;
#[cfg(madsim)]
pub mod workload;
