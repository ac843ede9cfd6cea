//! HTTP/2 by hand, for what no library does: too many pings, or not reading.

use std::{cell::Cell, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// Frames of HTTP/2.
pub(crate) const DATA: u8 = 0;
const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;

const WINDOW_UPDATE: u8 = 8;

/// The largest window, and the one that a connection begins with, bytes.
const WINDOW_MAX: u32 = (1 << 31) - 1;
const WINDOW: u32 = (1 << 16) - 1;

const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

const ANSWER_LIMIT: Duration = Duration::from_secs(20);

/// HTTP/2 by hand.
pub(crate) struct Connection {
    stream: TcpStream,
    next_id: u32,
}

/// A frame that was read.
pub(crate) struct Frame {
    pub(crate) kind: u8,
    flags: u8,
    pub(crate) id: u32,
    payload: Vec<u8>,
}

impl Connection {
    /// Connects; the windows are those that HTTP/2 begins with.
    pub(crate) async fn open(port: u16) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port))
            .await
            .expect("it listens");
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
        stream.write_all(preface).await.expect("it reads");
        let mut connection = Self { stream, next_id: 1 };
        connection.send(SETTINGS, 0, 0, &[]).await;
        connection
    }

    /// Lets the server send as much as HTTP/2 allows: only TCP holds it back.
    pub(crate) async fn widen(&mut self) {
        const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
        let settings = [&INITIAL_WINDOW_SIZE[..], &WINDOW_MAX.to_be_bytes()].concat();
        self.send(SETTINGS, 0, 0, &settings).await;
        let more = (WINDOW_MAX - WINDOW).to_be_bytes();
        self.send(WINDOW_UPDATE, 0, 0, &more).await;
    }

    /// Sends a frame. The server may have closed the connection, which shows when it is read.
    pub(crate) async fn send(&mut self, kind: u8, flags: u8, id: u32, payload: &[u8]) {
        let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(id.to_be_bytes());
        frame.extend(payload);
        let _ = self.stream.write_all(&frame).await;
    }

    /// Begins a call; its stream.
    pub(crate) async fn call(&mut self, path: &str, message: &[u8], is_whole: bool) -> u32 {
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
    pub(crate) async fn read(&mut self) -> Option<Frame> {
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
    pub(crate) async fn expect(&mut self, is_it: impl Fn(&Frame) -> bool) -> Result<(), String> {
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

    /// Pings, and waits for the answer.
    pub(crate) async fn ping(&mut self) -> Result<(), String> {
        self.send(PING, 0, 0, &[7; 8]).await;
        self.expect(|frame| frame.kind == PING && frame.flags & ACK != 0)
            .await
    }

    /// Reads the key `k`.
    pub(crate) async fn get(&mut self) -> Result<(), String> {
        let id = self
            .call("/etcdserverpb.KV/Range", &[0x0a, 1, b'k'], true)
            .await;
        self.expect(|frame| frame.id == id && frame.flags & END_STREAM != 0)
            .await
    }

    /// Reads until so many bytes of data have come.
    pub(crate) async fn reads(&mut self, bytes: usize) -> Result<(), String> {
        let come = Cell::new(0);
        self.expect(|frame| {
            if frame.kind == DATA {
                come.set(come.get() + frame.payload.len());
            }
            come.get() >= bytes
        })
        .await
    }

    /// Watches the key `k`; waits until the watcher is there.
    pub(crate) async fn watch(&mut self) -> Result<(), String> {
        let create = [0x0a, 3, 0x0a, 1, b'k'];
        let id = self.call("/etcdserverpb.Watch/Watch", &create, false).await;
        self.expect(|frame| frame.id == id && frame.kind == DATA)
            .await
    }
}
