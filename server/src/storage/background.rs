//! Where storage does its blocking work: never on its callers' threads.

use std::pin::Pin;

use crate::runtime;

use super::error::{Context, StorageError};

/// Work that goes on until what feeds it is dropped.
pub(super) type Background = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs the work on a thread of its own.
pub(super) fn on_thread(name: &str, background: Background) -> Result<(), StorageError> {
    runtime::dedicated(name, move || background).context("start the thread", name)?;
    Ok(())
}
