//! A disk in memory that loses at a crash what was not synced, as real disks do.
//!
//! For tests and for the simulator, which adds latencies (`sim/src/disk.rs`). The disk survives
//! its process: keep a clone, [`MemoryDisk::crash`] it, and open the files again. All choices are
//! drawn from the dice given at construction, so a run can be repeated.
//!
//! What is modelled: a power failure keeps a *prefix* of the unsynced name changes (journalling
//! file systems order them) and, file by file, none, all, or a random part of the unsynced
//! sectors, in any order between sectors. A sector itself is atomic. A failed sync leaves data
//! that can be read but is never written, even though a later sync succeeds, as Linux does.
//! Not modelled: disks that lose what they acknowledged; [`MemoryDisk::flip_bits`] is for those.

use std::{
    collections::BTreeMap,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
};

use super::{Disk, DiskFile, DiskFuture};

mod file;
mod inode;
#[cfg(test)]
mod tests;

pub use file::MemoryFile;

use inode::Inode;

/// Draws a number below its argument.
pub type Dice = Box<dyn FnMut(u64) -> u64 + Send>;

/// The disk; clones are the same disk.
#[derive(Clone)]
pub struct MemoryDisk {
    state: Arc<Mutex<State>>,
}

struct State {
    dice: Dice,
    names: Names,
    durable_names: Names,
    /// Name changes since the last sync of the directory, with their ordinals.
    unsynced_names: Vec<(u64, NameChange)>,
    /// Counts every change; says what a sync that began earlier covers.
    changes: u64,
    /// Handles from before the last crash are dead.
    epoch: u64,
    capacity_bytes: Option<u64>,
    fail_next_sync: bool,
    fail_next_write: bool,
}

type Names = BTreeMap<String, Arc<Mutex<Inode>>>;

/// What was on a disk.
pub struct Files(Names);

enum NameChange {
    Create(String, Arc<Mutex<Inode>>),
    Remove(String),
    Rename(String, String),
}

/// What had been changed when a sync began; later changes are not its business.
#[derive(Clone, Copy, Debug)]
pub struct SyncMark(u64);

