//! Damage to the files of a data directory: one line for the operator, with the file, the place,
//! the cause and the remedy; and where the member can go on, nothing acknowledged is lost.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::harness::{Cluster, Writers, assert_kept, eventually, run};

/// A checkpoint every so many entries.
const FLAGS: &[&str] = &[
    "--heartbeat-interval=20",
    "--election-timeout=100",
    "--snapshot-count=100",
];

const WRITES_MIN: usize = 400;

/// Newest and older.
const CHECKPOINTS_MIN: usize = 2;

const WRITE_LIMIT: Duration = Duration::from_secs(60);

const REMEDY: &str = "remove the member from the cluster, empty its data directory and add it \
                      again, or restore a backup";

const FIRST_SEGMENT: &str = "log-0000000000000001";

/// A segment's header, and the place of its first batch.
const HEADER_BYTES: u64 = 512;

/// A stopped member with what it has acknowledged, and a copy of its directory from then.
struct Stopped {
    cluster: Cluster,
    acknowledged: crate::harness::Acknowledged,
    sound: PathBuf,
}

impl Stopped {
    async fn new(directory: &Path) -> Self {
        let mut cluster = Cluster::start(directory, 1, FLAGS).await;
        let writers = Writers::start(&cluster.clients(), 8, "w/");
        eventually("writes", WRITE_LIMIT, async || {
            let checkpoints = files(&cluster.members[0].data_dir(), "checkpoint-");
            let enough = writers.count() >= WRITES_MIN && checkpoints.len() >= CHECKPOINTS_MIN;
            enough.then_some(())
        })
        .await;
        let acknowledged = writers.stop().await;
        assert!(cluster.members[0].stop().await.success());
        let sound = directory.join("sound");
        copy(&cluster.members[0].data_dir(), &sound);
        Self {
            cluster,
            acknowledged,
            sound,
        }
    }

    /// The directory as it was when the member stopped.
    fn restore(&self) -> PathBuf {
        let data_dir = self.cluster.members[0].data_dir();
        fs::remove_dir_all(&data_dir).expect("nobody uses it");
        copy(&self.sound, &data_dir);
        data_dir
    }

    /// The member does not start, and says so in a line with all of this.
    async fn assert_refused(&mut self, parts: &[&str]) {
        let line = self.cluster.members[0].is_refused().await;
        for part in parts {
            assert!(line.contains(part), "no {part:?} in: {line}");
        }
        println!("{line}");
    }

    /// The member starts with all that it has acknowledged, and has said this.
    async fn assert_starts(&mut self, parts: &[&str]) {
        let member = &mut self.cluster.members[0];
        let before = member.log().len();
        member.start();
        member.serves().await;
        let kvs = member.client().local("w/").await.expect("it serves");
        assert_kept(&self.acknowledged, &kvs, "the member");
        let log = member.log().split_off(before);
        let mut lines = log.lines();
        let line = lines.find(|line| parts.iter().all(|part| line.contains(part)));
        assert!(line.is_some(), "no line with {parts:?} in: {log}");
        println!("{}", line.unwrap_or_default());
        assert!(member.stop().await.success());
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("writable");
    for entry in fs::read_dir(from).expect("readable").flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

/// The files with names that begin so, in order.
fn files(data_dir: &Path, prefix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(data_dir).expect("readable").flatten();
    let mut files: Vec<_> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_none())
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with(prefix)
        })
        .collect();
    files.sort();
    files
}

fn open(path: &Path) -> File {
    let file = File::options().read(true).write(true).open(path);
    file.expect("it is there")
}

fn flip(path: &Path, offset: u64) {
    let file = open(path);
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).expect("readable");
    byte[0] ^= 0x10;
    file.write_all_at(&byte, offset).expect("writable");
}

fn truncate(path: &Path, len: u64) {
    open(path).set_len(len).expect("writable");
}

