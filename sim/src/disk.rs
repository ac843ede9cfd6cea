//! A member's disk: [`MemoryDisk`], which loses at a power failure what was not synced, with the
//! time that syncs take. It outlives the member's processes.

use std::{
    future::{self, Future},
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use madsim::time::{Instant, Sleep, TimeHandle};
use quorate_server::disk::{
    Disk, DiskFile, DiskFuture,
    memory::{Files, MemoryDisk, MemoryFile},
};

use crate::plan::{Span, Stream};

/// Where a segment's first batch is, and how it begins (`server/src/storage/FORMAT.md`).
const SEGMENT_HEADER_BYTES: u64 = 512;
const BATCH_MAGIC: &[u8] = b"QBAT";

/// One member's disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    content: MemoryDisk,
    timing: Arc<Mutex<Timing>>,
    health: Arc<Mutex<Health>>,
}

struct Timing {
    stream: Stream,
    fsync_us: Span,
    /// Faults that make it slow, by their number; the newest one counts.
    slow: Vec<(u64, Span)>,
    /// No sync ends before this time of the run.
    stalled_until: Duration,
}

struct Health {
    /// Where bits flip.
    rot: Stream,
    /// A batch of the log could not be written: the process must not go on.
    log_failed: bool,
    has_power: bool,
}

/// What has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Nothing: nothing was written.
    None,
    /// A batch of the log: the process must not go on.
    Log,
    /// Something else, which may be noticed later.
    Other,
}

/// A bit that has flipped.
pub struct Rot {
    /// The file.
    pub name: String,
    /// The byte in it.
    pub offset: usize,
    mask: u8,
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
            stalled_until: Duration::ZERO,
        };
        let health = Health {
            rot: Stream::new(seed, &format!("disk/n{member}/rot")),
            log_failed: false,
            has_power: true,
        };
        Self {
            content: MemoryDisk::new(move |below| crashes.between(0, below - 1)),
            timing: Arc::new(Mutex::new(timing)),
            health: Arc::new(Mutex::new(health)),
        }
    }

    /// Power failure: what was not synced is lost or torn. Kill the member first; what it still
    /// does at this moment waits for ever.
    pub fn crash(&self) {
        self.health().has_power = false;
        self.content.crash();
    }

    /// A process begins: the disk does what it is asked to.
    pub fn power_on(&self) {
        self.health().has_power = true;
    }

    /// Returns while there is power.
    async fn power(&self) {
        if !self.health().has_power {
            future::pending().await
        }
    }

    /// The directory is gone. Kill the member first, and crash the disk.
    pub fn take_away(&self) -> Files {
        self.content.take_away()
    }

    /// The directory is as it was when it was taken away.
    pub fn put_back(&self, files: Files) {
        self.content.put_back(files);
    }

    /// Syncs take this long until [`Self::end_slow`] is called with the same number.
    pub fn begin_slow(&self, fault: u64, fsync_us: Span) {
        self.timing().slow.push((fault, fsync_us));
    }

    /// Ends what [`Self::begin_slow`] began.
    pub fn end_slow(&self, fault: u64) {
        self.timing().slow.retain(|slow| slow.0 != fault);
    }

    /// Syncs that begin from now on do not end before this time of the run.
    pub fn stall_until(&self, time: Duration) {
        let mut timing = self.timing();
        timing.stalled_until = timing.stalled_until.max(time);
    }

    /// The next sync fails, and what it covers is never written.
    pub fn fail_next_sync(&self) {
        self.content.fail_next_sync();
    }

    /// The next write fails half-way.
    pub fn fail_next_write(&self) {
        self.content.fail_next_write();
    }

    /// Ends the time in which a failure may come; says what has.
    pub fn end_failure(&self) -> Failure {
        let log = std::mem::take(&mut self.health().log_failed);
        if self.content.fail_no_more() {
            Failure::None
        } else if log {
            Failure::Log
        } else {
            Failure::Other
        }
    }

    /// Files may grow by so many bytes together, or as they like.
    pub fn set_room_bytes(&self, room_bytes: Option<u64>) {
        let capacity = room_bytes.map(|room| self.content.used_bytes() + room);
        self.content.set_capacity_bytes(capacity);
    }

    /// Flips a bit of a checkpoint, or of a log segment that is not among the last two: damage at
    /// the log's very end looks like a write that power failed in. `None` where there is neither.
    pub fn rot(&self) -> Option<Rot> {
        let mut candidates = Vec::new();
        let mut segments = Vec::new();
        for name in self.content.names() {
            let content = self.content.content(&name)?;
            if name.starts_with("checkpoint-") && !name.ends_with(".tmp") {
                candidates.push((name, content));
            } else if name.starts_with("log-") && has_batches(&content) {
                segments.push((name, content));
            }
        }
        segments.truncate(segments.len().saturating_sub(2));
        candidates.extend(segments);
        if candidates.is_empty() {
            return None;
        }
        let stream = &mut self.health().rot;
        let (name, content) = stream.pick(&candidates);
        let used = content.iter().rposition(|byte| *byte != 0)?;
        let rot = Rot {
            name,
            offset: stream.between(0, used as u64) as usize,
            mask: 1 << stream.between(0, 7),
        };
        self.flip(&rot);
        Some(rot)
    }

    /// Flips a bit, or flips it back.
    pub fn flip(&self, rot: &Rot) {
        self.content.flip_bits(&rot.name, rot.offset, rot.mask);
    }

    fn health(&self) -> MutexGuard<'_, Health> {
        self.health
            .lock()
            .expect("nobody panics with this lock held")
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
        let time = Duration::from_micros(timing.stream.within(span));
        let stalled = timing
            .stalled_until
            .saturating_sub(TimeHandle::current().elapsed());
        Pause::new(time.max(stalled))
    }
}