impl MemoryDisk {
    /// An empty disk.
    pub fn new(dice: impl FnMut(u64) -> u64 + Send + 'static) -> Self {
        let state = State {
            dice: Box::new(dice),
            names: Names::new(),
            durable_names: Names::new(),
            unsynced_names: Vec::new(),
            changes: 0,
            epoch: 0,
            capacity_bytes: None,
            fail_next_sync: false,
            fail_next_write: false,
        };
        Self {
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Power failure: what was not synced is lost, kept, or torn. Open files are dead afterwards.
    pub fn crash(&self) {
        let state = &mut *self.lock();
        state.epoch += 1;
        state.fail_next_sync = false;
        state.fail_next_write = false;
        let kept = (state.dice)(state.unsynced_names.len() as u64 + 1) as usize;
        for (_, change) in state.unsynced_names.drain(..).take(kept) {
            change.apply_to(&mut state.durable_names);
        }
        state.names = state.durable_names.clone();
        for inode in state.names.values() {
            lock(inode).crash(&mut state.dice);
        }
    }

    /// Takes all files away, as after a crash; the disk is empty then. Open files are dead.
    pub fn take_away(&self) -> Files {
        let state = &mut *self.lock();
        state.epoch += 1;
        state.unsynced_names.clear();
        state.durable_names.clear();
        Files(std::mem::take(&mut state.names))
    }

    /// Puts files back in place of those that there are, all durable.
    pub fn put_back(&self, files: Files) {
        drop(self.take_away());
        let state = &mut *self.lock();
        state.durable_names = files.0.clone();
        state.names = files.0;
    }

    /// The next sync, of a file or of the directory, fails; what it covered is never written.
    pub fn fail_next_sync(&self) {
        self.lock().fail_next_sync = true;
    }

    /// The next write fails, of which the first half arrives.
    pub fn fail_next_write(&self) {
        self.lock().fail_next_write = true;
    }

    /// Takes back what [`Self::fail_next_sync`] and [`Self::fail_next_write`] have asked for and
    /// what has not happened yet. Whether there was such a thing.
    pub fn fail_no_more(&self) -> bool {
        let state = &mut *self.lock();
        let was_to_come = state.fail_next_sync || state.fail_next_write;
        (state.fail_next_sync, state.fail_next_write) = (false, false);
        was_to_come
    }

    /// Length of all files together, which [`Self::set_capacity_bytes`] bounds.
    pub fn used_bytes(&self) -> u64 {
        self.lock().used_bytes()
    }

    /// Writes that would make all files together longer than this fail, [`io::ErrorKind::StorageFull`].
    pub fn set_capacity_bytes(&self, capacity_bytes: Option<u64>) {
        self.lock().capacity_bytes = capacity_bytes;
    }

    /// Flips the bits of `mask` in one stored byte: bit rot. `false` where the file has no such byte.
    pub fn flip_bits(&self, name: &str, offset: usize, mask: u8) -> bool {
        let state = self.lock();
        let Some(inode) = state.names.get(name) else {
            return false;
        };
        let inode = &mut *lock(inode);
        if offset >= inode.cached.len() {
            return false;
        }
        inode.cached[offset] ^= mask;
        if let Some(byte) = inode.durable.get_mut(offset) {
            *byte ^= mask;
        }
        true
    }

    /// What reads of a file see, or `None` where there is no such file.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.lock()
            .names
            .get(name)
            .map(|inode| lock(inode).cached.clone())
    }

    /// All names, sorted.
    pub fn names(&self) -> Vec<String> {
        self.lock().names.keys().cloned().collect()
    }

    /// As [`Disk::open`], at once.
    pub fn open_file(&self, name: &str, create: bool) -> io::Result<MemoryFile> {
        let state = &mut *self.lock();
        let inode = match state.names.get(name) {
            Some(inode) => inode.clone(),
            None if create => {
                let inode = Arc::<Mutex<Inode>>::default();
                state.change_names(NameChange::Create(name.to_owned(), inode.clone()));
                inode
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(MemoryFile {
            disk: self.clone(),
            inode,
            epoch: state.epoch,
        })
    }

    /// As [`Disk::rename`], at once.
    pub fn rename_file(&self, from: &str, to: &str) -> io::Result<()> {
        self.lock()
            .change_existing(from, NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    /// As [`Disk::remove`], at once.
    pub fn remove_file(&self, name: &str) -> io::Result<()> {
        self.lock()
            .change_existing(name, NameChange::Remove(name.to_owned()))
    }

    /// Begins a sync of the directory.
    pub fn begin_sync_names(&self) -> SyncMark {
        SyncMark(self.lock().changes)
    }

    /// Completes a sync of the directory: names changed before `mark` are durable.
    pub fn finish_sync_names(&self, mark: SyncMark) -> io::Result<()> {
        let state = &mut *self.lock();
        state.check_sync()?;
        while state
            .unsynced_names
            .first()
            .is_some_and(|(ordinal, _)| *ordinal <= mark.0)
        {
            let (_, change) = state.unsynced_names.remove(0);
            change.apply_to(&mut state.durable_names);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody panics with the lock held")
}

impl State {
    fn change_names(&mut self, change: NameChange) {
        change.apply_to(&mut self.names);
        self.changes += 1;
        self.unsynced_names.push((self.changes, change));
    }

    fn change_existing(&mut self, name: &str, change: NameChange) -> io::Result<()> {
        if !self.names.contains_key(name) {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.change_names(change);
        Ok(())
    }

    fn check_sync(&mut self) -> io::Result<()> {
        if std::mem::take(&mut self.fail_next_sync) {
            return Err(io::Error::other("injected: sync failed"));
        }
        Ok(())
    }

    fn check_room(&self, more_bytes: u64) -> io::Result<()> {
        let Some(capacity_bytes) = self.capacity_bytes else {
            return Ok(());
        };
        if more_bytes > 0 && self.used_bytes() + more_bytes > capacity_bytes {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn used_bytes(&self) -> u64 {
        let lengths = self.names.values();
        lengths.map(|inode| lock(inode).cached.len() as u64).sum()
    }
}

impl NameChange {
    fn apply_to(&self, names: &mut Names) {
        match self {
            Self::Create(name, inode) => {
                names.insert(name.clone(), inode.clone());
            }
            Self::Remove(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
        }
    }
}

impl Disk for MemoryDisk {
    fn open<'a>(&'a self, name: &'a str, create: bool) -> DiskFuture<'a, Arc<dyn DiskFile>> {
        Box::pin(async move {
            Turn::default().await;
            Ok(Arc::new(self.open_file(name, create)?) as Arc<dyn DiskFile>)
        })
    }

    fn list(&self) -> DiskFuture<'_, Vec<String>> {
        Box::pin(async move { Ok(self.names()) })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> DiskFuture<'a, ()> {
        Box::pin(async move {
            Turn::default().await;
            self.rename_file(from, to)
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> DiskFuture<'a, ()> {
        Box::pin(async move {
            Turn::default().await;
            self.remove_file(name)
        })
    }

    fn sync_dir(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            let mark = self.begin_sync_names();
            Turn::default().await;
            self.finish_sync_names(mark)
        })
    }

    fn path(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// Lets other tasks run once: what takes time on a real disk is where a crash can come between.
#[derive(Default)]
struct Turn(bool);

impl Future for Turn {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if std::mem::replace(&mut self.0, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}