#[test]
fn a_damaged_identity_is_refused() {
    run(async |directory| {
        let mut stopped = Stopped::new(&directory).await;
        let cause = "/identity: corrupt at offset 0: it fails its checksum";
        flip(&stopped.restore().join("identity"), 40);
        stopped.assert_refused(&[cause, REMEDY]).await;
        truncate(&stopped.restore().join("identity"), 50);
        let cause = "/identity: corrupt at offset 0: the checksum is missing";
        stopped.assert_refused(&[cause, REMEDY]).await;
        fs::remove_file(stopped.restore().join("identity")).expect("it is there");
        let cause = "/identity: missing, though ";
        stopped
            .assert_refused(&[cause, "put the identity file back", REMEDY])
            .await;
    });
}

#[test]
fn a_damaged_log_is_refused() {
    run(async |directory| {
        let mut stopped = Stopped::new(&directory).await;
        let at = |offset: u64| format!("/{FIRST_SEGMENT}: corrupt at offset {offset}: ");
        let header = at(0) + "the segment's header fails its checksum";
        flip(&stopped.restore().join(FIRST_SEGMENT), 20);
        stopped.assert_refused(&[&header, REMEDY]).await;
        let batch = at(HEADER_BYTES) + "the batch fails its checksum";
        flip(&stopped.restore().join(FIRST_SEGMENT), HEADER_BYTES + 30);
        stopped.assert_refused(&[&batch, REMEDY]).await;
        for len in [100, 4096] {
            truncate(&stopped.restore().join(FIRST_SEGMENT), len);
            let file = format!("/{FIRST_SEGMENT}: corrupt at offset ");
            stopped
                .assert_refused(&[&file, "the file ends", REMEDY])
                .await;
        }

        fs::remove_file(stopped.restore().join(FIRST_SEGMENT)).expect("it is there");
        let missing = format!("/{FIRST_SEGMENT}: missing, and its entries are still needed");
        stopped
            .assert_refused(&[&missing, "put the file back", REMEDY])
            .await;
        // No segment at all is no new log.
        for segment in files(&stopped.restore(), "log-") {
            fs::remove_file(segment).expect("it is there");
        }
        stopped.assert_refused(&[&missing, REMEDY]).await;

        let data_dir = stopped.restore();
        fs::remove_file(data_dir.join(FIRST_SEGMENT)).expect("it is there");
        fs::create_dir(data_dir.join(FIRST_SEGMENT)).expect("writable");
        let file = format!("/{FIRST_SEGMENT}: Is a directory");
        let remedy = "check the disk and the system's log, then start again";
        stopped.assert_refused(&["open ", &file, remedy]).await;
    });
}

#[test]
fn a_torn_end_of_the_log_is_cut_off() {
    run(async |directory| {
        let mut stopped = Stopped::new(&directory).await;
        let segment = stopped.restore().join(FIRST_SEGMENT);
        // The last batch says that the log was closed; nobody has been promised anything in it.
        let content = fs::read(&segment).expect("readable");
        let batches = content.windows(4).enumerate();
        let mut batches = batches.filter(|(at, window)| at % 8 == 0 && window == b"QBAT");
        let last = batches.next_back();
        let (last, _) = last.expect("the log has batches");
        flip(&segment, last as u64 + 10);
        let cut = format!("/{FIRST_SEGMENT}: cut at offset {last}: the batch fails its checksum");
        stopped
            .assert_starts(&[&cut, "WARN", "had not been acknowledged"])
            .await;
    });
}

/// What is done to a file, and what the operator is told of it.
type Damage = (fn(&Path), &'static str);

#[test]
fn a_damaged_checkpoint_gives_way_to_the_one_before_it() {
    run(async |directory| {
        let mut stopped = Stopped::new(&directory).await;
        let damage: [Damage; 3] = [
            (|path| flip(path, 9), "the header fails its checksum"),
            (|path| flip(path, 300), "a chunk fails its checksum"),
            (|path| truncate(path, 200), "the file ends"),
        ];
        for (damage, cause) in damage {
            let checkpoints = files(&stopped.restore(), "checkpoint-");
            let newest = checkpoints.last().expect("it has written some");
            damage(newest);
            let name = newest.file_name().expect("a name").to_string_lossy();
            let place = format!("/{name}: corrupt at offset ");
            let older = "an older checkpoint will do if the log reaches back";
            stopped
                .assert_starts(&[&place, cause, REMEDY, older, "ERROR"])
                .await;
        }
    });
}
