//! One client: what it does for one operation of each workload.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::Relaxed},
};

use bytes::Bytes;
use tonic::Status;

use crate::{
    Load, LoadError, Workload,
    channel::Channel,
    data::{self, Numbers, Stamp},
    keep_alive::KeepAlive,
    proto::etcdserverpb::{
        Compare, LeaseGrantRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
        compare::{CompareResult, CompareTarget, TargetUnion},
        kv_client::KvClient,
        lease_client::LeaseClient,
        request_op::Request,
        response_op::Response,
    },
};

/// Outlives every run.
pub(crate) const LEASE_TTL_S: i64 = 600;

/// Keys that a client compares and swaps.
const OWN_KEYS: u64 = 16;

/// One of this many operations of the mixed workload is a put.
const MIXED_PUT_ONE_IN: u64 = 10;

/// What all clients of a load share.
pub(crate) struct Shared {
    pub(crate) load: Load,
    value: Bytes,
    /// The next key in order.
    next: AtomicU64,
}

impl Shared {
    pub(crate) fn new(load: Load) -> Self {
        Self {
            value: data::value(load.value_bytes),
            next: AtomicU64::new(0),
            load,
        }
    }

    fn key(&self, number: u64) -> Bytes {
        data::key(number, self.load.key_bytes)
    }

    fn put(&self, key: Bytes) -> PutRequest {
        PutRequest {
            key,
            value: match self.load.stamped {
                true => Stamp::now().on(&self.value),
                false => self.value.clone(),
            },
            ..Default::default()
        }
    }
}

/// One client.
pub(crate) struct Client {
    shared: Arc<Shared>,
    id: u64,
    numbers: Numbers,
    kv: KvClient<Channel>,
    lease: LeaseClient<Channel>,
    keep_alive: Option<KeepAlive>,
    /// The revisions of its own keys, as last seen; 0 is a key that is not there.
    own_revisions: [i64; OWN_KEYS as usize],
}

impl Client {
    pub(crate) async fn new(
        shared: Arc<Shared>,
        channel: &Channel,
        id: u64,
    ) -> Result<Self, LoadError> {
        let mut lease = LeaseClient::new(channel.clone());
        let keep_alive = match shared.load.workload {
            Workload::LeaseKeepalive => {
                let opened = KeepAlive::open(&mut lease).await;
                Some(opened.map_err(LoadError::call("keep a lease alive"))?)
            }
            _ => None,
        };
        Ok(Self {
            numbers: Numbers::of_client(shared.load.seed, id),
            shared,
            id,
            kv: KvClient::new(channel.clone()),
            lease,
            keep_alive,
            own_revisions: [0; OWN_KEYS as usize],
        })
    }

    /// One operation: how many keys it moved. `None` if there is nothing left to do.
    pub(crate) async fn operation(&mut self) -> Result<Option<u64>, Status> {
        match self.shared.load.workload {
            Workload::Load => return self.load().await,
            Workload::Put => self.put_random().await?,
            Workload::PutSeq => {
                let number = self.shared.next.fetch_add(1, Relaxed);
                self.put(number).await?;
            }
            Workload::Range => self.read(false).await?,
            Workload::RangeSer => self.read(true).await?,
            Workload::Mixed if self.numbers.below(MIXED_PUT_ONE_IN) == 0 => {
                self.put_random().await?;
            }
            Workload::Mixed => self.read(false).await?,
            Workload::Cas => {
                let slot = self.numbers.below(OWN_KEYS);
                self.compare_and_swap(slot).await?;
            }
            Workload::LeaseGrant => {
                let grant = LeaseGrantRequest {
                    ttl: LEASE_TTL_S,
                    id: 0,
                };
                self.lease.lease_grant(grant).await?;
            }
            Workload::LeaseKeepalive => match &mut self.keep_alive {
                Some(keep_alive) => keep_alive.renew().await?,
                None => return Ok(None),
            },
        }
        Ok(Some(1))
    }

    async fn put_random(&mut self) -> Result<(), Status> {
        let number = self.numbers.below(self.shared.load.keys);
        self.put(number).await
    }

    async fn put(&mut self, number: u64) -> Result<(), Status> {
        let put = self.shared.put(self.shared.key(number));
        self.kv.put(put).await.map(drop)
    }

    async fn read(&mut self, serializable: bool) -> Result<(), Status> {
        let range = RangeRequest {
            key: self.shared.key(self.numbers.below(self.shared.load.keys)),
            serializable,
            ..Default::default()
        };
        match self.kv.range(range).await?.into_inner().kvs.len() {
            0 => Err(Status::not_found("the key is not loaded")),
            _ => Ok(()),
        }
    }

    /// The next keys, in one transaction.
    async fn load(&mut self) -> Result<Option<u64>, Status> {
        let load = &self.shared.load;
        let batch = load.batch.max(1);
        let first = self.shared.next.fetch_add(batch, Relaxed);
        let end = (first + batch).min(load.keys);
        if first >= end {
            return Ok(None);
        }
        let put = |number| {
            operation(Request::RequestPut(
                self.shared.put(self.shared.key(number)),
            ))
        };
        let txn = TxnRequest {
            success: (first..end).map(put).collect(),
            ..Default::default()
        };
        self.kv.txn(txn).await?;
        Ok(Some(end - first))
    }

    /// Nobody else writes the client's own keys, so what it knows of them always holds, but for keys
    /// of earlier runs that it has not seen yet.
    async fn compare_and_swap(&mut self, slot: u64) -> Result<(), Status> {
        let key = self.shared.key(self.id * OWN_KEYS + slot);
        let expected = self.own_revisions[slot as usize];
        let compare = Compare {
            result: CompareResult::Equal.into(),
            target: CompareTarget::Mod.into(),
            key: key.clone(),
            target_union: Some(TargetUnion::ModRevision(expected)),
            ..Default::default()
        };
        let read = RangeRequest {
            key: key.clone(),
            ..Default::default()
        };
        let txn = TxnRequest {
            compare: vec![compare],
            success: vec![operation(Request::RequestPut(self.shared.put(key)))],
            failure: vec![operation(Request::RequestRange(read))],
        };
        let answer = self.kv.txn(txn).await?.into_inner();
        let first = answer.responses.into_iter().next();
        self.own_revisions[slot as usize] = match first.and_then(|response| response.response) {
            Some(Response::ResponseRange(range)) if expected == 0 => {
                range.kvs.first().map_or(0, |kv| kv.mod_revision)
            }
            Some(Response::ResponseRange(_)) => {
                return Err(Status::aborted(
                    "somebody else has written the client's own key",
                ));
            }
            _ => answer.header.map_or(0, |header| header.revision),
        };
        Ok(())
    }
}

fn operation(request: Request) -> RequestOp {
    RequestOp {
        request: Some(request),
    }
}
