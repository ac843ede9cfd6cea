//! What a client may do on one connection: how often it may ping, how much it may have open. The same
//! frames are sent to the real etcd, where it can be had.

use std::path::Path;

use crate::harness::{
    Cluster, QUORATE,
    http2::{Connection, Frame, RST_STREAM},
    peers, run,
};

/// What becomes of a connection.
const SERVED: &str = "served";
const SENT_AWAY: &str = "sent away: 11 too_many_pings";

/// What a client does before it asks for something.
#[derive(Clone, Copy, Debug)]
enum Habit {
    Pings(usize),
    WatchesAndPings(usize),
    PingsAfterEachCall(usize),
}

use Habit::{Pings, PingsAfterEachCall, WatchesAndPings};

async fn outcome(port: u16, habit: Habit) -> String {
    let mut connection = Connection::open(port).await;
    match indulge(&mut connection, habit).await {
        Ok(()) => SERVED.to_owned(),
        Err(reason) => {
            while connection.read().await.is_some() {}
            reason
        }
    }
}

async fn indulge(connection: &mut Connection, habit: Habit) -> Result<(), String> {
    match habit {
        Pings(count) => {
            for _ in 0..count {
                connection.ping().await?;
            }
        }
        WatchesAndPings(count) => {
            connection.watch().await?;
            // The first is allowed since the watcher has just been answered.
            for _ in 0..count {
                connection.ping().await?;
            }
        }
        PingsAfterEachCall(count) => {
            for _ in 0..count {
                connection.get().await?;
                connection.ping().await?;
            }
        }
    }
    connection.get().await
}

/// Starts the program; its port.
async fn start(program: &Path, directory: &Path, flag: &str) -> (Cluster, u16) {
    std::fs::create_dir_all(directory).expect("writable");
    let flags = [flag, "--log-level=error"];
    let cluster = Cluster::start_program(program, directory, 1, &flags).await;
    let port = cluster.members[0].client_port();
    (cluster, port)
}

/// Starts the program and compares what becomes of each client with what has to.
async fn check(program: &Path, directory: &Path, min_time: &str, expected: &[(Habit, &str)]) {
    let flag = format!("--grpc-keepalive-min-time={min_time}");
    let (_cluster, port) = start(program, directory, &flag).await;
    for (habit, expected) in expected {
        let found = outcome(port, *habit).await;
        assert_eq!(found, *expected, "{habit:?}, {}", program.display());
    }
}

fn on_both(min_time: &str, expected: &[(Habit, &str)]) {
    let peer = peers();
    run(async |directory| {
        check(
            Path::new(QUORATE),
            &directory.join("quorate"),
            min_time,
            expected,
        )
        .await;
        if let Some(peer) = peer {
            check(&peer.etcd, &directory.join("etcd"), min_time, expected).await;
        }
    });
}

#[test]
fn a_client_that_pings_too_often_is_sent_away() {
    on_both(
        "1h",
        &[
            (Pings(3), SERVED),
            (Pings(4), SENT_AWAY),
            (WatchesAndPings(3), SERVED),
            (WatchesAndPings(4), SENT_AWAY),
            (PingsAfterEachCall(20), SERVED),
        ],
    );
}

#[test]
fn the_allowed_pace_is_the_operators_choice() {
    on_both(
        "1ns",
        &[(WatchesAndPings(50), SERVED), (Pings(4), SENT_AWAY)],
    );
}

/// One stream is open, and another one is refused until that has ended.
async fn one_stream_at_a_time(program: &Path, directory: &Path) {
    let (_cluster, port) = start(program, directory, "--max-concurrent-streams=1").await;
    let mut connection = Connection::open(port).await;
    connection.watch().await.expect("the first");
    let second = connection.call("/etcdserverpb.KV/Range", &[0x0a, 1, b'k'], true);
    let second = second.await;
    let refused = |frame: &Frame| frame.id == second && frame.kind == RST_STREAM;
    connection.expect(refused).await.expect("refused");
    const CANCEL: &[u8] = &[0, 0, 0, 8];
    connection.send(RST_STREAM, 0, 1, CANCEL).await;
    connection.get().await.expect("the only one");
}

#[test]
fn streams_beyond_the_limit_are_refused() {
    let peer = peers();
    run(async |directory| {
        one_stream_at_a_time(Path::new(QUORATE), &directory.join("quorate")).await;
        if let Some(peer) = peer {
            one_stream_at_a_time(&peer.etcd, &directory.join("etcd")).await;
        }
    });
}

#[test]
fn idle_watchers_hear_of_progress_as_often_as_the_operator_wants() {
    run(async |directory| {
        // Unless told otherwise they would wait for ten minutes.
        let flags = ["--watch-progress-notify-interval=100ms"];
        let cluster = Cluster::start(&directory, 1, &flags).await;
        let client = cluster.members[0].client();
        let mut watch = client.watch("k", 0).await.expect("it watches");
        for _ in 0..3 {
            let response = watch.response().await.expect("progress");
            assert!(response.events.is_empty() && !response.created);
        }
    });
}

#[test]
fn a_low_soft_limit_of_open_files_is_raised() {
    const SOFT_LIMIT: usize = 128;
    run(async |directory| {
        let script = directory.join("quorate-with-few-files");
        let text = format!("#!/bin/sh\nulimit -S -n {SOFT_LIMIT}\nexec {QUORATE} \"$@\"\n");
        std::fs::write(&script, text).expect("writable");
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&script, executable).expect("it is ours");
        let (_cluster, port) = start(&script, &directory, "--log-format=json").await;
        let mut connections = Vec::new();
        for _ in 0..2 * SOFT_LIMIT {
            let mut connection = Connection::open(port).await;
            connection.get().await.expect("it is served");
            connections.push(connection);
        }
    });
}
