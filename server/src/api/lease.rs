//! The Lease service.

use futures_util::stream;
use quorate_core::{
    Command, Error, Response as Outcome, View,
    auth::{Author, PermissionKind},
    kv::LeaseId,
};
use tonic::{Request, Response, Status, Streaming};

use super::{ResponseStream, caller::Caller, context::Context, errors::ApiError, metadata};
use crate::{
    node::NodeError,
    proto::etcdserverpb::{
        LeaseGrantRequest, LeaseGrantResponse, LeaseKeepAliveRequest, LeaseKeepAliveResponse,
        LeaseLeasesRequest, LeaseLeasesResponse, LeaseRevokeRequest, LeaseRevokeResponse,
        LeaseStatus, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse, lease_server::Lease,
    },
    wire::in_grpc_words,
};

/// TTL in the answer about a lease that does not exist.
const NO_SUCH_LEASE_TTL_S: i64 = -1;

/// See the module.
pub(super) struct LeaseService(Context);

#[tonic::async_trait]
impl Lease for LeaseService {
    type LeaseKeepAliveStream = ResponseStream<LeaseKeepAliveResponse>;

    async fn lease_grant(
        &self,
        request: Request<LeaseGrantRequest>,
    ) -> Result<Response<LeaseGrantResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let LeaseGrantRequest { id, ttl } = request.into_inner();
        let id = match LeaseId::new(id) {
            Some(id) => id,
            None => random_id()?,
        };
        let ttl_s = ttl.max(self.0.node.limits().min_lease_ttl_s);
        let (revision, outcome) = self
            .0
            .propose(&caller, Command::LeaseGrant { id, ttl_s })
            .await?;
        let Outcome::LeaseGrant { id, ttl_s } = outcome else {
            unreachable!("a grant is answered as a grant");
        };
        Ok(Response::new(LeaseGrantResponse {
            header: Some(self.0.header(revision)),
            id: id.get(),
            ttl: ttl_s,
            error: String::new(),
        }))
    }

    async fn lease_revoke(
        &self,
        request: Request<LeaseRevokeRequest>,
    ) -> Result<Response<LeaseRevokeResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let id = LeaseId::new(request.into_inner().id);
        let id = id.ok_or(ApiError::from(Error::LeaseNotFound))?;
        let (revision, _) = self.0.propose(&caller, Command::LeaseRevoke { id }).await?;
        Ok(Response::new(LeaseRevokeResponse {
            header: Some(self.0.header(revision)),
        }))
    }

    async fn lease_keep_alive(
        &self,
        request: Request<Streaming<LeaseKeepAliveRequest>>,
    ) -> Result<Response<Self::LeaseKeepAliveStream>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let session = KeepAlives {
            context: self.0.clone(),
            caller,
            requests: request.into_inner(),
        };
        Ok(Response::new(Box::pin(stream::unfold(
            Some(session),
            KeepAlives::respond,
        ))))
    }

    async fn lease_time_to_live(
        &self,
        request: Request<LeaseTimeToLiveRequest>,
    ) -> Result<Response<LeaseTimeToLiveResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        Ok(Response::new(
            self.time_to_live(&caller, request.into_inner()).await?,
        ))
    }

    /// All leases that this member knows of, by what remained when it last heard.
    async fn lease_leases(
        &self,
        request: Request<LeaseLeasesRequest>,
    ) -> Result<Response<LeaseLeasesResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let may = |state: &View, author: &Author| Ok(state.authorize_all_leases(author)?);
        let author = self.0.permit(&caller, may).await?;
        let view = self.0.node.view();
        may(&view, &author).map_err(ApiError::from)?;
        let mut leases: Vec<_> = view
            .leases()
            .map(|(id, ttl_s, renewed_at_ms)| {
                let ttl_ms = u64::try_from(ttl_s).unwrap_or(0).saturating_mul(1000);
                (renewed_at_ms.saturating_add(ttl_ms), id)
            })
            .collect();
        leases.sort_unstable();
        Ok(Response::new(LeaseLeasesResponse {
            header: Some(self.0.header(view.revision())),
            leases: leases
                .into_iter()
                .map(|(_, id)| LeaseStatus { id: id.get() })
                .collect(),
        }))
    }
}

