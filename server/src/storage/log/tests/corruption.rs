//! Damage to the files: always noticed, never passed off as the log.

use super::*;

const FATES: &str = "refused, cut, or harmless";

/// A log of several segments that has recycled some, as it is when the process is killed.
async fn sample() -> (MemoryDisk, Model, Model) {
    let disk = disk(1);
    let process = Process::start(&disk, &small_options()).await.unwrap();
    let log = &process.log;
    for index in 0..60 {
        append(log, vec![entry(index, 1, 200)]).await.unwrap();
        if index % 8 == 7 {
            log.purge(LogPosition {
                term: 1,
                index: index - 7,
            })
            .unwrap();
            log.flush().await.unwrap();
        }
    }
    log.save_vote(Bytes::from_static(b"vote")).await.unwrap();
    process.kill().await;

    // What remains without the last batch, the vote.
    let process = Process::start(&disk, &small_options()).await.unwrap();
    let whole = process.observe().await;
    process.kill().await;
    let cut = Model {
        vote: None,
        ..whole.clone()
    };
    (disk, whole, cut)
}

fn copy(original: &MemoryDisk) -> MemoryDisk {
    let copied = disk(2);
    for name in original.names() {
        let content = original.content(&name).unwrap();
        let file = copied.open_file(&name, true).unwrap();
        file.write(0, content.into()).unwrap();
        file.finish_sync(file.begin_sync()).unwrap();
    }
    copied.finish_sync_names(copied.begin_sync_names()).unwrap();
    copied
}

#[test]
fn a_flipped_byte_is_refused_or_cut_off_but_never_believed() {
    run(async {
        let (original, whole, without_last) = sample().await;
        let (mut refused, mut cut, mut harmless) = (0, 0, 0);
        for name in original.names() {
            for offset in (0..original.content(&name).unwrap().len()).step_by(3) {
                let damaged = copy(&original);
                damaged.flip_bits(&name, offset, 1 << (offset % 8));
                let process = match Process::start(&damaged, &small_options()).await {
                    Ok(process) => process,
                    Err(StorageError::Corrupt { file, .. }) => {
                        assert_eq!(file, name);
                        refused += 1;
                        continue;
                    }
                    Err(error) => panic!("{name} byte {offset}: {error}"),
                };
                let observed = process.observe().await;
                if observed == whole {
                    harmless += 1;
                } else {
                    assert_eq!(observed, without_last, "{name} byte {offset}: {FATES}");
                    let at = process.recovered.cut.as_ref().expect("a cut is reported");
                    assert_eq!(at.file, name);
                    cut += 1;
                }
                process.kill().await;
            }
        }
        assert!(
            refused > 500 && cut > 5 && harmless > 100,
            "{refused} {cut} {harmless}: {FATES}"
        );
    });
}

#[test]
fn a_missing_segment_is_refused() {
    run(async {
        let (original, whole, _) = sample().await;
        let mut refused = 0;
        let names = original.names();
        for name in &names {
            let damaged = copy(&original);
            damaged.remove_file(name).unwrap();
            match Process::start(&damaged, &small_options()).await {
                Err(StorageError::SegmentMissing { file }) => {
                    assert_eq!(&file, name);
                    refused += 1;
                }
                Err(error) => panic!("{name}: {error}"),
                Ok(process) => {
                    assert_eq!(
                        process.observe().await,
                        whole,
                        "{name} was of no use any more"
                    );
                    process.kill().await;
                }
            }
        }
        assert!(refused >= 3, "{refused} of {}", names.len());
    });
}

#[test]
fn a_truncated_segment_is_refused() {
    run(async {
        let (original, ..) = sample().await;
        for name in &original.names() {
            for len in [0, 100, 512, 1500, 2047] {
                let damaged = copy(&original);
                let file = damaged.open_file(name, false).unwrap();
                file.set_length(len).unwrap();
                let started = Process::start(&damaged, &small_options()).await;
                let error = started.err().expect("damage").to_string();
                assert!(error.starts_with(name), "{len}: {error}");
            }
        }
    });
}

/// The last segment with batches, and where they end.
async fn segment_in_use(disk: &MemoryDisk) -> (String, u64) {
    let mut last = None;
    for name in disk.names() {
        let mut reader = segment::SegmentReader::open(disk, &name).await.unwrap();
        while let segment::Scan::Batch(found) = reader.next().await.unwrap() {
            last = Some((name.clone(), found.end));
        }
    }
    last.expect("the log has batches")
}

/// Writes the tail of a log by hand: batches of the file's former life, in all the places where
/// they would do harm.
#[test]
fn a_stale_batch_of_a_recycled_segment_never_comes_back() {
    run(async {
        let disk = disk(3);
        let options = small_options();
        let process = Process::start(&disk, &options).await.unwrap();
        let mut former = Vec::new();
        for index in 0..100 {
            append(&process.log, vec![entry(index, 1, 100)])
                .await
                .unwrap();
            if index == 3 {
                former = disk.content("log-0000000000000001").unwrap();
            }
            process.log.purge(LogPosition { term: 1, index }).unwrap();
            process.log.flush().await.unwrap();
        }
        let (name, end) = segment_in_use(&disk).await;
        let content = disk.content(&name).unwrap();
        assert!(
            content[end as usize..].windows(4).any(|at| at == b"QBAT"),
            "stale ones behind"
        );
        process.kill().await;
        let process = Process::start(&disk, &options).await.unwrap();
        let whole = process.observe().await;
        process.kill().await;
        for start in (512..former.len() - 200).step_by(8) {
            if &former[start..start + 4] != b"QBAT" {
                continue;
            }
            let damaged = copy(&disk);
            let file = damaged.open_file(&name, false).unwrap();
            file.write(end, Bytes::copy_from_slice(&former[start..start + 200]))
                .unwrap();
            let process = Process::start(&damaged, &options).await.unwrap();
            assert_eq!(process.observe().await, whole, "a batch from byte {start}");
            assert!(
                process.recovered.cut.is_some(),
                "something was there that is no batch"
            );
            process.kill().await;
        }
    });
}
