//! The Cluster service.

use tonic::{Request, Response, Status};

use super::{context::Context, convert, errors::ApiError, metadata, permission};
use crate::{
    proto::etcdserverpb::{
        MemberAddRequest, MemberAddResponse, MemberListRequest, MemberListResponse,
        MemberPromoteRequest, MemberPromoteResponse, MemberRemoveRequest, MemberRemoveResponse,
        MemberUpdateRequest, MemberUpdateResponse, cluster_server::Cluster,
    },
    url::{Url, UrlError},
};

/// See the module.
pub(super) struct ClusterService(Context);

#[tonic::async_trait]
impl Cluster for ClusterService {
    async fn member_list(
        &self,
        request: Request<MemberListRequest>,
    ) -> Result<Response<MemberListResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        if request.into_inner().linearizable {
            self.0.node.read_barrier().await.map_err(ApiError::from)?;
        }
        permission::anyone(&self.0, &caller).await?;
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
        request: Request<MemberAddRequest>,
    ) -> Result<Response<MemberAddResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        // Before the permission (corner case 153).
        check_urls(&request.get_ref().peer_ur_ls)?;
        permission::admin(&self.0, &caller).await?;
        Err(fixed_membership())
    }

    async fn member_remove(
        &self,
        request: Request<MemberRemoveRequest>,
    ) -> Result<Response<MemberRemoveResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        Err(fixed_membership())
    }

    async fn member_update(
        &self,
        request: Request<MemberUpdateRequest>,
    ) -> Result<Response<MemberUpdateResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        check_urls(&request.get_ref().peer_ur_ls)?;
        Err(fixed_membership())
    }

    async fn member_promote(
        &self,
        request: Request<MemberPromoteRequest>,
    ) -> Result<Response<MemberPromoteResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        Err(fixed_membership())
    }
}

impl ClusterService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

/// A member has at least one URL; sockets of the file system are URLs too.
fn check_urls(urls: &[String]) -> Result<(), ApiError> {
    let is_url = |url: &String| matches!(Url::parse(url), Ok(_) | Err(UrlError::Unix(_)));
    if urls.is_empty() || !urls.iter().all(is_url) {
        return Err(ApiError::BadMemberUrls);
    }
    Ok(())
}

fn fixed_membership() -> Status {
    Status::failed_precondition(
        "quorate: membership change is not available in this version; \
         the members are those of --initial-cluster",
    )
}
