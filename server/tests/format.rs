//! The formats of a data directory are permanent: samples of earlier versions are read back.
//!
//! `format/v1` was written by the first version, with segments of 4 KiB; `format/v1.txt` is what it
//! held. A version that changes a format raises its number in `server/src/storage/FORMAT.md`, adds
//! `v2` beside it (`cargo test -p quorate-server --test format -- --ignored` writes the directory
//! and its text, in place of [`NEWEST`]'s; raise that first), and goes on reading `v1`. A sample
//! that has been committed is never written again.

#![cfg(not(madsim))]

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use quorate_core::{
    Command, StateMachine, Valid,
    alarm::{Alarm, AlarmAction, AlarmKind},
    auth::Author,
    kv::{Event, KeyRange, LeaseId},
    request::{DeleteRangeRequest, PutRequest},
};
use quorate_server::{
    clock,
    config::Config,
    disk::RealDisk,
    server::{self, Hooks, Server, Tuning},
    storage::LogOptions,
};

/// The sample of the formats that are written today.
const NEWEST: &str = "v1";

const ALL: &[&str] = &["v1"];

/// So short that a few entries fill several.
const SEGMENT_BYTES: u64 = 4096;

/// Log behind which a checkpoint is written, bytes.
const CHECKPOINT_LOG_BYTES: u64 = 3000;

const FLAGS: &[&str] = &[
    "--listen-client-urls=http://127.0.0.1:0",
    "--advertise-client-urls=http://clients:2379",
    "--listen-peer-urls=http://127.0.0.1:0",
    "--initial-advertise-peer-urls=http://one:2380",
    "--initial-cluster=default=http://one:2380",
    "--heartbeat-interval=20",
    "--election-timeout=100",
];

const LIMIT: Duration = Duration::from_secs(60);

fn sample(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/format")
        .join(version)
}

/// Runs `f` on a member with this directory, and stops it.
fn with_member<T>(data_dir: &Path, f: impl AsyncFnOnce(&Server) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let config = Config::from_flags(FLAGS.iter().copied()).expect("valid flags");
        let disk = Arc::new(RealDisk::open(data_dir).expect("a directory"));
        let tuning = Tuning {
            checkpoint_log_bytes: CHECKPOINT_LOG_BYTES,
            catchup_entries: 0,
            log: LogOptions {
                segment_bytes: SEGMENT_BYTES,
                ..LogOptions::new(1)
            },
            ..Tuning::production().expect("random numbers")
        };
        let hooks = Hooks {
            observer: None,
            traffic: None,
            on_fatal: Arc::new(|reason| panic!("{reason}")),
        };
        let started = server::start(&config, disk, tuning, hooks).await;
        let server = started.expect("it reads what is there");
        let done = async {
            while server.node().leader().is_none() {
                clock::sleep(Duration::from_millis(5)).await;
            }
            f(&server).await
        };
        let done = clock::timeout(LIMIT, done).await.expect("in time");
        server.stop().await;
        done
    })
}

/// What clients and operators see of a state.
fn describe(state: &StateMachine) -> String {
    let mut out = String::new();
    let mut say = |line: String| writeln!(out, "{line}").expect("memory");
    say(format!("revision {}", state.revision()));
    let hash = state.hash_kv(0).expect("of the newest");
    say(format!("hash {:08x}", hash.hash));
    for member in state.member_attributes() {
        let (id, instance) = (member.member_id, member.instance);
        let (name, urls) = (&member.name, member.client_urls.join(","));
        say(format!("member {id:x} {name} {urls} {instance:016x}"));
    }
    say(format!("version {:?}", state.cluster_version()));
    for alarm in state.alarms() {
        say(format!("alarm {:?} of {:x}", alarm.kind, alarm.member_id));
    }
    for (id, ttl_s, _) in state.leases() {
        let keys = state.lease(id).map_or(0, |lease| lease.keys.len());
        say(format!("lease {} of {ttl_s} s: {keys} keys", id.get()));
    }
    let first = state.compact_revision().max(1);
    for (revision, events) in state.history(first + 1).expect("it is not compacted") {
        for event in &*events {
            let key = String::from_utf8_lossy(event.key());
            match event {
                Event::Delete { .. } => say(format!("{revision}: delete {key}")),
                Event::Put { kv, .. } => {
                    let value = String::from_utf8_lossy(&kv.value);
                    let (created, version) = (kv.create_revision, kv.version);
                    let lease = kv.lease.map_or(0, LeaseId::get);
                    say(format!(
                        "{revision}: put {key} = {value}, created {created}, version {version}, \
                         lease {lease}"
                    ));
                }
            }
        }
    }
    out
}

#[test]
fn samples_of_all_versions_are_read() {
    for version in ALL {
        let scratch = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("format-{version}-{}", std::process::id()));
        fs::create_dir_all(&scratch).expect("writable");
        for entry in fs::read_dir(sample(version)).expect("a sample").flatten() {
            fs::copy(entry.path(), scratch.join(entry.file_name())).expect("copied");
        }
        let expected = fs::read_to_string(sample(version).with_extension("txt")).expect("a text");
        let found = with_member(&scratch, async |server| {
            server.node().read_barrier().await.expect("it leads");
            server.node().with_state(describe)
        });
        assert_eq!(found, expected, "{version}");
        fs::remove_dir_all(scratch).expect("nobody uses it");
    }
}

/// A history with something of everything that is kept.
fn commands() -> Vec<Command> {
    let lease = LeaseId::new(7).expect("not 0");
    let put = |key: &'static str, value: String, lease| {
        let request = PutRequest {
            lease,
            ..PutRequest::new(key, value)
        };
        Command::Put(Valid::<PutRequest>::check(request).expect("valid"))
    };
    let mut commands = vec![Command::LeaseGrant {
        id: lease,
        ttl_s: 1_000_000_000,
    }];
    for number in 0..60 {
        commands.push(put("a", format!("{number}").repeat(40), None));
        commands.push(put("b/c", format!("value {number}"), Some(lease)));
    }
    commands.push(Command::Compact { revision: 110 });
    commands.push(put("d", "deleted".to_owned(), None));
    let delete = DeleteRangeRequest {
        range: KeyRange::Key("d".into()),
        prev_kv: false,
    };
    let delete = Valid::<DeleteRangeRequest>::check(delete).expect("valid");
    commands.push(Command::DeleteRange(delete));
    commands.push(Command::Alarm {
        action: AlarmAction::Activate,
        alarm: Alarm {
            kind: AlarmKind::NoSpace,
            member_id: 7,
        },
    });
    commands
}

#[test]
#[ignore = "writes the sample of the newest version"]
fn write_sample() {
    let data_dir = sample(NEWEST);
    assert!(
        !data_dir.exists(),
        "a committed sample is never written again"
    );
    let described = with_member(&data_dir, async |server| {
        let node = server.node();
        for command in commands() {
            let author = Author::Anonymous;
            node.propose(&author, &command).await.expect("it is taken");
            // Now and then, so that checkpoints come in between.
            clock::sleep(Duration::from_millis(20)).await;
        }
        node.with_state(describe)
    });
    fs::write(data_dir.with_extension("txt"), described).expect("writable");
    fs::remove_file(data_dir.join("lock")).expect("it is there");
}
