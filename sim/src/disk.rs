//! The simulated disk: [`MemoryDisk`], which forgets at a crash what was not synced, with the time
//! that operations take and the faults that come by chance.
//!
//! It lives outside the simulated node, so that it survives the node's end: kill the node, call
//! [`SimDisk::crash`] if the power failed too, and start the node on a clone. A node that is killed
//! while a sync is under way has written, but not synced.
//!
//! Every choice comes from the random stream given at construction.

use std::{
    ops::RangeInclusive,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use bytes::Bytes;
use quorate_server::{
    clock,
    disk::{
        Disk, DiskFile, DiskFuture,
        memory::{MemoryDisk, MemoryFile},
    },
};
use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// How long a sync takes if nothing else is set, µs: a good disk of today.
const SYNC_US: RangeInclusive<u64> = 100..=2_000;

/// What befalls a disk; can be changed at any time.
#[derive(Clone, Debug)]
pub struct DiskFaults {
    /// How long a sync of a file or of the directory takes, µs.
    pub sync_us: RangeInclusive<u64>,
    /// How many of a thousand syncs fail. What a failed sync covered is never written.
    pub sync_failures_per_mille: u64,
    /// Most bytes of all files together; beyond it writes fail as on a full disk.
    pub capacity_bytes: Option<u64>,
}

impl Default for DiskFaults {
    fn default() -> Self {
        Self {
            sync_us: SYNC_US,
            sync_failures_per_mille: 0,
            capacity_bytes: None,
        }
    }
}

/// A node's disk; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk {
    memory: MemoryDisk,
    chance: Arc<Mutex<Chance>>,
}

struct Chance {
    stream: ChaCha8Rng,
    faults: DiskFaults,
}

impl SimDisk {
    /// An empty disk.
    pub fn new(mut stream: ChaCha8Rng) -> Self {
        // Crashes have a stream of their own: how many syncs came before does not change them.
        let mut crashes = ChaCha8Rng::from_rng(&mut stream);
        let memory = MemoryDisk::new(move |below| crashes.next_u64() % below);
        let chance = Chance {
            stream,
            faults: DiskFaults::default(),
        };
        Self {
            memory,
            chance: Arc::new(Mutex::new(chance)),
        }
    }

    /// Power failure: names and bytes that were not synced are lost, kept or torn. The node must
    /// have been killed; its open files are dead.
    pub fn crash(&self) {
        self.memory.crash();
    }

    /// Sets what befalls the disk from now on.
    pub fn set_faults(&self, faults: DiskFaults) {
        self.memory.set_capacity_bytes(faults.capacity_bytes);
        self.chance().faults = faults;
    }

    /// Bit rot in one byte; `false` where the file has no such byte.
    pub fn flip_bits(&self, name: &str, offset: usize, mask: u8) -> bool {
        self.memory.flip_bits(name, offset, mask)
    }

    /// The files there are, sorted.
    pub fn names(&self) -> Vec<String> {
        self.memory.names()
    }

    /// What reads of a file see, or `None` where there is no such file.
    pub fn content(&self, name: &str) -> Option<Vec<u8>> {
        self.memory.content(name)
    }

    /// Takes the time of a sync, and arranges for it to fail if it is to.
    async fn sync(&self) {
        let (us, fails) = {
            let Chance { stream, faults } = &mut *self.chance();
            let (from, to) = (*faults.sync_us.start(), *faults.sync_us.end());
            let us = from + stream.next_u64() % (to.saturating_sub(from) + 1);
            (
                us,
                stream.next_u64() % 1000 < faults.sync_failures_per_mille,
            )
        };
        clock::sleep(Duration::from_micros(us)).await;
        if fails {
            self.memory.fail_next_sync();
        }
    }

    fn chance(&self) -> MutexGuard<'_, Chance> {
        self.chance
            .lock()
            .expect("nobody panics with the lock held")
    }
}

