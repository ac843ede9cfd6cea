//! The KV service.

use quorate_core::{
    Command, Error, Response as Outcome, Valid,
    auth::Author,
    kv::KeyRange,
    limits::COMPACT_STEP_KEYS,
    request::{Op, RangeRequest as CoreRange, TxnRequest as CoreTxn},
    response as core,
};
use tonic::{Request, Response, Status};

use super::{ResponseStream, context::Context, convert, errors::ApiError, metadata};
use crate::{
    node::Node,
    proto::etcdserverpb::{
        CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
        PutResponse, RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse,
        kv_server::Kv,
    },
};

/// See the module.
pub(super) struct KvService(Context);

#[tonic::async_trait]
impl Kv for KvService {
    type RangeStreamStream = ResponseStream<RangeStreamResponse>;

    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        metadata::check(&self.0, request.metadata())?;
        Ok(Response::new(self.read(request.into_inner()).await?))
    }

    async fn range_stream(
        &self,
        _request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        // As a server of etcd's version 3.5 says it.
        Err(Status::unimplemented(
            "unknown method RangeStream for service etcdserverpb.KV",
        ))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        metadata::check(&self.0, request.metadata())?;
        let command = Command::Put(convert::put(request.into_inner())?);
        let (_, Outcome::Put(put)) = self.propose(command).await? else {
            unreachable!("a put is answered as a put");
        };
        let header = self.0.header(put.revision);
        Ok(Response::new(convert::put_response(put, header)))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        metadata::check(&self.0, request.metadata())?;
        let command = Command::DeleteRange(convert::delete_range(request.into_inner())?);
        let (_, Outcome::DeleteRange(deleted)) = self.propose(command).await? else {
            unreachable!("a delete is answered as a delete");
        };
        let header = self.0.header(deleted.revision);
        Ok(Response::new(convert::delete_range_response(
            deleted, header,
        )))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        metadata::check(&self.0, request.metadata())?;
        Ok(Response::new(self.transact(request.into_inner()).await?))
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        metadata::check(&self.0, request.metadata())?;
        let CompactionRequest { revision, physical } = request.into_inner();
        let (store_revision, _) = self.propose(Command::Compact { revision }).await?;
        if physical {
            finish_compaction(&self.0.node).await;
        }
        Ok(Response::new(CompactionResponse {
            header: Some(self.0.header(store_revision)),
        }))
    }
}

impl KvService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }

    async fn propose(&self, command: Command) -> Result<(i64, Outcome), ApiError> {
        Ok(self.0.node.propose(&Author::Anonymous, &command).await?)
    }

    /// Validation comes first: a request that is wrong is refused also without a leader.
    async fn read(&self, request: RangeRequest) -> Result<RangeResponse, ApiError> {
        let serializable = request.serializable;
        let request = convert::range(request)?;
        if !serializable {
            self.0.node.read_barrier().await?;
        }
        let read = self.range_now(&request)?;
        let header = self.0.header(read.revision);
        Ok(convert::range_response(read, header))
    }

    async fn transact(&self, request: TxnRequest) -> Result<TxnResponse, ApiError> {
        let serializable = convert::is_serializable(&request);
        let request = convert::txn(request, self.0.node.limits().max_txn_ops)?;
        let answer = if request.is_read_only() {
            if !serializable {
                self.0.node.read_barrier().await?;
            }
            self.read_txn_now(&request)?
        } else {
            let (_, Outcome::Txn(answer)) = self.propose(Command::Txn(request)).await? else {
                unreachable!("a transaction is answered as a transaction");
            };
            answer
        };
        let header = self.0.header(answer.revision);
        Ok(convert::txn_response(answer, header))
    }

    fn range_now(&self, request: &Valid<CoreRange>) -> Result<core::RangeResponse, Error> {
        if is_point(request) {
            self.0.node.with_state(|state| state.range(request))
        } else {
            self.0.node.view().range(request)
        }
    }

    fn read_txn_now(&self, request: &Valid<CoreTxn>) -> Result<core::TxnResponse, Error> {
        let mut reads = request.success.iter().chain(&request.failure);
        let point_reads = reads.all(|op| matches!(op, Op::Range(range) if is_point(range)));
        let points = request
            .compares
            .iter()
            .all(|compare| is_key(&compare.range));
        if point_reads && points {
            self.0.node.with_state(|state| state.read_txn(request))
        } else {
            self.0.node.view().read_txn(request)
        }
    }
}

/// Does what is left of physical compaction, in steps that let others run in between.
async fn finish_compaction(node: &Node) {
    while node.replica().compact_step(COMPACT_STEP_KEYS) {
        tokio::task::yield_now().await;
    }
}

/// Point reads are made under the state's lock, which they hold for nanoseconds; anything longer
/// reads a view, so that it never holds up a write.
fn is_point(request: &CoreRange) -> bool {
    is_key(&request.range)
}

fn is_key(range: &KeyRange) -> bool {
    matches!(range, KeyRange::Key(_))
}
