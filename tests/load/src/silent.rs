//! Connections whose client never reads: HTTP/2 by hand, since every library reads.

use std::{io::Write as _, net::TcpStream};

use prost::Message as _;

use crate::{
    LoadError, data,
    proto::etcdserverpb::{WatchCreateRequest, WatchRequest, watch_request::RequestUnion},
};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const WINDOW_UPDATE: u8 = 8;
const END_HEADERS: u8 = 4;
const INITIAL_WINDOW_SIZE: u16 = 4;

/// As much as HTTP/2 allows.
const WINDOW_MAX: u32 = (1 << 31) - 1;
/// What a connection's window is at first.
const WINDOW: u32 = (1 << 16) - 1;

/// Opens a connection with one watcher of all keys, and reads nothing of it. With a wide window
/// only TCP holds the server back, else HTTP/2 does.
///
/// # Errors
/// No connection.
pub fn watch(endpoint: &str, has_wide_window: bool) -> Result<TcpStream, LoadError> {
    let opened = TcpStream::connect(endpoint).and_then(|mut stream| {
        stream.write_all(&said(has_wide_window))?;
        Ok(stream)
    });
    opened.map_err(LoadError::system(format!("watch at {endpoint}")))
}

fn said(has_wide_window: bool) -> Vec<u8> {
    let mut said = PREFACE.to_vec();
    if has_wide_window {
        let mut settings = INITIAL_WINDOW_SIZE.to_be_bytes().to_vec();
        settings.extend(WINDOW_MAX.to_be_bytes());
        said.extend(frame(SETTINGS, 0, 0, &settings));
        let more = (WINDOW_MAX - WINDOW).to_be_bytes();
        said.extend(frame(WINDOW_UPDATE, 0, 0, &more));
    } else {
        said.extend(frame(SETTINGS, 0, 0, &[]));
    }
    said.extend(frame(HEADERS, END_HEADERS, 1, &fields()));
    let (key, range_end) = data::all_keys();
    let create = WatchCreateRequest {
        key,
        range_end,
        ..Default::default()
    };
    let message = WatchRequest {
        request_union: Some(RequestUnion::CreateRequest(create)),
    };
    let message = message.encode_to_vec();
    let mut body = vec![0];
    body.extend((message.len() as u32).to_be_bytes());
    body.extend(message);
    said.extend(frame(DATA, 0, 1, &body));
    said
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut frame = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// The head of a call, as literals that are not to be remembered.
fn fields() -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/etcdserverpb.Watch/Watch"),
        (":authority", "silent"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    ] {
        block.push(0);
        for text in [name, value] {
            block.push(text.len() as u8);
            block.extend(text.as_bytes());
        }
    }
    block
}
