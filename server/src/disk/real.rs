//! A directory of the host, locked against a second process.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::Arc,
};

use bytes::Bytes;

use super::{Disk, DiskFile, DiskFuture};

/// The file whose lock says that a process uses the directory.
const LOCK_FILE: &str = "lock";

/// Only the owner may see the data.
const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;

/// Why a data directory cannot be used; each with its remedy.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Something else has the directory's name.
    #[error("data directory {0}: not a directory; give another --data-dir")]
    NotADirectory(String),
    /// The directory is missing and cannot be made.
    #[error(
        "data directory {path}: cannot be created: {source}; create it, or give another --data-dir"
    )]
    NotCreated {
        /// The directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// The process may not write in it.
    #[error(
        "data directory {path}: not writable: {source}; give this user write permission, or give another --data-dir"
    )]
    NotWritable {
        /// The directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Another process holds it.
    #[error(
        "data directory {0}: in use by another process; stop that process, or give another --data-dir"
    )]
    Locked(String),
}

/// A directory of the host. **Every operation blocks** the thread that polls it: use it on a
/// thread of your own, or through [`super::Offloaded`].
pub struct RealDisk {
    directory: PathBuf,
    /// Holds the lock for as long as the disk lives.
    _lock: File,
}

impl RealDisk {
    /// Opens the directory, creating it (mode 0700) if it is missing, and locks it until the disk
    /// is dropped. Blocks for as long as the file system takes.
    pub fn open(directory: &Path) -> Result<Self, DirectoryError> {
        let path = directory.display().to_string();
        match fs::metadata(directory) {
            Ok(found) if !found.is_dir() => return Err(DirectoryError::NotADirectory(path)),
            Ok(found) => warn_if_others_can_read(&path, found.permissions().mode()),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                return Err(DirectoryError::NotADirectory(path));
            }
            Err(_) => {
                create(directory).map_err(|source| DirectoryError::NotCreated {
                    path: path.clone(),
                    source,
                })?;
            }
        }
        let lock = open_file(&directory.join(LOCK_FILE), true).map_err(|source| {
            DirectoryError::NotWritable {
                path: path.clone(),
                source,
            }
        })?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                directory: directory.to_owned(),
                _lock: lock,
            }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::Locked(path)),
            Err(TryLockError::Error(source)) => Err(DirectoryError::NotWritable { path, source }),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        debug_assert!(!name.contains('/'), "a disk is one flat directory");
        self.directory.join(name)
    }
}

fn warn_if_others_can_read(path: &str, mode: u32) {
    let mode = mode & 0o777;
    if mode & !DIRECTORY_MODE != 0 {
        tracing::warn!("data directory {path} has mode {mode:o}: others can read it; 700 is safe");
    }
}

/// Creates the directory and makes its name durable.
fn create(directory: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(DIRECTORY_MODE)
        .create(directory)?;
    match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => File::open(".")?.sync_all(),
    }
}

fn open_file(path: &Path, create: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(create)
        .mode(FILE_MODE)
        .open(path)
}

impl Disk for RealDisk {
    fn open<'a>(&'a self, name: &'a str, create: bool) -> DiskFuture<'a, Arc<dyn DiskFile>> {
        Box::pin(async move {
            let file = open_file(&self.file(name), create)?;
            Ok(Arc::new(RealFile(file)) as Arc<dyn DiskFile>)
        })
    }

    fn list(&self) -> DiskFuture<'_, Vec<String>> {
        Box::pin(async move {
            let mut names = Vec::new();
            for entry in fs::read_dir(&self.directory)? {
                names.push(entry?.file_name().to_string_lossy().into_owned());
            }
            names.sort();
            Ok(names)
        })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> DiskFuture<'a, ()> {
        Box::pin(async move { fs::rename(self.file(from), self.file(to)) })
    }

    fn remove<'a>(&'a self, name: &'a str) -> DiskFuture<'a, ()> {
        Box::pin(async move { fs::remove_file(self.file(name)) })
    }

    fn sync_dir(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move { File::open(&self.directory)?.sync_all() })
    }

    fn path(&self, name: &str) -> String {
        self.file(name).display().to_string()
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn size_bytes(&self) -> DiskFuture<'_, u64> {
        Box::pin(async move { Ok(self.0.metadata()?.len()) })
    }

    fn read_at(&self, offset: u64, len: usize) -> DiskFuture<'_, Bytes> {
        Box::pin(async move {
            let mut data = vec![0; len];
            let mut filled = 0;
            while filled < len {
                match self.0.read_at(&mut data[filled..], offset + filled as u64) {
                    Ok(0) => break,
                    Ok(read) => filled += read,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            data.truncate(filled);
            Ok(data.into())
        })
    }

    fn write_at(&self, offset: u64, data: Bytes, sync: bool) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.0.write_all_at(&data, offset)?;
            if sync { self.0.sync_data() } else { Ok(()) }
        })
    }

    fn truncate(&self, len: u64) -> DiskFuture<'_, ()> {
        Box::pin(async move { self.0.set_len(len) })
    }
}
