//! What a member keeps on disk: the log, checkpoints, and whose directory it is.
//!
//! Knows nothing of raft's library and nothing of what entries and checkpoints contain. Everything
//! is checksummed; what was acknowledged and is damaged stops the member with the file, the offset
//! and the remedy ([`StorageError`]). The files' formats are in `FORMAT.md`.

mod error;
mod log;

pub use error::StorageError;
pub use log::{Cut, Durable, Log, LogEntry, LogOptions, LogPosition, OnFatal, Recovered};
