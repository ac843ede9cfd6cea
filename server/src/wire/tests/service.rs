//! A service whose handlers show what the wire does to them.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use tonic::{Request, Response, Status, Streaming};

use crate::{
    clock,
    proto::etcdserverpb::{
        kv_server::{Kv, KvServer},
        lease_server::{Lease, LeaseServer},
        watch_server::{Watch, WatchServer},
        *,
    },
    proto::mvccpb::KeyValue,
    wire::Services,
};

/// What the tests look at from outside.
#[derive(Clone, Default)]
pub(super) struct Probe(Arc<Counters>);

#[derive(Default)]
struct Counters {
    live: AtomicUsize,
    produced: AtomicUsize,
}

impl Probe {
    /// Handlers and streams that are alive.
    pub(super) fn live(&self) -> usize {
        self.0.live.load(Ordering::SeqCst)
    }

    /// Messages that streams have produced.
    pub(super) fn produced(&self) -> usize {
        self.0.produced.load(Ordering::SeqCst)
    }

    fn enter(&self) -> Alive {
        self.0.live.fetch_add(1, Ordering::SeqCst);
        Alive(self.clone())
    }
}

struct Alive(Probe);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.0.live.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The service, and a plain HTTP page beside it.
pub(super) fn services(probe: &Probe) -> Services {
    let service = TestService(probe.clone());
    let pages = axum::Router::new().route("/health", axum::routing::get(|| async { "fine" }));
    Services::new(pages)
        .grpc(KvServer::new(service.clone()))
        .grpc(WatchServer::new(service.clone()))
        .grpc(LeaseServer::new(service))
}

#[derive(Clone)]
struct TestService(Probe);

type ResponseStream<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

/// The value of every key.
pub(super) const ANSWER: &[u8] = b"answer";

/// How many messages [`Kv::range_stream`] would send to a patient reader.
pub(super) const ENDLESS: i64 = 1_000_000;

#[tonic::async_trait]
impl Kv for TestService {
    /// Answers with [`ANSWER`], at once or after a while.
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let _alive = self.0.enter();
        let key = request.into_inner().key;
        match key.as_ref() {
            b"" => return Err(Status::invalid_argument("etcdserver: key is not provided")),
            b"slow" => clock::sleep(Duration::from_millis(300)).await,
            b"never" => std::future::pending().await,
            _ => {}
        }
        let value = Bytes::from_static(ANSWER);
        let kv = KeyValue {
            key,
            value,
            ..Default::default()
        };
        Ok(Response::new(RangeResponse {
            kvs: vec![kv],
            count: 1,
            ..Default::default()
        }))
    }

    type RangeStreamStream = ResponseStream<RangeStreamResponse>;

    /// Sends `limit` messages of 10,000 bytes.
    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let (alive, limit) = (self.0.enter(), request.into_inner().limit);
        let messages = stream::iter(0..limit).map(move |number| {
            alive.0.0.produced.fetch_add(1, Ordering::SeqCst);
            let kv = KeyValue {
                value: vec![7; 10_000].into(),
                ..Default::default()
            };
            let range = RangeResponse {
                kvs: vec![kv],
                count: number,
                ..Default::default()
            };
            Ok(RangeStreamResponse {
                range_response: Some(range),
            })
        });
        Ok(Response::new(messages.boxed()))
    }

    /// Answers with the value's length as the revision.
    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let revision = request.into_inner().value.len() as i64;
        let header = Some(ResponseHeader {
            revision,
            ..Default::default()
        });
        Ok(Response::new(PutResponse {
            header,
            prev_kv: None,
        }))
    }

    async fn delete_range(
        &self,
        _: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn txn(&self, _: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn compact(
        &self,
        _: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}

#[tonic::async_trait]
impl Watch for TestService {
    type WatchStream = ResponseStream<WatchResponse>;

    /// Answers each request with its number; after half-close goes on with -1, -2 and then stays.
    async fn watch(
        &self,
        request: Request<Streaming<WatchRequest>>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let alive = self.0.enter();
        let answers = request.into_inner().enumerate().map(|(number, request)| {
            request.map(|_| WatchResponse {
                watch_id: number as i64,
                ..Default::default()
            })
        });
        let after = stream::iter([-1, -2])
            .map(|watch_id| {
                Ok(WatchResponse {
                    watch_id,
                    ..Default::default()
                })
            })
            .chain(stream::pending());
        let watched = answers.chain(after).map(move |response| {
            let _ = &alive;
            response
        });
        Ok(Response::new(watched.boxed()))
    }
}

#[tonic::async_trait]
impl Lease for TestService {
    type LeaseKeepAliveStream = ResponseStream<LeaseKeepAliveResponse>;

    /// Echoes ids and ends with the requests.
    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let answers = request.into_inner().map(|request| {
            request.map(|LeaseKeepAliveRequest { id }| LeaseKeepAliveResponse {
                id,
                ..Default::default()
            })
        });
        Ok(Response::new(answers.boxed()))
    }

    async fn lease_grant(
        &self,
        _: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn lease_revoke(
        &self,
        _: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn lease_time_to_live(
        &self,
        _: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        Err(Status::unimplemented(""))
    }

    async fn lease_leases(
        &self,
        _: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        Err(Status::unimplemented(""))
    }
}
