use bytes::Bytes;
use proptest::{prelude::*, test_runner::FileFailurePersistence};

use crate::{
    disk::memory::MemoryDisk,
    storage::testing::{disk, run},
};

use super::{format::CHUNK_BYTES_MAX, *};

async fn open(disk: &MemoryDisk) -> Checkpoints {
    let spawn = |_: &str, background| {
        tokio::spawn(background);
        Ok(())
    };
    Checkpoints::open_on(Arc::new(disk.clone()), Space::default(), spawn)
        .await
        .expect("checkpoints open")
}

fn at(index: u64) -> LogPosition {
    LogPosition { term: 2, index }
}

/// Content that tells which checkpoint it is of.
fn chunks(index: u64, count: usize) -> Vec<Bytes> {
    (0..count)
        .map(|chunk| Bytes::from(format!("{index}.{chunk}").repeat(150)))
        .collect()
}

async fn write(checkpoints: &Checkpoints, index: u64, count: usize) -> Checkpoint {
    let mut writer = checkpoints.create(at(index), b"members").await.unwrap();
    for chunk in chunks(index, count) {
        writer.write(chunk).await.unwrap();
    }
    writer.commit().await.unwrap().0
}

async fn content(checkpoints: &Checkpoints, checkpoint: Checkpoint) -> Vec<Bytes> {
    let mut reader = checkpoints.read(checkpoint).await.unwrap();
    assert_eq!(reader.meta().as_ref(), b"members");
    let mut chunks = Vec::new();
    while let Some(chunk) = reader.next().await.unwrap() {
        chunks.push(chunk);
    }
    assert_eq!(reader.next().await.unwrap(), None);
    chunks
}

#[test]
fn the_last_two_are_kept() {
    run(async {
        let disk = disk(1);
        let checkpoints = open(&disk).await;
        assert_eq!(
            (checkpoints.latest(), checkpoints.purgeable()),
            (None, None)
        );
        for index in [10, 20, 30] {
            write(&checkpoints, index, 3).await;
        }
        assert_eq!(disk.names().len(), 2);
        for checkpoints in [checkpoints, open(&disk).await] {
            let latest = checkpoints.latest().unwrap();
            assert_eq!(latest.position, at(30));
            assert_eq!(checkpoints.purgeable(), Some(at(20)));
            assert_eq!(content(&checkpoints, latest).await, chunks(30, 3));
        }
    });
}

#[test]
fn one_that_is_not_committed_does_not_count() {
    run(async {
        let disk = disk(1);
        let checkpoints = open(&disk).await;
        write(&checkpoints, 10, 3).await;
        let aborted = checkpoints.create(at(20), b"").await.unwrap();
        let dropped = checkpoints.create(at(20), b"").await.unwrap();
        aborted.abort().await.unwrap();
        drop(dropped);
        assert_eq!(disk.names().len(), 2);
        assert_eq!(open(&disk).await.latest().unwrap().position, at(10));
        assert_eq!(disk.names().len(), 1, "the next start cleans up");
    });
}

#[test]
fn one_that_could_not_be_written_can_be_aborted() {
    run(async {
        let disk = disk(1);
        let checkpoints = open(&disk).await;
        let mut failed = checkpoints.create(at(20), b"").await.unwrap();
        disk.fail_next_write();
        let chunk = Bytes::from(vec![0; CHUNK_BYTES_MAX]);
        failed.write(chunk).await.unwrap_err();
        failed.abort().await.unwrap();
        assert_eq!(disk.names(), [""; 0]);
    });
}

#[test]
fn one_can_be_read_while_it_is_replaced() {
    run(async {
        let disk = disk(1);
        let checkpoints = open(&disk).await;
        let old = write(&checkpoints, 10, 3).await;
        let mut reader = checkpoints.read(old).await.unwrap();
        for index in [20, 30, 40] {
            write(&checkpoints, index, 3).await;
        }
        for chunk in chunks(10, 3) {
            assert_eq!(reader.next().await.unwrap(), Some(chunk));
        }
        assert_eq!(reader.next().await.unwrap(), None);
    });
}

