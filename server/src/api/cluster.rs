//! The Cluster service.

use tonic::{Request, Response, Status};

use super::{context::Context, convert, errors::ApiError, metadata};
use crate::proto::etcdserverpb::{
    MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
    MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
    MemberUpdateRequest, MemberUpdateResponse, cluster_server::Cluster,
};

/// See the module.
pub(super) struct ClusterService(Context);

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        metadata::check(&self.0, request.metadata())?;
        if request.into_inner().linearizable {
            self.0.node.read_barrier().await.map_err(ApiError::from)?;
        }
        Ok(Response::new(MemberListResponse {
            // Responses about members tell no revision.
            header: Some(self.0.header(0)),
            members: self
                .0
                .node
                .members()
                .into_iter()
                .map(convert::member)
                .collect(),
        }))
    }

    async fn member_add(
        &self,
        _request: Request<MemberAddRequest>,
    ) -> Result<Response<MemberAddResponse>, Status> {
        Err(fixed_membership())
    }

    async fn member_remove(
        &self,
        _request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        Err(fixed_membership())
    }

    async fn member_update(
        &self,
        _request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        Err(fixed_membership())
    }

    async fn member_promote(
        &self,
        _request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        Err(fixed_membership())
    }
}

impl ClusterService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

fn fixed_membership() -> Status {
    Status::failed_precondition(
        "quorate: membership change is not available in this version; \
         the members are those of --initial-cluster",
    )
}
