//! An open file of a memory disk.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;

use super::{
    MemoryDisk, State, SyncMark, Turn,
    inode::{Change, Inode},
    lock,
};
use crate::disk::{DiskFile, DiskFuture};

/// An open file of a [`MemoryDisk`].
pub struct MemoryFile {
    pub(super) disk: MemoryDisk,
    pub(super) inode: Arc<Mutex<Inode>>,
    pub(super) epoch: u64,
}

impl MemoryFile {
    /// Writes to the cache.
    pub fn write(&self, offset: u64, data: Bytes) -> io::Result<()> {
        let length = self.length()?;
        let state = &mut *self.alive()?;
        state.check_room((offset + data.len() as u64).saturating_sub(length))?;
        if std::mem::take(&mut state.fail_next_write) {
            let half = data.slice(..data.len() / 2);
            self.change(state, Change::Write(offset, half));
            return Err(io::Error::other("injected: write failed"));
        }
        self.change(state, Change::Write(offset, data));
        Ok(())
    }

    /// Begins a sync of what has been written so far.
    pub fn begin_sync(&self) -> SyncMark {
        self.disk.begin_sync_names()
    }

    /// Completes a sync: what was written before `mark` is durable.
    pub fn finish_sync(&self, mark: SyncMark) -> io::Result<()> {
        let state = &mut *self.alive()?;
        let inode = &mut *lock(&self.inode);
        let covered = inode
            .unsynced
            .partition_point(|(ordinal, _)| *ordinal <= mark.0);
        let covered: Vec<_> = inode.unsynced.drain(..covered).collect();
        // Failed or not, these count as written from now on: that is the trap of a retried sync.
        state.check_sync()?;
        for (_, change) in covered {
            change.apply_to(&mut inode.durable);
        }
        Ok(())
    }

    /// As [`DiskFile::size_bytes`], at once.
    pub fn length(&self) -> io::Result<u64> {
        let _alive = self.alive()?;
        Ok(lock(&self.inode).cached.len() as u64)
    }

    /// As [`DiskFile::read_at`], at once.
    pub fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let _alive = self.alive()?;
        let inode = lock(&self.inode);
        let start = inode.cached.len().min(offset as usize);
        let end = inode.cached.len().min(start + len);
        Ok(Bytes::copy_from_slice(&inode.cached[start..end]))
    }

    /// As [`DiskFile::truncate`], at once.
    pub fn set_length(&self, len: u64) -> io::Result<()> {
        let state = &mut *self.alive()?;
        self.change(state, Change::Truncate(len));
        Ok(())
    }

    fn change(&self, state: &mut State, change: Change) {
        state.changes += 1;
        let inode = &mut *lock(&self.inode);
        change.apply_to(&mut inode.cached);
        inode.unsynced.push((state.changes, change));
    }

    fn alive(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock();
        if state.epoch == self.epoch {
            Ok(state)
        } else {
            Err(io::Error::other("the file was opened before the crash"))
        }
    }
}

impl DiskFile for MemoryFile {
    fn size_bytes(&self) -> DiskFuture<'_, u64> {
        Box::pin(async move { self.length() })
    }

    fn read_at(&self, offset: u64, len: usize) -> DiskFuture<'_, Bytes> {
        Box::pin(async move { self.read(offset, len) })
    }

    fn write_at(&self, offset: u64, data: Bytes, sync: bool) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            if !data.is_empty() {
                self.write(offset, data)?;
            }
            if sync {
                let mark = self.begin_sync();
                Turn::default().await;
                self.finish_sync(mark)?;
            }
            Ok(())
        })
    }

    fn truncate(&self, len: u64) -> DiskFuture<'_, ()> {
        Box::pin(async move { self.set_length(len) })
    }
}