impl Disk for SimDisk {
    fn open<'a>(&'a self, name: &'a str, create: bool) -> DiskFuture<'a, Arc<dyn DiskFile>> {
        Box::pin(async move {
            let file = self.memory.open_file(name, create)?;
            Ok(Arc::new(SimFile {
                disk: self.clone(),
                file,
            }) as Arc<dyn DiskFile>)
        })
    }

    fn list(&self) -> DiskFuture<'_, Vec<String>> {
        Box::pin(async move { Ok(self.memory.names()) })
    }

    fn rename<'a>(&'a self, from: &'a str, to: &'a str) -> DiskFuture<'a, ()> {
        Box::pin(async move { self.memory.rename_file(from, to) })
    }

    fn remove<'a>(&'a self, name: &'a str) -> DiskFuture<'a, ()> {
        Box::pin(async move { self.memory.remove_file(name) })
    }

    fn sync_dir(&self) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            let mark = self.memory.begin_sync_names();
            self.sync().await;
            self.memory.finish_sync_names(mark)
        })
    }

    fn path(&self, name: &str) -> String {
        name.to_owned()
    }
}

struct SimFile {
    disk: SimDisk,
    file: MemoryFile,
}

impl DiskFile for SimFile {
    fn size_bytes(&self) -> DiskFuture<'_, u64> {
        Box::pin(async move { self.file.length() })
    }

    fn read_at(&self, offset: u64, len: usize) -> DiskFuture<'_, Bytes> {
        Box::pin(async move { self.file.read(offset, len) })
    }

    fn write_at(&self, offset: u64, data: Bytes, sync: bool) -> DiskFuture<'_, ()> {
        Box::pin(async move {
            if !data.is_empty() {
                self.file.write(offset, data)?;
            }
            if !sync {
                return Ok(());
            }
            let mark = self.file.begin_sync();
            self.disk.sync().await;
            self.file.finish_sync(mark)
        })
    }

    fn truncate(&self, len: u64) -> DiskFuture<'_, ()> {
        Box::pin(async move { self.file.set_length(len) })
    }
}

#[cfg(test)]
#[cfg(not(madsim))]
mod tests {
    use super::*;

    fn disk(seed: u64) -> SimDisk {
        let disk = SimDisk::new(ChaCha8Rng::seed_from_u64(seed));
        disk.set_faults(DiskFaults {
            sync_us: 0..=0,
            ..DiskFaults::default()
        });
        disk
    }

    fn run<T>(test: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime
            .enable_time()
            .build()
            .expect("a runtime")
            .block_on(test)
    }

    #[test]
    fn what_is_synced_survives_and_the_rest_may_not() {
        run(async {
            let mut fates = std::collections::BTreeSet::new();
            for seed in 0..100 {
                let disk = disk(seed);
                let file = disk.open("a", true).await.unwrap();
                file.write_at(0, Bytes::from(vec![1; 1024]), true)
                    .await
                    .unwrap();
                disk.sync_dir().await.unwrap();
                file.write_at(512, Bytes::from(vec![2; 1024]), false)
                    .await
                    .unwrap();
                let _unsynced = disk.open("b", true).await.unwrap();
                disk.crash();
                assert!(file.size_bytes().await.is_err(), "the handle is dead");
                let content = disk.content("a").expect("the name was synced");
                assert_eq!(content[..512], [1; 512]);
                let middle = content[512];
                assert!(
                    content[512..1024].iter().all(|byte| *byte == middle),
                    "sectors are whole"
                );
                fates.insert((middle, content.len(), disk.names().len()));
            }
            let torn = |fate: &&(u8, usize, usize)| fate.0 == 1 && fate.1 == 1536;
            assert!(fates.iter().any(|fate| torn(&fate)), "{fates:?}");
            assert!(fates.len() > 5, "{fates:?}");
        });
    }

