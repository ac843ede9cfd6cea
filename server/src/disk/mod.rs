//! The seam between the product and the place where its bytes rest.
//!
//! A [`Disk`] is one flat directory. Nothing in it is durable by itself: a file's bytes and length
//! are durable after a synced write to that file, a name (created, renamed or removed) after
//! [`Disk::sync_dir`]. A power failure may undo everything else, sector by sector.
//!
//! * [`RealDisk`] is a directory of the host. Its calls block the thread that polls them.
//! * [`Offloaded`] puts any disk behind a thread of its own, for callers that must not block.
//! * [`memory::MemoryDisk`] forgets at a crash what was not synced; tests and the simulator use it.

use std::{future::Future, io, pin::Pin, sync::Arc};

use bytes::Bytes;

pub mod memory;
mod offload;
mod real;

pub use offload::Offloaded;
pub use real::{DirectoryError, RealDisk};

/// What every operation returns.
pub type DiskFuture<'a, T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send + 'a>>;

/// One flat directory of files.
pub trait Disk: Send + Sync {
    /// Opens a file for reading and writing. Without `create`, a missing file is
    /// [`io::ErrorKind::NotFound`].
    fn open<'a>(&'a self, name: &'a str, create: bool) -> DiskFuture<'a, Arc<dyn DiskFile>>;

    /// The names of everything in the directory, sorted.
    fn list(&self) -> DiskFuture<'_, Vec<String>>;

    /// Gives a file another name; a file that had that name is gone.
    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> DiskFuture<'a, ()>;

    /// Removes a file. Handles that are still open keep working.
    fn remove<'a>(&'a self, name: &'a str) -> DiskFuture<'a, ()>;

    /// Makes all creations, renames and removals so far durable.
    fn sync_dir(&self) -> DiskFuture<'_, ()>;

    /// How to name a file to the operator.
    fn path(&self, name: &str) -> String;
}

/// An open file. Buffers are owned so that an operation can move to another thread.
pub trait DiskFile: Send + Sync {
    /// Length in bytes.
    fn size_bytes(&self) -> DiskFuture<'_, u64>;

    /// Reads `len` bytes; fewer only where the file ends.
    fn read_at(&self, offset: u64, len: usize) -> DiskFuture<'_, Bytes>;

    /// Writes all of `data` and then, with `sync`, makes everything written to this file durable:
    /// one operation, so that a group commit is one hop. After an error nothing is known about
    /// what is durable, and a later sync that succeeds says nothing either: never retry.
    fn write_at(&self, offset: u64, data: Bytes, sync: bool) -> DiskFuture<'_, ()>;

    /// Cuts the file to `len` bytes, or extends it with zeros.
    fn truncate(&self, len: u64) -> DiskFuture<'_, ()>;
}