impl LeaseService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }

    async fn time_to_live(
        &self,
        caller: &Caller,
        request: LeaseTimeToLiveRequest,
    ) -> Result<LeaseTimeToLiveResponse, ApiError> {
        let id = LeaseId::new(request.id);
        let may = |state: &View, author: &Author| match id.filter(|_| request.keys) {
            Some(id) => Ok(state.authorize_lease_keys(author, id, PermissionKind::Read)?),
            None => Ok(state.authorize_anyone(author)?),
        };
        let author = self.0.permit(caller, may).await?;
        let remaining = match id {
            Some(id) => self
                .0
                .node
                .lease_time_to_live(id)
                .await?
                .map(|times| (id, times)),
            None => None,
        };
        let mut response = LeaseTimeToLiveResponse {
            header: Some(self.0.header_now()),
            id: request.id,
            ttl: NO_SUCH_LEASE_TTL_S,
            ..Default::default()
        };
        if let Some((id, times)) = remaining {
            response.ttl = times.ttl_s;
            response.granted_ttl = times.granted_ttl_s;
            if request.keys {
                // Keys may have come to it while the leader was asked.
                let view = self.0.node.view();
                may(&view, &author)?;
                response.keys = view.lease(id).map_or(Vec::new(), |lease| lease.keys);
            }
        }
        Ok(response)
    }
}

/// One keep-alive stream: one answer to each request, in order. It ends with the requests.
struct KeepAlives {
    context: Context,
    caller: Caller,
    requests: Streaming<LeaseKeepAliveRequest>,
}

impl KeepAlives {
    /// The next answer, or the end: a function for [`stream::unfold`].
    async fn respond(
        session: Option<Self>,
    ) -> Option<(Result<LeaseKeepAliveResponse, Status>, Option<Self>)> {
        let mut session = session?;
        let stop = session.context.stop.clone();
        let answered = tokio::select! {
            biased;
            () = stop.raised() => Some(Err(ApiError::from(NodeError::Stopped).into())),
            answered = session.answer_next() => answered,
        };
        match answered? {
            Ok(response) => Some((Ok(response), Some(session))),
            Err(status) => Some((Err(status), None)),
        }
    }

    async fn answer_next(&mut self) -> Option<Result<LeaseKeepAliveResponse, Status>> {
        match self.requests.message().await {
            Ok(Some(request)) => Some(self.renew(request.id).await.map_err(Status::from)),
            Ok(None) => None,
            Err(status) => Some(Err(in_grpc_words(status))),
        }
    }

    /// A lease that is gone is answered with TTL 0, which is no error.
    async fn renew(&self, id: i64) -> Result<LeaseKeepAliveResponse, ApiError> {
        let may = |state: &View, author: &Author| match LeaseId::new(id) {
            Some(id) => Ok(state.authorize_lease_keys(author, id, PermissionKind::Write)?),
            None => Ok(state.authorize_anyone(author)?),
        };
        self.context.permit(&self.caller, may).await?;
        // The revision from before the renewal, as in etcd.
        let header = Some(self.context.header_now());
        let renewed = match LeaseId::new(id) {
            Some(id) => self.context.node.lease_keep_alive(id).await?,
            None => None,
        };
        let ttl = renewed.map_or(0, |times| times.ttl_s);
        Ok(LeaseKeepAliveResponse { header, id, ttl })
    }
}

/// An id for a client that leaves the choice to the server: positive, so that it reads well, and
/// unlikely to be taken.
pub(super) fn random_id() -> Result<LeaseId, Status> {
    loop {
        let random = getrandom::u64()
            .map_err(|error| Status::internal(format!("no random lease id: {error}")))?;
        if let Some(id) = LeaseId::new((random >> 1) as i64) {
            return Ok(id);
        }
    }
}
