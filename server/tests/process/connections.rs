//! What a client may do on one connection: how often it may ping, how much it may have open. The same
//! frames are sent to the real etcd, where it can be had.

use std::{path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::harness::{Cluster, QUORATE, peers, run};

/// Frames of HTTP/2.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// What becomes of a connection.
const SERVED: &str = "served";
const SENT_AWAY: &str = "sent away: 11 too_many_pings";

/// HTTP/2 by hand.
struct Connection {
    stream: TcpStream,
    next_id: u32,
}

struct Frame {
    kind: u8,
    flags: u8,
    id: u32,
    payload: Vec<u8>,
}

impl Connection {
    async fn open(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("it listens");
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        stream.write_all(preface).await.expect("it reads");
        let mut connection = Self { stream, next_id: 1 };
        connection.send(SETTINGS, 0, 0, &[]).await;
        connection
    }

    /// The server may have closed the connection, which shows when it is read.
    async fn send(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(id.to_be_bytes());
        frame.extend(payload);
        let _ = self.stream.write_all(&frame).await;
    }

    /// Begins a call; its stream.
    async fn call(&mut self, path: &str, message: &[u8], is_whole: bool) -> u32 {
        let id = self.next_id;
        self.next_id += 2;
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "pings"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        ];
        let mut block = Vec::new();
        for (name, value) in fields {
            // A literal that is not to be remembered.
            block.push(0);
            for text in [name, value] {
                block.push(text.len() as u8);
                block.extend(text.as_bytes());
            }
        }
        self.send(HEADERS, END_HEADERS, id, &block).await;
        let mut body = vec![0, 0, 0, 0, message.len() as u8];
        body.extend(message);
        let flags = if is_whole { END_STREAM } else { 0 };
        self.send(DATA, flags, id, &body).await;
        id
    }

    /// `None` when the connection is closed.
    async fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [l0, l1, l2, kind, flags, i0, i1, i2, i3] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, l0, l1, l2]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind,
            flags,
            id: u32::from_be_bytes([i0, i1, i2, i3]),
            payload,
        })
    }

    /// Reads up to such a frame; a GOAWAY, or that there is none, ends it all.
    async fn expect(&mut self, is_it: impl Fn(&Frame) -> bool) -> Result<(), String> {
        let read = async {
            loop {
                match self.read().await {
                    Some(frame) if is_it(&frame) => return Ok(()),
                    Some(frame) if frame.kind == GOAWAY => {
                        let code = frame.payload[7];
                        let reason = String::from_utf8_lossy(&frame.payload[8..]).into_owned();
                        return Err(format!("sent away: {code} {reason}"));
                    }
                    Some(_) => {}
                    None => return Err("closed".to_owned()),
                }
            }
        };
        let read = tokio::time::timeout(ANSWER_LIMIT, read).await;
        read.unwrap_or_else(|_| Err("silence".to_owned()))
    }

    async fn ping(&mut self) -> Result<(), String> {
        self.send(PING, 0, 0, &[7; 8]).await;
        self.expect(|frame| frame.kind == PING && frame.flags & ACK != 0)
            .await
    }

    /// Reads the key `k`.
    async fn get(&mut self) -> Result<(), String> {
        let id = self
            .call("/etcdserverpb.KV/Range", &[0x0a, 1, b'k'], true)
            .await;
        self.expect(|frame| frame.id == id && frame.flags & END_STREAM != 0)
            .await
    }

    /// Watches the key `k`; waits until the watcher is there.
    async fn watch(&mut self) -> Result<(), String> {
        let create = [0x0a, 3, 0x0a, 1, b'k'];
        let id = self.call("/etcdserverpb.Watch/Watch", &create, false).await;
        self.expect(|frame| frame.id == id && frame.kind == DATA)
            .await
    }
}

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
    let url = cluster.members[0].client_url();
    let port = url.rsplit(':').next().and_then(|port| port.parse().ok());
    (cluster, port.expect("a URL with a port"))
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
