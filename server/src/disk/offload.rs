//! A disk whose operations run one after the other on a thread of their own.

use std::{future::Future, io, pin::Pin, sync::Arc};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::{Disk, DiskFile, DiskFuture};

/// Most operations that wait for the thread; further callers wait for room.
const OPERATIONS_WAITING_MAX: usize = 64;

type Operation = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Wraps a disk that blocks, for callers on a runtime thread. An operation whose caller stops
/// waiting still runs. The thread ends when the wrapper and its files are dropped.
#[derive(Clone)]
pub struct Offloaded {
    disk: Arc<dyn Disk>,
    operations: mpsc::Sender<Operation>,
}

impl Offloaded {
    /// The wrapper, and what its thread has to run (see [`crate::runtime::dedicated`]).
    pub fn new(disk: Arc<dyn Disk>) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let (operations, mut waiting) = mpsc::channel::<Operation>(OPERATIONS_WAITING_MAX);
        let run = async move {
            while let Some(operation) = waiting.recv().await {
                operation.await;
            }
        };
        (Self { disk, operations }, run)
    }
}

async fn run<T: Send + 'static>(
    operations: &mpsc::Sender<Operation>,
    operation: impl Future<Output = io::Result<T>> + Send + 'static,
) -> io::Result<T> {
    let (reply, answer) = oneshot::channel();
    let operation = Box::pin(async move {
        // Nobody may be waiting any more; the operation counts all the same.
        let _ = reply.send(operation.await);
    });
    let stopped = || io::Error::other("the disk's thread has stopped");
    operations.send(operation).await.map_err(|_| stopped())?;
    answer.await.map_err(|_| stopped())?
}

impl Disk for Offloaded {
    fn open<'a>(&'a self, name: &'a str, create: bool) -> DiskFuture<'a, Arc<dyn DiskFile>> {
        let (disk, name) = (self.disk.clone(), name.to_owned());
        Box::pin(async move {
            let open = async move { disk.open(&name, create).await };
            let file = run(&self.operations, open).await?;
            let operations = self.operations.clone();
            Ok(Arc::new(OffloadedFile { file, operations }) as Arc<dyn DiskFile>)
        })
    }

    fn list(&self) -> DiskFuture<'_, Vec<String>> {
        let disk = self.disk.clone();
        Box::pin(run(&self.operations, async move { disk.list().await }))
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> DiskFuture<'a, ()> {
        let (disk, from, to) = (self.disk.clone(), from.to_owned(), to.to_owned());
        Box::pin(run(&self.operations, async move {
            disk.rename(&from, &to).await
        }))
    }

    fn remove<'a>(&'a self, name: &'a str) -> DiskFuture<'a, ()> {
        let (disk, name) = (self.disk.clone(), name.to_owned());
        Box::pin(run(
            &self.operations,
            async move { disk.remove(&name).await },
        ))
    }

    fn sync_dir(&self) -> DiskFuture<'_, ()> {
        let disk = self.disk.clone();
        Box::pin(run(&self.operations, async move { disk.sync_dir().await }))
    }

    fn path(&self, name: &str) -> String {
        self.disk.path(name)
    }
}

struct OffloadedFile {
    file: Arc<dyn DiskFile>,
    operations: mpsc::Sender<Operation>,
}

impl DiskFile for OffloadedFile {
    fn size_bytes(&self) -> DiskFuture<'_, u64> {
        let file = self.file.clone();
        Box::pin(run(
            &self.operations,
            async move { file.size_bytes().await },
        ))
    }

    fn read_at(&self, offset: u64, len: usize) -> DiskFuture<'_, Bytes> {
        let file = self.file.clone();
        Box::pin(run(&self.operations, async move {
            file.read_at(offset, len).await
        }))
    }

    fn write_at(&self, offset: u64, data: Bytes, sync: bool) -> DiskFuture<'_, ()> {
        let file = self.file.clone();
        Box::pin(run(&self.operations, async move {
            file.write_at(offset, data, sync).await
        }))
    }

    fn truncate(&self, len: u64) -> DiskFuture<'_, ()> {
        let file = self.file.clone();
        Box::pin(run(
            &self.operations,
            async move { file.truncate(len).await },
        ))
    }
}
