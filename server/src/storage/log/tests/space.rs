//! A full disk is no failure: what is acknowledged is kept, what is not waits for room.

use super::*;

/// Three segments: the one in use, the next one, and the reserve.
const SEGMENTS_BYTES: u64 = 3 * 2048;

/// Bytes of a batch in these tests, more or less.
const ENTRY_BYTES: usize = 300;

/// More turns than the log's tasks need for anything that they can do.
const TURNS: usize = 1000;

async fn turns() {
    for _ in 0..TURNS {
        tokio::task::yield_now().await;
    }
}

/// Appends until there is no space for a further segment; the number of entries.
async fn fill(process: &Process) -> u64 {
    let mut index = 0;
    while !process.space.is_out() {
        append(&process.log, vec![entry(index, 1, ENTRY_BYTES)])
            .await
            .unwrap();
        index += 1;
        turns().await;
    }
    index
}

#[test]
fn the_reserve_is_there_when_the_disk_is_full_and_appends_wait_behind_it() {
    run(async {
        let disk = disk(1);
        disk.set_capacity_bytes(Some(SEGMENTS_BYTES + 1000));
        let process = Process::start(&disk, &small_options()).await.unwrap();
        let first = fill(&process).await;
        let mut index = first;
        let log = process.log.clone();
        let waits = loop {
            let entries = vec![entry(index, 1, ENTRY_BYTES)];
            let log = log.clone();
            let appended = tokio::spawn(async move { append(&log, entries).await });
            turns().await;
            if !appended.is_finished() {
                break appended;
            }
            appended.await.unwrap().unwrap();
            index += 1;
        };
        let reserve_bytes = (index - first) as usize * ENTRY_BYTES;
        assert!(reserve_bytes >= 1500, "a segment's worth: {reserve_bytes}");
        assert_eq!(process.fatal_errors.load(Ordering::Relaxed), 0);
        let names = disk.names();
        assert!(
            !names.iter().any(|name| name.ends_with(".new")),
            "{names:?}"
        );
        let read = log.read(0..index + 1, usize::MAX).await.unwrap();
        assert_eq!(read.len() as u64, index + 1, "reads go on");

        disk.set_capacity_bytes(None);
        waits.await.unwrap().expect("there is room");
        while process.space.is_out() {
            tokio::task::yield_now().await;
        }
        append(&log, vec![entry(index + 1, 1, ENTRY_BYTES)])
            .await
            .unwrap();
        process.kill().await;
        let process = Process::start(&disk, &small_options()).await.unwrap();
        assert_eq!(process.observe().await.next_index(), index + 2);
    });
}

#[test]
fn a_stop_on_a_full_disk_loses_nothing() {
    run(async {
        let disk = disk(1);
        disk.set_capacity_bytes(Some(SEGMENTS_BYTES + 1000));
        let process = Process::start(&disk, &small_options()).await.unwrap();
        let count = fill(&process).await;
        process.kill().await;
        disk.crash();
        let process = Process::start(&disk, &small_options()).await.unwrap();
        assert_eq!(process.observe().await.next_index(), count);
        append(&process.log, vec![entry(count, 1, ENTRY_BYTES)])
            .await
            .expect("the reserve is still there");
    });
}

#[test]
fn a_purge_makes_room() {
    run(async {
        let disk = disk(1);
        disk.set_capacity_bytes(Some(SEGMENTS_BYTES + 1000));
        let process = Process::start(&disk, &small_options()).await.unwrap();
        let count = fill(&process).await;
        let last = LogPosition {
            term: 1,
            index: count - 1,
        };
        process.log.purge(last).unwrap();
        process.log.flush().await.unwrap();
        while process.space.is_out() {
            tokio::task::yield_now().await;
        }
        for index in count..3 * count {
            append(&process.log, vec![entry(index, 1, ENTRY_BYTES)])
                .await
                .unwrap();
            process.log.purge(LogPosition { term: 1, index }).unwrap();
        }
    });
}

#[test]
fn a_batch_that_is_longer_than_a_segment_waits_for_room() {
    run(async {
        let disk = disk(1);
        disk.set_capacity_bytes(Some(SEGMENTS_BYTES + 1000));
        let process = Process::start(&disk, &small_options()).await.unwrap();
        turns().await;
        let log = process.log.clone();
        let appended = tokio::spawn(async move { append(&log, vec![entry(0, 1, 5000)]).await });
        turns().await;
        assert!(process.space.is_out() && !appended.is_finished());
        disk.set_capacity_bytes(None);
        appended.await.unwrap().expect("there is room");
        while process.space.is_out() {
            tokio::task::yield_now().await;
        }
        process.kill().await;
        disk.crash();
        let process = Process::start(&disk, &small_options()).await.unwrap();
        assert_eq!(process.observe().await.next_index(), 1);
    });
}
