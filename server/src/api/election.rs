//! The Election service: who holds the first key below a name leads (contract api.md §9.5).

mod observe;

use quorate_core::{
    kv::{KeyRange, KeyValue},
    planted::{Bug, is_planted},
    probe,
    request::{Op, PutRequest, RangeRequest, TxnRequest},
    response::OpResponse,
};
use tonic::{Request, Response, Status};

use super::{
    ResponseStream,
    caller::Caller,
    context::Context,
    convert, metadata,
    queue::{self, Failure, Place},
};
use crate::proto::v3electionpb::{
    CampaignRequest, CampaignResponse, LeaderKey, LeaderRequest, LeaderResponse, ProclaimRequest,
    ProclaimResponse, ResignRequest, ResignResponse, election_server::Election,
};

/// See the module.
pub(super) struct ElectionService(Context);

#[tonic::async_trait]
impl Election for ElectionService {
    type ObserveStream = ResponseStream<LeaderResponse>;

    async fn campaign(
        &self,
        request: Request<CampaignRequest>,
    ) -> Result<Response<CampaignResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let won = self.win(&caller, request.into_inner()).await?;
        Ok(Response::new(won))
    }

    async fn proclaim(
        &self,
        request: Request<ProclaimRequest>,
    ) -> Result<Response<ProclaimResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let ProclaimRequest { leader, value } = request.into_inner();
        let leader = leader.ok_or(Failure::LeaderMissing)?;
        let lease = queue::lease(&self.0, &caller, leader.lease).await?;
        let put = PutRequest {
            lease: Some(lease),
            ..PutRequest::new(leader.key, value)
        };
        let revision = self.put_as_leader(&caller, put, leader.rev).await?;
        let header = Some(self.0.header(revision));
        Ok(Response::new(ProclaimResponse { header }))
    }

    async fn leader(
        &self,
        request: Request<LeaderRequest>,
    ) -> Result<Response<LeaderResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let first = queue::first_of(queue::below(&request.get_ref().name));
        let read = queue::read(&self.0, &caller, first).await;
        let read = read.map_err(Failure::from)?;
        let kv = read.kvs.into_iter().next().ok_or(Failure::NoLeader)?;
        Ok(Response::new(leader_response(&self.0, kv, read.revision)))
    }

    async fn observe(
        &self,
        request: Request<LeaderRequest>,
    ) -> Result<Response<Self::ObserveStream>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        Ok(Response::new(observe::open(&self.0, caller, request)))
    }

    /// That somebody else leads by now is no error: then there is nothing to resign from.
    async fn resign(
        &self,
        request: Request<ResignRequest>,
    ) -> Result<Response<ResignResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let leader = request.into_inner().leader.ok_or(Failure::LeaderMissing)?;
        let left = queue::leave(&self.0, &caller, leader.key, leader.rev).await;
        let left = left.map_err(Failure::from)?;
        let header = Some(self.0.header(left.revision));
        Ok(Response::new(ResignResponse { header }))
    }
}

impl ElectionService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }

    /// Answers when the caller's key is first. A caller that gives up takes its key with it.
    async fn win(
        &self,
        caller: &Caller,
        request: CampaignRequest,
    ) -> Result<CampaignResponse, Failure> {
        let CampaignRequest { name, lease, value } = request;
        let context = &self.0;
        let lease = queue::lease(context, caller, lease).await?;
        let (key, range) = (queue::key(&name, lease), queue::below(&name));
        let put = PutRequest {
            lease: Some(lease),
            ..PutRequest::new(key.clone(), value.clone())
        };
        let own = RangeRequest::new(KeyRange::Key(key.clone()));
        let enter = TxnRequest {
            compares: vec![queue::is_created_at(&key, 0)],
            success: vec![Op::Put(put.clone())],
            failure: vec![Op::Range(own)],
        };
        let entered = queue::transact(context, caller, enter).await?;
        let mut created = entered.revision;
        if let Some(OpResponse::Range(read)) = entered.responses.first()
            && let Some(own) = read.kvs.first()
        {
            probe!(PlaceTakenAgain);
            created = own.create_revision;
            if own.value != value {
                let place = Place::new(context, caller, &key, created);
                self.put_as_leader(caller, put, created).await?;
                place.keep();
            }
        }
        let place = Place::new(context, caller, &key, created);
        let turn = queue::wait_for_turn(context, caller, &range, created).await;
        // Only a caller that has gone loses its place, as in etcd: one that hears of a failure may
        // come back to it.
        place.keep();
        turn?;
        Ok(CampaignResponse {
            header: Some(context.header(entered.revision)),
            leader: Some(LeaderKey {
                name,
                key,
                rev: created,
                lease: lease.get(),
            }),
        })
    }

    /// Puts if the key is still the one that was created at `created`; the revision of the put.
    async fn put_as_leader(
        &self,
        caller: &Caller,
        put: PutRequest,
        created: i64,
    ) -> Result<i64, Failure> {
        let mut compares = vec![queue::is_created_at(&put.key, created)];
        if is_planted(Bug::AnybodyProclaims) {
            compares.clear();
        }
        let request = TxnRequest {
            compares,
            success: vec![Op::Put(put)],
            failure: Vec::new(),
        };
        let done = queue::transact(&self.0, caller, request).await?;
        if done.succeeded {
            Ok(done.revision)
        } else {
            Err(Failure::NotLeader)
        }
    }
}

fn leader_response(context: &Context, kv: KeyValue, revision: i64) -> LeaderResponse {
    LeaderResponse {
        header: Some(context.header(revision)),
        kv: Some(convert::key_value(kv)),
    }
}
