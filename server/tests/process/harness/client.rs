//! A client of one member, over the server's own channel. No retry: a test sees every failure.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::Stream;
use quorate_server::{
    proto::{
        etcdserverpb::{
            cluster_client::ClusterClient, kv_client::KvClient, lease_client::LeaseClient,
            maintenance_client::MaintenanceClient, watch_client::WatchClient, *,
        },
        mvccpb::{Event, KeyValue},
    },
    wire::{Channel, ChannelOptions},
};
use tokio::{io::AsyncReadExt as _, io::AsyncWriteExt as _, net::TcpStream, sync::mpsc};
use tonic::{
    Request, Status, Streaming,
    metadata::{MetadataMap, MetadataValue},
};

/// Deadline of a call. Longer than an election; shorter than what a server waits at the most.
const CALL_TIMEOUT: Duration = Duration::from_secs(5);

/// Longest wait for the next message of a stream.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(20);

/// Longest pause between two dials.
const DIAL_PAUSE_MAX: Duration = Duration::from_millis(100);

/// Reaches one member.
#[derive(Clone)]
pub(crate) struct Client {
    port: u16,
    channel: Channel,
}

impl Client {
    pub(crate) fn new(port: u16) -> Self {
        let authority = format!("127.0.0.1:{port}")
            .parse()
            .expect("an address is an authority");
        let options = ChannelOptions {
            backoff_max: DIAL_PAUSE_MAX,
            ..ChannelOptions::default()
        };
        Self {
            port,
            channel: Channel::new(authority, options),
        }
    }

    /// For services that have no method here.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    pub(crate) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel.clone()).max_decoding_message_size(usize::MAX)
    }

    pub(crate) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel.clone())
    }

    /// Puts a key; the revision of the change.
    pub(crate) async fn put(&self, key: &str, value: &str) -> Result<i64, Status> {
        let response = self.kv().put(timed(put(key, value))).await?.into_inner();
        Ok(response
            .header
            .expect("every response has a header")
            .revision)
    }

    /// The value of a key, linearizably.
    pub(crate) async fn get(&self, key: &str) -> Result<Option<Bytes>, Status> {
        let request = RangeRequest {
            key: Bytes::copy_from_slice(key.as_bytes()),
            ..Default::default()
        };
        let response = self.kv().range(timed(request)).await?.into_inner();
        Ok(response.kvs.into_iter().next().map(|kv| kv.value))
    }

    /// What this member has of all keys that begin with `prefix`, without asking any other member.
    pub(crate) async fn local(&self, prefix: &str) -> Result<Vec<KeyValue>, Status> {
        let (key, range_end) = prefix_range(prefix);
        let request = RangeRequest {
            key,
            range_end,
            serializable: true,
            ..Default::default()
        };
        Ok(self.kv().range(timed(request)).await?.into_inner().kvs)
    }

    /// The member's own view of itself.
    pub(crate) async fn status(&self) -> Result<StatusResponse, Status> {
        let mut client = MaintenanceClient::new(self.channel.clone());
        Ok(client.status(timed(StatusRequest {})).await?.into_inner())
    }

    /// The alarms that are raised.
    pub(crate) async fn alarms(&self) -> Result<Vec<AlarmMember>, Status> {
        let mut client = MaintenanceClient::new(self.channel.clone());
        let request = timed(AlarmRequest::default());
        Ok(client.alarm(request).await?.into_inner().alarms)
    }

    /// The members, linearizably.
    pub(crate) async fn member_list(&self) -> Result<Vec<Member>, Status> {
        let mut client = ClusterClient::new(self.channel.clone());
        let request = timed(MemberListRequest { linearizable: true });
        Ok(client.member_list(request).await?.into_inner().members)
    }

    /// Hands leadership to the member with this id.
    pub(crate) async fn move_leader(&self, target_id: u64) -> Result<(), Status> {
        let mut client = MaintenanceClient::new(self.channel.clone());
        client
            .move_leader(timed(MoveLeaderRequest { target_id }))
            .await
            .map(drop)
    }

    /// Grants a lease; id 0 lets the server choose.
    pub(crate) async fn grant(&self, id: i64, ttl_s: i64) -> Result<LeaseGrantResponse, Status> {
        let request = LeaseGrantRequest { ttl: ttl_s, id };
        Ok(self.lease().lease_grant(timed(request)).await?.into_inner())
    }

    /// What remains of a lease, with its keys.
    pub(crate) async fn time_to_live(&self, id: i64) -> Result<LeaseTimeToLiveResponse, Status> {
        let request = LeaseTimeToLiveRequest { id, keys: true };
        Ok(self
            .lease()
            .lease_time_to_live(timed(request))
            .await?
            .into_inner())
    }

    /// Keeps a lease alive once; the new TTL, 0 if it is gone.
    pub(crate) async fn keep_alive_once(&self, id: i64) -> Result<i64, Status> {
        let (sender, requests) = request_stream();
        sender
            .try_send(LeaseKeepAliveRequest { id })
            .expect("an empty queue");
        let mut answers = self
            .lease()
            .lease_keep_alive(timed(requests))
            .await?
            .into_inner();
        let answer = answers.message().await?;
        Ok(answer.ok_or_else(|| Status::unavailable("no answer"))?.ttl)
    }

    /// Watches all keys that begin with `prefix`, from a revision on (0: from now on). Returns once
    /// the server has said that the watcher is there.
    pub(crate) async fn watch(&self, prefix: &str, from: i64) -> Result<Watch, Status> {
        self.watch_with(prefix, from, MetadataMap::new()).await
    }

    /// A watch that the server is to end when it has no leader.
    pub(crate) async fn watch_while_led(&self, prefix: &str) -> Result<Watch, Status> {
        let mut metadata = MetadataMap::new();
        metadata.insert("hasleader", MetadataValue::from_static("true"));
        self.watch_with(prefix, 0, metadata).await
    }

    async fn watch_with(
        &self,
        prefix: &str,
        start_revision: i64,
        metadata: MetadataMap,
    ) -> Result<Watch, Status> {
        let (key, range_end) = prefix_range(prefix);
        let create = WatchCreateRequest {
            key,
            range_end,
            start_revision,
            ..Default::default()
        };
        let create = watch_request::RequestUnion::CreateRequest(create);
        let (sender, requests) = request_stream();
        sender
            .try_send(WatchRequest {
                request_union: Some(create),
            })
            .expect("an empty queue");
        let mut request = Request::new(requests);
        *request.metadata_mut() = metadata;
        let responses = WatchClient::new(self.channel.clone())
            .max_decoding_message_size(usize::MAX)
            .watch(request)
            .await?;
        let mut watch = Watch {
            _requests: sender,
            responses: responses.into_inner(),
        };
        let created = watch.response().await?;
        assert!(created.created && !created.canceled, "{created:?}");
        Ok(watch)
    }

    /// A plain HTTP/1.1 GET: status line and body.
    pub(crate) async fn http_get(&self, path: &str) -> (String, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: quorate\r\nConnection: close\r\n\r\n");
        stream
            .write_all(request.as_bytes())
            .await
            .expect("it takes a request");
        let mut response = String::new();
        stream
            .read_to_string(&mut response)
            .await
            .expect("it answers with a text");
        let (head, body) = response.split_once("\r\n\r\n").expect("a head and a body");
        (
            head.lines().next().unwrap_or_default().to_owned(),
            body.to_owned(),
        )
    }
}

