//! A member's disk: [`MemoryDisk`], which loses at a power failure what was not synced, with the
//! time that syncs take. It outlives the member's processes.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use madsim::time::{Instant, Sleep, TimeHandle};
use quorate_server::disk::{
    Disk, DiskFile, DiskFuture,
    memory::{MemoryDisk, MemoryFile},
};

use crate::plan::{Span, Stream};

/// One member's disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    content: MemoryDisk,
    timing: Arc<Mutex<Timing>>,
}

struct Timing {
    stream: Stream,
    fsync_us: Span,
    /// Faults that make it slow, by their number; the newest one counts.
    slow: Vec<(u64, Span)>,
}

impl SimDisk {
    /// An empty disk for member `member` in the run of `seed`, whose syncs take `fsync_us`
    /// microseconds.
    pub fn new(seed: u64, member: u64, fsync_us: Span) -> Self {
        let mut crashes = Stream::new(seed, &format!("disk/n{member}/crashes"));
        let timing = Timing {
            stream: Stream::new(seed, &format!("disk/n{member}/latencies")),
            fsync_us,
            slow: Vec::new(),
        };
        Self {
            content: MemoryDisk::new(move |below| crashes.between(0, below - 1)),
            timing: Arc::new(Mutex::new(timing)),
        }
    }

    /// Power failure: what was not synced is lost or torn. Kill the member first.
    pub fn crash(&self) {
        self.content.crash();
    }

    /// Syncs take this long until [`Self::end_slow`] is called with the same number.
    pub fn begin_slow(&self, fault: u64, fsync_us: Span) {
        self.timing().slow.push((fault, fsync_us));
    }

    /// Ends what [`Self::begin_slow`] began.
    pub fn end_slow(&self, fault: u64) {
        self.timing().slow.retain(|slow| slow.0 != fault);
    }

    fn timing(&self) -> MutexGuard<'_, Timing> {
        self.timing
            .lock()
            .expect("nobody panics with this lock held")
    }

    /// Takes as long as a sync.
    fn sync_time(&self) -> Pause {
        let mut timing = self.timing();
        let span = timing.slow.last().map_or(timing.fsync_us, |slow| slow.1);
        Pause::new(Duration::from_micros(timing.stream.within(span)))
    }
}

impl Disk for SimDisk {
    fn open<'a>(&'a self, name: &'a str, create: bool) -> DiskFuture<'a, Arc<dyn DiskFile>> {
        Box::pin(async move {
            let file = self.content.open_file(name, create)?;
            let disk = self.clone();
            Ok(Arc::new(SimFile { file, disk }) as Arc<dyn DiskFile>)
        })
    }

    fn list(&self) -> DiskFuture<'_, Vec<String>> {
        self.content.list()
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> DiskFuture<'a, ()> {
        self.content.rename(from, to)
    }

    fn remove<'a>(&'a self, name: &'a str) -> DiskFuture<'a, ()> {
        self.content.remove(name)
    }

    fn sync_dir(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            let mark = self.content.begin_sync_names();
            self.sync_time().await;
            self.content.finish_sync_names(mark)
        })
    }

    fn path(&self, name: &str) -> String {
        name.to_owned()
    }
}

struct SimFile {
    file: MemoryFile,
    disk: SimDisk,
}

impl DiskFile for SimFile {
    fn size_bytes(&self) -> DiskFuture<'_, u64> {
        self.file.size_bytes()
    }

    fn read_at(&self, offset: u64, len: usize) -> DiskFuture<'_, Bytes> {
        self.file.read_at(offset, len)
    }

    fn write_at(&self, offset: u64, data: Bytes, sync: bool) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            if !data.is_empty() {
                self.file.write(offset, data)?;
            }
            if sync {
                let mark = self.file.begin_sync();
                self.disk.sync_time().await;
                self.file.finish_sync(mark)?;
            }
            Ok(())
        })
    }

    fn truncate(&self, len: u64) -> DiskFuture<'_, ()> {
        self.file.truncate(len)
    }
}

/// A pause to the microsecond: madsim's own sleeps take at least a millisecond, which is longer
/// than a good disk's sync.
struct Pause {
    duration: Duration,
    sleep: Option<Sleep>,
}

impl Pause {
    fn new(duration: Duration) -> Self {
        Self {
            duration,
            sleep: None,
        }
    }
}

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let duration = self.duration;
        let sleep = self.sleep.get_or_insert_with(|| {
            let time = TimeHandle::current();
            let deadline: Instant = time.now_instant() + duration;
            let mut sleep = time.sleep(duration);
            Pin::new(&mut sleep).reset(deadline);
            sleep
        });
        Pin::new(sleep).poll(cx)
    }
}
