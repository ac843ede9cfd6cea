//! Single calls: what is asked of a server once, beside a load or between two.

use std::{future::poll_fn, pin::Pin};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{HeaderMap, Request};
use http_body::Body as _;
use prost::Message;
use tonic::{Code, Status, body::Body, codegen::Service as _};

use crate::{
    LoadError,
    channel::Channel,
    data,
    proto::etcdserverpb::{
        CompactionRequest, DefragmentRequest, RangeRequest, SnapshotRequest, StatusRequest,
        kv_client::KvClient, maintenance_client::MaintenanceClient,
    },
    run::runtime,
};

/// Something that keeps a server busy, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// All keys and values in one answer, which is received and not looked at.
    RangeAll,
    /// The same as a stream of answers.
    StreamAll,
    /// The number of all keys.
    CountAll,
    /// Compaction to the latest revision; waits until the history is gone.
    Compact,
    /// A copy of the whole state as a stream, which is received and not looked at.
    Snapshot,
    /// What etcd needs to give space back.
    Defragment,
}

impl Call {
    /// Asks the server at `endpoint` and waits for the whole answer.
    ///
    /// # Errors
    /// No connection, or the server refuses.
    pub fn ask(self, endpoint: &str) -> Result<(), LoadError> {
        runtime()?.block_on(async {
            let channel = Channel::connect(endpoint).await?;
            self.ask_on(channel)
                .await
                .map_err(LoadError::call(self.name()))
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::RangeAll => "range all keys",
            Self::StreamAll => "stream all keys",
            Self::CountAll => "count all keys",
            Self::Compact => "compact",
            Self::Snapshot => "take a snapshot",
            Self::Defragment => "defragment",
        }
    }

    async fn ask_on(self, channel: Channel) -> Result<(), Status> {
        match self {
            Self::RangeAll => receive(channel, "/etcdserverpb.KV/Range", &all()).await,
            Self::StreamAll => receive(channel, "/etcdserverpb.KV/RangeStream", &all()).await,
            Self::CountAll => count(channel).await.map(drop),
            Self::Compact => {
                let revision = count(channel.clone()).await?;
                let request = CompactionRequest {
                    revision,
                    physical: true,
                };
                KvClient::new(channel).compact(request).await.map(drop)
            }
            Self::Snapshot => {
                let path = "/etcdserverpb.Maintenance/Snapshot";
                receive(channel, path, &SnapshotRequest {}).await
            }
            Self::Defragment => {
                let mut client = MaintenanceClient::new(channel);
                client.defragment(DefragmentRequest {}).await.map(drop)
            }
        }
    }
}

fn all() -> RangeRequest {
    let (key, range_end) = data::all_keys();
    RangeRequest {
        key,
        range_end,
        ..Default::default()
    }
}

/// Counts all keys; the latest revision.
async fn count(channel: Channel) -> Result<i64, Status> {
    let (key, range_end) = data::all_keys();
    let request = RangeRequest {
        key,
        range_end,
        count_only: true,
        ..Default::default()
    };
    let answer = KvClient::new(channel).range(request).await?.into_inner();
    Ok(answer.header.map_or(0, |header| header.revision))
}

/// Whether a member serves: it knows a leader, and reads linearizably.
///
/// # Errors
/// It does not, yet.
pub fn serves(endpoint: &str) -> Result<(), LoadError> {
    runtime()?.block_on(async {
        let channel = Channel::connect(endpoint).await?;
        let mut maintenance = MaintenanceClient::new(channel.clone());
        let status = maintenance.status(StatusRequest {}).await;
        let status = status.map_err(LoadError::call("ask for the status"))?;
        if status.into_inner().leader == 0 {
            let no_leader = Status::unavailable("there is no leader");
            return Err(LoadError::call("ask for the status")(no_leader));
        }
        read_one(channel).await
    })
}

/// Reads the first key, linearizably.
///
/// # Errors
/// No connection, or the server refuses.
pub fn read_first(endpoint: &str) -> Result<(), LoadError> {
    runtime()?.block_on(async { read_one(Channel::connect(endpoint).await?).await })
}

async fn read_one(channel: Channel) -> Result<(), LoadError> {
    let request = RangeRequest {
        key: data::key(0, 16),
        ..Default::default()
    };
    let answer = KvClient::new(channel).range(request).await;
    answer.map(drop).map_err(LoadError::call("read a key"))
}

/// Receives an answer of any size without keeping it: to decode it would take from the server's time.
async fn receive(mut channel: Channel, path: &str, message: &impl Message) -> Result<(), Status> {
    let request = Request::post(path)
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(OneFrame(Some(framed(message)))))
        .map_err(|error| Status::internal(error.to_string()))?;
    let unavailable =
        |error: Box<dyn std::error::Error + Send + Sync>| Status::unavailable(error.to_string());
    let response = channel.call(request).await.map_err(unavailable)?;
    let (head, mut body) = response.into_parts();
    let mut trailers = None;
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(received) = frame.map_err(unavailable)?.into_trailers() {
            trailers = Some(received);
        }
    }
    ok(&trailers.unwrap_or(head.headers))
}

fn ok(trailers: &HeaderMap) -> Result<(), Status> {
    match Status::from_header_map(trailers) {
        Some(status) if status.code() == Code::Ok => Ok(()),
        Some(status) => Err(status),
        None => Err(Status::unknown("the answer has no status")),
    }
}

/// A message as gRPC frames it: not compressed, its length, and itself.
fn framed(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(message.encoded_len() as u32);
    frame.put_slice(&message.encode_to_vec());
    frame.freeze()
}

/// A body of one frame.
struct OneFrame(Option<Bytes>);

impl http_body::Body for OneFrame {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Status>>> {
        std::task::Poll::Ready(self.0.take().map(|data| Ok(http_body::Frame::data(data))))
    }
}