/// An open watch.
pub(crate) struct Watch {
    _requests: mpsc::Sender<WatchRequest>,
    responses: Streaming<WatchResponse>,
}

impl Watch {
    /// The next response.
    pub(crate) async fn response(&mut self) -> Result<WatchResponse, Status> {
        match tokio::time::timeout(MESSAGE_TIMEOUT, self.responses.message()).await {
            Ok(response) => response?.ok_or_else(|| Status::unavailable("the stream ended")),
            Err(_) => Err(Status::deadline_exceeded("no response on the watch")),
        }
    }

    /// The next events, `count` of them at least.
    pub(crate) async fn events(&mut self, count: usize) -> Result<Vec<Event>, Status> {
        let start = Instant::now();
        let mut events = Vec::new();
        while events.len() < count && start.elapsed() < MESSAGE_TIMEOUT {
            events.extend(self.response().await?.events);
        }
        Ok(events)
    }
}

/// A put of text.
pub(crate) fn put(key: &str, value: &str) -> PutRequest {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    PutRequest {
        key: bytes(key),
        value: bytes(value),
        ..Default::default()
    }
}

/// The id of a lease that was granted.
pub(crate) fn lease_id(granted: Result<LeaseGrantResponse, Status>) -> i64 {
    granted.expect("the lease is granted").id
}

/// A request with the deadline of all calls.
pub(crate) fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(CALL_TIMEOUT);
    request
}

fn prefix_range(prefix: &str) -> (Bytes, Bytes) {
    let key = Bytes::copy_from_slice(prefix.as_bytes());
    let mut end = prefix.as_bytes().to_vec();
    *end.last_mut().expect("no empty prefix in these tests") += 1;
    (key, end.into())
}

/// A stream of requests that stays open as long as its sender.
fn request_stream<T: Send + 'static>() -> (mpsc::Sender<T>, impl Stream<Item = T> + Send + 'static)
{
    let (sender, mut receiver) = mpsc::channel(8);
    (
        sender,
        futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx)),
    )
}
