//! The KV service.

use quorate_core::{
    Command, Error, Response as Outcome, View,
    auth::{AuthError, Author},
    kv::KeyRange,
    request::{Op, TxnRequest as CoreTxn},
    response as core,
};
use tonic::{Request, Response, Status};

use super::{
    ResponseStream, caller::Caller, context::Context, convert, errors::ApiError, metadata, quota,
    range_stream,
};
use crate::{
    proto::etcdserverpb::{
        CompactionRequest, CompactionResponse, DeleteRangeRequest, DeleteRangeResponse, PutRequest,
        PutResponse, RangeRequest, RangeResponse, RangeStreamResponse, TxnRequest, TxnResponse,
        kv_server::Kv,
    },
    runtime, wire,
};

/// An interval with up to so many keys is read, about a tenth of a millisecond long, where the
/// request is served.
pub(super) const PROMPT_KEYS_MAX: usize = 500;

/// See the module.
pub(super) struct KvService(Context);

#[tonic::async_trait]
impl Kv for KvService {
    type RangeStreamStream = ResponseStream<RangeStreamResponse>;

    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        Ok(self.read(&caller, request.into_inner()).await?)
    }

    async fn range_stream(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<Self::RangeStreamStream>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let stream = range_stream::open(&self.0, &caller, request.into_inner()).await?;
        Ok(Response::new(stream))
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let request = request.into_inner();
        quota::check_put(&self.0.node, &request).await?;
        let command = Command::Put(convert::put(request)?);
        let (_, Outcome::Put(put)) = self.0.propose(&caller, command).await? else {
            unreachable!("a put is answered as a put");
        };
        let header = self.0.header(put.revision);
        Ok(Response::new(convert::put_response(put, header)))
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let command = Command::DeleteRange(convert::delete_range(request.into_inner())?);
        let (_, Outcome::DeleteRange(deleted)) = self.0.propose(&caller, command).await? else {
            unreachable!("a delete is answered as a delete");
        };
        let header = self.0.header(deleted.revision);
        Ok(Response::new(convert::delete_range_response(
            deleted, header,
        )))
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        Ok(self.transact(&caller, request.into_inner()).await?)
    }

    async fn compact(
        &self,
        request: Request<CompactionRequest>,
    ) -> Result<Response<CompactionResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let CompactionRequest { revision, physical } = request.into_inner();
        let (store_revision, _) = self
            .0
            .propose(&caller, Command::Compact { revision })
            .await?;
        if physical {
            self.0.node.compacted().await;
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

    /// Validation comes first: a request that is wrong is refused also without a leader.
    async fn read(
        &self,
        caller: &Caller,
        request: RangeRequest,
    ) -> Result<Response<RangeResponse>, ApiError> {
        let serializable = request.serializable;
        let request = convert::range(request)?;
        if !serializable {
            self.0.node.read_barrier().await?;
        }
        let author = self.0.author(caller).await?;
        if is_key(&request.range) {
            let read = self.0.node.with_state(|state| {
                state.authorize_range(&author, &request)?;
                state.range(&request)
            })?;
            return Ok(Response::new(range_response(&self.0, read)));
        }
        let (view, context) = (self.0.node.view(), self.0.clone());
        view.authorize_range(&author, &request)?;
        let is_wide = view.is_wide(&request.range, PROMPT_KEYS_MAX);
        answer(is_wide, move || {
            Ok(range_response(&context, view.range(&request)?))
        })
        .await
    }

    async fn transact(
        &self,
        caller: &Caller,
        request: TxnRequest,
    ) -> Result<Response<TxnResponse>, ApiError> {
        quota::check_txn(&self.0.node, &request).await?;
        let serializable = convert::is_serializable(&request);
        let request = convert::txn(request, self.0.node.limits().max_txn_ops)?;
        if !request.is_read_only() {
            let (_, Outcome::Txn(done)) = self.0.propose(caller, Command::Txn(request)).await?
            else {
                unreachable!("a transaction is answered as a transaction");
            };
            return Ok(Response::new(txn_response(&self.0, done)));
        }
        if !serializable {
            self.0.node.read_barrier().await?;
        }
        let author = self.0.author(caller).await?;
        if !has_range(&request, &|range| !is_key(range)) {
            let read = self.0.node.with_state(|state| {
                state.authorize_txn(&author, &request)?;
                let read = state.read_txn(&request)?;
                check_age(&author, state).map(|()| read)
            })?;
            return Ok(Response::new(txn_response(&self.0, read)));
        }
        let (view, context) = (self.0.node.view(), self.0.clone());
        view.authorize_txn(&author, &request)?;
        let is_wide = has_range(&request, &|range| view.is_wide(range, PROMPT_KEYS_MAX));
        answer(is_wide, move || {
            Ok(txn_response(&context, view.read_txn(&request)?))
        })
        .await
    }
}

/// Whether what has been read may be told: users may have changed since the token was given. Where
/// keys were read, their permissions have told; a transaction may read none.
fn check_age(author: &Author, state: &View) -> Result<(), Error> {
    match author {
        Author::User { auth_revision, .. }
            if state.auth_enabled() && *auth_revision < state.auth_revision() =>
        {
            Err(AuthError::AuthOldRevision.into())
        }
        _ => Ok(()),
    }
}

/// Reads a view: in place if that is quick, else apart from the thread's other requests.
async fn answer<T: Send + 'static>(
    is_wide: bool,
    read: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<Response<T>, ApiError> {
    if !is_wide {
        return Ok(Response::new(read()?));
    }
    let mut response = Response::new(runtime::apart(read).await?);
    response.extensions_mut().insert(wire::Large);
    Ok(response)
}

fn range_response(context: &Context, read: core::RangeResponse) -> RangeResponse {
    let header = context.header(read.revision);
    convert::range_response(read, header)
}

fn txn_response(context: &Context, done: core::TxnResponse) -> TxnResponse {
    let header = context.header(done.revision);
    convert::txn_response(done, header)
}

/// Whether an interval that a transaction compares or reads, however deeply nested, is like this.
fn has_range(txn: &CoreTxn, is_like_this: &impl Fn(&KeyRange) -> bool) -> bool {
    let compares = &txn.compares;
    let mut ops = txn.success.iter().chain(&txn.failure);
    compares.iter().any(|compare| is_like_this(&compare.range))
        || ops.any(|op| match op {
            Op::Range(range) => is_like_this(&range.range),
            Op::Txn(txn) => has_range(txn, is_like_this),
            Op::Put(_) | Op::DeleteRange(_) => false,
        })
}

/// Single keys are read under the state's lock, which takes nanoseconds; anything else reads a
/// view, so that it never holds up a write.
fn is_key(range: &KeyRange) -> bool {
    matches!(range, KeyRange::Key(_))
}
