//! Storage as a whole, on a real directory with real threads, and the data directory's own rules.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use bytes::Bytes;
use tokio::sync::oneshot;

use crate::disk::{DirectoryError, RealDisk};

use super::{testing::run, *};

/// A directory of the system's temporary one, removed in the end.
struct Place(PathBuf);

impl Place {
    fn new(test: &str) -> Self {
        let name = format!("quorate-storage-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    async fn open(&self) -> Storage {
        let disk = Arc::new(RealDisk::open(&self.0).expect("the directory can be used"));
        let directory = Directory::claim(disk, &owner(), 7).await.expect("ours");
        directory
            .open(options(), on_fatal())
            .await
            .expect("storage opens")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn owner() -> Owner {
    Owner {
        member_id: 1,
        cluster_id: 2,
        name: "infra1".to_owned(),
    }
}

fn options() -> LogOptions {
    LogOptions {
        segment_bytes: 64 * 1024,
        cache_bytes_max: 10_000,
        ..LogOptions::new(5)
    }
}

fn on_fatal() -> OnFatal {
    Arc::new(|error| panic!("{error}"))
}

async fn append(log: &Log, first: u64, count: u64) {
    let entry = |index| LogEntry {
        index,
        term: 1,
        payload: Bytes::from(vec![index as u8; 1000]),
    };
    let (done, answer) = oneshot::channel();
    let done = Box::new(move |result| done.send(result).expect("the test waits"));
    log.append((first..first + count).map(entry).collect(), done)
        .await
        .unwrap();
    answer.await.unwrap().unwrap();
}

/// Stops as a process does: only when nothing uses the directory can it be opened again.
async fn stop(storage: Storage, directory: &Place) {
    storage.log.close().await.unwrap();
    drop(storage);
    let locked = || matches!(RealDisk::open(&directory.0), Err(DirectoryError::Locked(_)));
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while locked() && std::time::Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
}

#[test]
fn a_real_directory_keeps_log_and_checkpoints() {
    let directory = Place::new("keeps");
    run(async {
        let storage = directory.open().await;
        let log = &storage.log;
        log.save_vote(Bytes::from_static(b"vote")).await.unwrap();
        for first in (0..300).step_by(10) {
            append(log, first, 10).await;
        }
        let position = LogPosition {
            term: 1,
            index: 199,
        };
        let mut writer = storage.checkpoints.create(position, b"meta").await.unwrap();
        writer.write(Bytes::from_static(b"state")).await.unwrap();
        writer.commit().await.unwrap();
        log.purge(storage.checkpoints.purgeable().unwrap()).unwrap();
        log.save_committed(LogPosition {
            term: 1,
            index: 290,
        });
        append(log, 300, 1).await;
        let old = log.read(200..301, usize::MAX).await.unwrap();
        assert_eq!(old.len(), 101, "old entries come from disk");
        stop(storage, &directory).await;

        let storage = directory.open().await;
        let at = |index| Some(LogPosition { term: 1, index });
        let recovered = &storage.recovered;
        assert_eq!(recovered.vote.as_deref(), Some(b"vote".as_slice()));
        assert_eq!((recovered.purged, recovered.committed), (at(199), at(290)));
        assert_eq!((recovered.last, &recovered.cut), (at(300), &None));
        assert_eq!(storage.log.read(0..999, usize::MAX).await.unwrap(), old);
        let latest = storage.checkpoints.latest().unwrap();
        let mut reader = storage.checkpoints.read(latest).await.unwrap();
        assert_eq!(
            reader.next().await.unwrap().as_deref(),
            Some(b"state".as_slice())
        );
        assert_eq!(reader.next().await.unwrap(), None);
        stop(storage, &directory).await;
    });
}

#[test]
fn a_directory_is_private_and_has_one_user() {
    let directory = Place::new("private");
    let disk = RealDisk::open(&directory.0).unwrap();
    let mode = fs::metadata(&directory.0).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let error = RealDisk::open(&directory.0)
        .err()
        .expect("it is locked")
        .to_string();
    assert!(error.contains("in use by another process"), "{error}");
    drop(disk);
    RealDisk::open(&directory.0).expect("it is free again");

    let file = directory.0.join("file");
    fs::write(&file, "").unwrap();
    for not_a_directory in [file.clone(), file.join("below")] {
        let error = RealDisk::open(&not_a_directory)
            .err()
            .expect("not a directory");
        assert!(matches!(error, DirectoryError::NotADirectory(_)), "{error}");
    }
}

#[test]
fn a_member_without_its_log_is_not_taken_for_a_new_one() {
    let directory = Place::new("lost-log");
    run(async {
        let storage = directory.open().await;
        stop(storage, &directory).await;
        let segments = fs::read_dir(&directory.0).unwrap().flatten();
        for file in segments.filter(|file| file.file_name().to_string_lossy().starts_with("log-")) {
            fs::remove_file(file.path()).unwrap();
        }
        let disk = Arc::new(RealDisk::open(&directory.0).unwrap());
        let claimed = Directory::claim(disk, &owner(), 8).await.unwrap();
        assert_eq!(
            (claimed.identity().instance, claimed.identity().is_member),
            (7, true)
        );
        let opened = claimed.open(options(), on_fatal()).await;
        let error = opened.err().expect("its log is gone").to_string();
        assert!(error.contains("log-0000000000000001: missing"), "{error}");
    });
}

#[test]
fn etcd_data_is_not_taken_over() {
    let directory = Place::new("etcd");
    fs::create_dir_all(directory.0.join("member/wal")).unwrap();
    run(async {
        let disk = Arc::new(RealDisk::open(&directory.0).unwrap());
        let claimed = Directory::claim(disk, &owner(), 7).await;
        let error = claimed.err().expect("etcd's directory").to_string();
        assert!(
            error.contains("imported") && error.contains("member"),
            "{error}"
        );
    });
}

#[test]
fn a_log_that_does_not_reach_back_to_the_checkpoint_is_refused() {
    let at = |index| LogPosition { term: 1, index };
    let checkpoint = |index| {
        Some(Checkpoint {
            position: at(index),
            content: Extent::default(),
        })
    };
    assert!(check_no_gap(None, None).is_ok());
    assert!(check_no_gap(checkpoint(5), None).is_ok());
    assert!(check_no_gap(checkpoint(5), Some(at(5))).is_ok());
    assert!(check_no_gap(None, Some(at(0))).is_err());
    let error = check_no_gap(checkpoint(4), Some(at(5)))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("behind index 5") && error.contains("at index 4"),
        "{error}"
    );
}
