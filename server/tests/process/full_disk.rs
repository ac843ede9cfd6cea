//! A full file system, for which a small one in memory is mounted: whoever may not do that sees
//! that the tests were skipped.

use std::{
    collections::BTreeMap, fs, io::Write as _, path::Path, process::Command, time::Duration,
};

use quorate_server::proto::etcdserverpb::{
    AlarmType, CompactionRequest, DeleteRangeRequest, LeaseRevokeRequest,
};
use tonic::Code;

use crate::harness::{Client, Cluster, eventually, lease_id, run};

/// The log of a new member: three segments of 16 MiB.
const LOG_MIB: u32 = 48;

/// Bytes of a value, so that some dozens fill a segment.
const VALUE_BYTES: usize = 512 * 1024;

/// More puts than any of these file systems has room for.
const PUTS_MAX: usize = 300;

const FAST: &[&str] = &["--heartbeat-interval=20", "--election-timeout=100"];

const LIMIT: Duration = Duration::from_secs(60);

const REFUSED: &str = "etcdserver: mvcc: database space exceeded";

/// A file system in memory, until it is dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    /// `None`, with a line for the reader, where it cannot be mounted.
    fn new(place: &'a Path, mib: u32) -> Option<Self> {
        fs::create_dir_all(place).expect("writable");
        let done = mount(
            &["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"],
            place,
        );
        if !done {
            // Past the capture of the test's output: it is to be seen.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: a full file system: this user may not mount a small one"
            );
        }
        done.then_some(Self(place))
    }

    fn resize(&self, mib: u32) {
        assert!(mount(&["-o", &format!("remount,size={mib}m")], self.0));
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

fn mount(options: &[&str], place: &Path) -> bool {
    let mut command = Command::new("mount");
    let output = command.args(options).arg(place).output();
    output.is_ok_and(|output| output.status.success())
}

/// Puts large values until one is refused for lack of space; what was acknowledged.
async fn put_until_refused(client: &Client) -> BTreeMap<String, i64> {
    let value = "x".repeat(VALUE_BYTES);
    let mut acknowledged = BTreeMap::new();
    for number in 0..PUTS_MAX {
        let key = format!("k/{number:04}");
        match client.put(&key, &value).await {
            Ok(revision) => drop(acknowledged.insert(key, revision)),
            Err(refused) => {
                let told = (refused.code(), refused.message());
                assert_eq!(told, (Code::ResourceExhausted, REFUSED));
                return acknowledged;
            }
        }
    }
    panic!("{PUTS_MAX} puts are taken");
}

async fn assert_all_there(client: &Client, acknowledged: &BTreeMap<String, i64>) {
    let kvs = client.local("k/").await.expect("it serves");
    let found = kvs.iter().map(|kv| {
        assert_eq!(kv.value.len(), VALUE_BYTES);
        (
            String::from_utf8_lossy(&kv.key).into_owned(),
            kv.mod_revision,
        )
    });
    assert_eq!(&found.collect::<BTreeMap<_, _>>(), acknowledged);
}

async fn is_raised(client: &Client) -> bool {
    let alarms = client.alarms().await.unwrap_or_default();
    alarms
        .iter()
        .any(|alarm| alarm.alarm() == AlarmType::Nospace)
}

/// Waits until the alarm is as expected.
async fn alarm_is(client: &Client, raised: bool) {
    let what = if raised { "the alarm" } else { "no alarm" };
    eventually(what, LIMIT, async || {
        (is_raised(client).await == raised).then_some(())
    })
    .await;
}

async fn put_is_taken(client: &Client) -> i64 {
    eventually("a put is taken", LIMIT, async || {
        client.put("k/after", &"x".repeat(VALUE_BYTES)).await.ok()
    })
    .await
}

#[test]
fn a_full_disk_refuses_what_takes_space_and_recovers_without_a_restart() {
    run(async |directory| {
        let data_dir = directory.join("m1");
        let Some(mounted) = Mounted::new(&data_dir, LOG_MIB + 8) else {
            return;
        };
        let mut cluster = Cluster::start(&directory, 1, FAST).await;
        let client = cluster.members[0].client().clone();
        let lease = lease_id(client.grant(0, 600).await);
        let mut acknowledged = put_until_refused(&client).await;
        alarm_is(&client, true).await;
        let (status, body) = client.http_get("/health").await;
        assert!(
            status.contains("503") && body.contains("ALARM NOSPACE"),
            "{body}"
        );
        assert_all_there(&client, &acknowledged).await;

        let refused = client.grant(0, 600).await.expect_err("no lease is granted");
        assert_eq!(refused.message(), REFUSED);
        let revoke = LeaseRevokeRequest { id: lease };
        client.lease().lease_revoke(revoke).await.expect("revoked");
        let (first, _) = acknowledged.pop_first().expect("some were taken");
        let delete = DeleteRangeRequest {
            key: first.into(),
            ..Default::default()
        };
        let deleted = client.kv().delete_range(delete).await.expect("deleted");
        let header = deleted.into_inner().header.expect("every response has one");
        let compact = CompactionRequest {
            revision: header.revision,
            physical: false,
        };
        client.kv().compact(compact).await.expect("compacted");
        let log = cluster.members[0].log();
        let said: Vec<_> = log.lines().filter(|line| line.contains("ERROR")).collect();
        assert_eq!(said.len(), 1, "{log}");
        for part in ["m1/log-", "No space left", "make room", "out of space"] {
            assert!(said[0].contains(part), "{}", said[0]);
        }

        mounted.resize(LOG_MIB + 80);
        alarm_is(&client, false).await;
        let revision = put_is_taken(&client).await;
        acknowledged.insert("k/after".to_owned(), revision);
        assert_all_there(&client, &acknowledged).await;
        cluster.members[0].kill();
        cluster.members[0].start();
        cluster.members[0].serves().await;
        assert_all_there(&client, &acknowledged).await;
        drop(cluster);
    });
}

#[test]
fn a_checkpoint_that_finds_no_room_is_written_later() {
    run(async |directory| {
        let data_dir = directory.join("m1");
        let Some(mounted) = Mounted::new(&data_dir, LOG_MIB + 12) else {
            return;
        };
        let flags = [FAST, &["--snapshot-count=10"]].concat();
        let mut cluster = Cluster::start(&directory, 1, &flags).await;
        let client = cluster.members[0].client().clone();
        let mut acknowledged = put_until_refused(&client).await;
        alarm_is(&client, true).await;
        assert_all_there(&client, &acknowledged).await;
        // One is due, for more than there is room for; it takes its time to find out.
        let log = || cluster.members[0].log();
        let refused = |line: &str| line.contains("checkpoint-") && line.contains("out of space");
        eventually("a checkpoint without room", LIMIT, async || {
            log().lines().any(refused).then_some(())
        })
        .await;

        mounted.resize(LOG_MIB + 200);
        cluster.members[0]
            .says("there is room again for a checkpoint")
            .await;
        alarm_is(&client, false).await;
        let revision = put_is_taken(&client).await;
        acknowledged.insert("k/after".to_owned(), revision);
        cluster.members[0].kill();
        cluster.members[0].start();
        cluster.members[0].serves().await;
        assert_all_there(&client, &acknowledged).await;
        drop(cluster);
    });
}