#[test]
fn one_that_comes_too_late_can_be_read_all_the_same() {
    run(async {
        let disk = disk(1);
        let checkpoints = open(&disk).await;
        let mut late = checkpoints.create(at(10), b"members").await.unwrap();
        late.write(chunks(10, 1).remove(0)).await.unwrap();
        for index in [20, 30] {
            write(&checkpoints, index, 3).await;
        }
        let (_, mut reader) = late.commit().await.unwrap();
        assert_eq!(disk.names().len(), 2, "the newer ones are kept");
        assert_eq!(reader.next().await.unwrap(), Some(chunks(10, 1).remove(0)));
        assert_eq!(reader.next().await.unwrap(), None);
    });
}

#[test]
fn a_large_one_is_written_and_read_in_pieces() {
    run(async {
        let disk = disk(1);
        let checkpoints = open(&disk).await;
        let chunk = Bytes::from(vec![7; 700_000]);
        let mut writer = checkpoints.create(at(10), b"").await.unwrap();
        for _ in 0..20 {
            writer.write(chunk.clone()).await.unwrap();
        }
        let (written, _) = writer.commit().await.unwrap();
        assert_eq!(written.content.bytes, 14_000_000);
        let mut reader = checkpoints.read(written).await.unwrap();
        let mut count = 0;
        while let Some(read) = reader.next().await.unwrap() {
            assert!(read == chunk);
            count += 1;
        }
        assert_eq!(count, 20);
    });
}

#[test]
fn a_damaged_one_is_noticed_and_the_older_one_taken() {
    run(async {
        let disk = disk(1);
        let checkpoints = open(&disk).await;
        let older = write(&checkpoints, 10, 2).await;
        let newer = write(&checkpoints, 20, 2).await;
        let name = checkpoint_name(newer.position);
        let len = disk.content(&name).unwrap().len();
        for offset in 0..len {
            disk.flip_bits(&name, offset, 1);
            assert_eq!(open(&disk).await.latest(), Some(older), "byte {offset}");
            disk.flip_bits(&name, offset, 1);
        }
        for len in (0..len).step_by(7) {
            let file = disk.open_file(&name, false).unwrap();
            let whole = disk.content(&name).unwrap();
            file.set_length(len as u64).unwrap();
            assert_eq!(open(&disk).await.latest(), Some(older), "cut to {len}");
            file.write(0, whole.into()).unwrap();
        }
        assert_eq!(open(&disk).await.latest(), Some(newer));
    });
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(
            "../proptest-regressions/storage_checkpoint.txt",
        ))),
        ..ProptestConfig::default()
    })]

    /// Power fails somewhere in the middle of each checkpoint: the newest one that was committed
    /// is there, whole, or one that was being committed.
    #[test]
    fn a_committed_one_survives_crashes(
        seed in any::<u64>(),
        attempts in prop::collection::vec((0..4_usize, 0..40_usize), 1..12),
    ) {
        run(async {
            let disk = disk(seed);
            let mut committed = None;
            for (place, (count, turns)) in attempts.into_iter().enumerate() {
                let checkpoints = open(&disk).await;
                let latest = checkpoints.latest();
                assert!(latest.map(|latest| latest.position.index) >= committed);
                if let Some(latest) = latest {
                    let index = latest.position.index;
                    let found = content(&checkpoints, latest).await;
                    assert_eq!(found, chunks(index, found.len()));
                    committed = Some(index);
                }
                let index = place as u64 + 1;
                let done = Arc::new(Mutex::new(false));
                let writing = tokio::spawn({
                    let done = done.clone();
                    async move {
                        write(&checkpoints, index, count).await;
                        *done.lock().unwrap() = true;
                    }
                });
                for _ in 0..turns {
                    tokio::task::yield_now().await;
                }
                if *done.lock().unwrap() {
                    committed = Some(index);
                }
                writing.abort();
                let _ = writing.await;
                disk.crash();
            }
        });
    }
}
