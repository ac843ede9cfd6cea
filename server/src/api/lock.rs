//! The Lock service: locks by name, each held for as long as its key is there (contract api.md
//! §9.4).

use bytes::Bytes;
use quorate_core::{
    Command, Response as Outcome,
    kv::KeyRange,
    planted::{Bug, is_planted},
    probe,
    request::{Op, PutRequest, RangeRequest, TxnRequest},
    response::{OpResponse, TxnResponse},
};
use tonic::{Request, Response, Status};

use super::{
    caller::Caller,
    context::Context,
    convert, metadata,
    queue::{self, Failure, Place},
};
use crate::proto::{
    etcdserverpb::DeleteRangeRequest,
    v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse, lock_server::Lock},
};

/// See the module.
pub(super) struct LockService(Context);

#[tonic::async_trait]
impl Lock for LockService {
    async fn lock(&self, request: Request<LockRequest>) -> Result<Response<LockResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        Ok(Response::new(
            self.acquire(&caller, request.into_inner()).await?,
        ))
    }

    async fn unlock(
        &self,
        request: Request<UnlockRequest>,
    ) -> Result<Response<UnlockResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        Ok(Response::new(
            self.release(&caller, request.into_inner()).await?,
        ))
    }
}

impl LockService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }

    /// Answers when the caller's key is first. A caller that gives up takes its key with it.
    async fn acquire(
        &self,
        caller: &Caller,
        request: LockRequest,
    ) -> Result<LockResponse, Failure> {
        let LockRequest { name, lease } = request;
        let context = &self.0;
        let lease = queue::lease(context, caller, lease).await?;
        let (key, range) = (queue::key(&name, lease), queue::below(&name));
        let put = PutRequest {
            lease: Some(lease),
            ..PutRequest::new(key.clone(), Bytes::new())
        };
        let first = Op::Range(queue::first_of(range.clone()));
        let own = || RangeRequest::new(KeyRange::Key(key.clone()));
        let enter = TxnRequest {
            compares: vec![queue::is_created_at(&key, 0)],
            success: vec![Op::Put(put), first.clone()],
            failure: vec![Op::Range(own()), first],
        };
        let entered = queue::transact(context, caller, enter).await?;
        let (created, first) = creations(&entered);
        probe!(PlaceTakenAgain if !entered.succeeded);
        if created == first {
            let header = Some(context.header(entered.revision));
            return Ok(LockResponse { header, key });
        }
        let place = Place::new(context, caller, &key, created);
        queue::wait_for_turn(context, caller, &range, created).await?;
        // The lease may have ended, and the key with it. A key that was created later is no place
        // in the queue that this call has waited in: an earlier call of the caller, which had given
        // up, has put it late.
        let read = queue::read(context, caller, own()).await?;
        if !is_planted(Bug::LockNotKept) {
            place.keep();
        }
        let is_there = read
            .kvs
            .first()
            .is_some_and(|own| own.create_revision == created);
        probe!(TurnTooLate if !is_there);
        if !is_there && !is_planted(Bug::LockAfterLease) {
            return Err(Failure::SessionExpired);
        }
        let header = Some(context.header(read.revision));
        Ok(LockResponse { header, key })
    }

    /// Deletes the key; that there is none is no error.
    async fn release(
        &self,
        caller: &Caller,
        request: UnlockRequest,
    ) -> Result<UnlockResponse, Failure> {
        let delete = convert::delete_range(DeleteRangeRequest {
            key: request.key,
            ..Default::default()
        })?;
        let command = Command::DeleteRange(delete);
        let (_, Outcome::DeleteRange(deleted)) = self.0.propose(caller, command).await? else {
            unreachable!("a delete is answered as a delete");
        };
        let header = Some(self.0.header(deleted.revision));
        Ok(UnlockResponse { header })
    }
}

/// The create revisions of the caller's key and of the first one.
fn creations(entered: &TxnResponse) -> (i64, i64) {
    let created = |response: Option<&OpResponse>| match response {
        Some(OpResponse::Range(read)) => read.kvs.first().map(|kv| kv.create_revision),
        _ => None,
    };
    let own = created(entered.responses.first()).unwrap_or(entered.revision);
    (own, created(entered.responses.get(1)).unwrap_or(own))
}