impl Disk for SimDisk {
    fn open<'a>(&'a self, name: &'a str, create: bool) -> DiskFuture<'a, Arc<dyn DiskFile>> {
        Box::pin(async move {
            self.power().await;
            let file = self.content.open_file(name, create)?;
            let disk = self.clone();
            let is_log = name.starts_with("log-");
            Ok(Arc::new(SimFile { file, disk, is_log }) as Arc<dyn DiskFile>)
        })
    }

    fn list(&self) -> DiskFuture<'_, Vec<String>> {
        Box::pin(async move {
            self.power().await;
            self.content.list().await
        })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> DiskFuture<'a, ()> {
        Box::pin(async move {
            self.power().await;
            self.content.rename(from, to).await
        })
    }

    fn remove<'a>(&'a self, name: &'a str) -> DiskFuture<'a, ()> {
        Box::pin(async move {
            self.power().await;
            self.content.remove(name).await
        })
    }

    fn sync_dir(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.power().await;
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
    is_log: bool,
}

impl SimFile {
    async fn write(&self, offset: u64, data: Bytes, sync: bool) -> io::Result<()> {
        self.disk.power().await;
        if !data.is_empty() {
            self.file.write(offset, data)?;
        }
        if sync {
            let mark = self.file.begin_sync();
            self.disk.sync_time().await;
            self.file.finish_sync(mark)?;
        }
        Ok(())
    }
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
            let written = self.write(offset, data, sync).await;
            let failed = written
                .as_ref()
                .is_err_and(|error| error.kind() != io::ErrorKind::StorageFull);
            // Batches stand behind the segment's header.
            if failed && sync && self.is_log && offset >= SEGMENT_HEADER_BYTES {
                self.disk.health().log_failed = true;
            }
            written
        })
    }

    fn truncate(&self, len: u64) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            self.disk.power().await;
            self.file.truncate(len).await
        })
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

fn has_batches(segment: &[u8]) -> bool {
    let batches = segment.get(SEGMENT_HEADER_BYTES as usize..);
    batches.is_some_and(|batches| batches.starts_with(BATCH_MAGIC))
}