    #[test]
    fn a_failed_sync_is_not_made_good_by_the_next_one() {
        run(async {
            let disk = disk(1);
            let file = disk.open("a", true).await.unwrap();
            disk.sync_dir().await.unwrap();
            let failing = DiskFaults {
                sync_us: 0..=0,
                sync_failures_per_mille: 1000,
                ..DiskFaults::default()
            };
            disk.set_faults(failing);
            assert!(
                file.write_at(0, Bytes::from_static(b"x"), true)
                    .await
                    .is_err()
            );
            disk.set_faults(DiskFaults {
                sync_us: 0..=0,
                ..DiskFaults::default()
            });
            file.write_at(0, Bytes::new(), true).await.unwrap();
            assert_eq!(file.read_at(0, 9).await.unwrap(), "x", "the cache has it");
            disk.crash();
            assert_eq!(disk.content("a"), Some(Vec::new()), "the disk has not");
        });
    }

    #[test]
    fn a_full_disk_refuses_to_grow_and_takes_what_overwrites() {
        run(async {
            let disk = disk(1);
            let file = disk.open("a", true).await.unwrap();
            file.write_at(0, Bytes::from(vec![1; 100]), false)
                .await
                .unwrap();
            disk.set_faults(DiskFaults {
                capacity_bytes: Some(100),
                ..DiskFaults::default()
            });
            let grow = file.write_at(50, Bytes::from(vec![2; 51]), false).await;
            assert_eq!(grow.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
            file.write_at(50, Bytes::from(vec![2; 50]), false)
                .await
                .unwrap();
        });
    }
}

#[cfg(test)]
#[cfg(madsim)]
mod tests_with_storage {
    use madsim::runtime::{Handle, Runtime};
    use quorate_server::storage::{Identity, LogEntry, LogOptions, Storage};
    use rand_chacha::rand_core::SeedableRng;
    use tokio::sync::{mpsc, oneshot};

    use super::*;

    const ENTRIES: u64 = 200;

    /// A node's life: appends until it is ended, telling which entries are durable.
    async fn append_for_ever(disk: SimDisk, durable: mpsc::UnboundedSender<u64>) {
        let identity = Identity {
            member_id: 1,
            cluster_id: 2,
            name: "n1".to_owned(),
        };
        let options = LogOptions {
            segment_bytes: 4096,
            ..LogOptions::new(3)
        };
        let disk = Arc::new(disk);
        let on_fatal = Arc::new(|error: &_| panic!("{error}"));
        let storage = Storage::open(disk, &identity, options, on_fatal)
            .await
            .unwrap();
        let first = storage.recovered.last.map_or(0, |last| last.index + 1);
        let all = storage.log.read(0..first, usize::MAX).await.unwrap();
        assert_eq!(all.len() as u64, first, "what was recovered can be read");
        durable.send(first).unwrap();
        for index in first.. {
            let payload = Bytes::from(vec![index as u8; 300]);
            let (done, answer) = oneshot::channel();
            let done = Box::new(move |result| {
                let _ = done.send(result);
            });
            let entries = vec![LogEntry {
                index,
                term: 1,
                payload,
            }];
            storage.log.append(entries, done).await.unwrap();
            answer.await.unwrap().unwrap();
            durable.send(index + 1).unwrap();
        }
    }

    #[test]
    fn a_node_loses_nothing_acknowledged() {
        for seed in 0..5 {
            Runtime::with_seed_and_config(seed, Default::default()).block_on(async move {
                let disk = SimDisk::new(ChaCha8Rng::seed_from_u64(seed));
                let mut acknowledged = 0;
                while acknowledged < ENTRIES {
                    let (durable, mut told) = mpsc::unbounded_channel();
                    let node = Handle::current().create_node().name("n1").build();
                    node.spawn(append_for_ever(disk.clone(), durable));
                    let recovered = told.recv().await.expect("the node starts");
                    assert!(recovered >= acknowledged, "{recovered} of {acknowledged}");
                    madsim::time::sleep(Duration::from_millis(10 + seed * 13)).await;
                    Handle::current().kill(node.id());
                    disk.crash();
                    acknowledged = recovered;
                    while let Ok(count) = told.try_recv() {
                        acknowledged = count;
                    }
                }
            });
        }
    }
}
