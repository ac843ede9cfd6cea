//! The Maintenance service.

use tonic::{Request, Response, Status};

use super::{ResponseStream, alarm, context::Context, errors::ApiError, metadata, permission};
use crate::{
    node::NodeError,
    proto::etcdserverpb::{
        AlarmRequest, AlarmResponse, DefragmentRequest, DefragmentResponse, DowngradeInfo,
        DowngradeRequest, DowngradeResponse, HashKvRequest, HashKvResponse, HashRequest,
        HashResponse, MoveLeaderRequest, MoveLeaderResponse, SnapshotRequest, SnapshotResponse,
        StatusRequest, StatusResponse, maintenance_server::Maintenance,
    },
    runtime,
    version::ETCD_VERSION,
};

/// See the module.
pub(super) struct MaintenanceService(Context);

#[tonic::async_trait]
impl Maintenance for MaintenanceService {
    type SnapshotStream = ResponseStream<SnapshotResponse>;

    /// This member as it sees itself; needs no other.
    async fn status(
        &self,
        request: Request<StatusRequest>,
    ) -> Result<Response<StatusResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::anyone(&self.0, &caller).await?;
        let status = self.0.node.status();
        let mut errors = match status.leader {
            Some(_) => Vec::new(),
            None => vec![
                Status::from(ApiError::from(NodeError::NoLeader))
                    .message()
                    .to_owned(),
            ],
        };
        errors.extend(self.0.node.with_state(|state| alarm::names(state)));
        let own_id = self.0.node.member_id();
        let is_learner = self
            .0
            .node
            .members()
            .iter()
            .any(|member| member.id == own_id && member.is_learner);
        Ok(Response::new(StatusResponse {
            header: Some(self.0.header_now()),
            version: ETCD_VERSION.to_owned(),
            db_size: signed(status.db_size_bytes),
            leader: status.leader.unwrap_or(0),
            raft_index: status.committed_index,
            raft_term: status.term,
            raft_applied_index: status.applied_index,
            errors,
            // State is in memory and has no free pages.
            db_size_in_use: signed(status.db_size_bytes),
            is_learner,
            storage_version: String::new(),
            db_size_quota: signed(status.quota_bytes),
            downgrade_info: Some(DowngradeInfo::default()),
        }))
    }

    async fn alarm(
        &self,
        request: Request<AlarmRequest>,
    ) -> Result<Response<AlarmResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        let alarms = alarm::answer(&self.0, &caller, request.into_inner()).await?;
        Ok(Response::new(AlarmResponse {
            header: Some(self.0.header_now()),
            alarms,
        }))
    }

    async fn move_leader(
        &self,
        request: Request<MoveLeaderRequest>,
    ) -> Result<Response<MoveLeaderResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        let target = request.into_inner().target_id;
        self.0
            .node
            .transfer_leader(target)
            .await
            .map_err(ApiError::from)?;
        Ok(Response::new(MoveLeaderResponse { header: None }))
    }

    /// Answers when the new checkpoint is on disk: then the space is there, or will be in a moment.
    async fn defragment(
        &self,
        request: Request<DefragmentRequest>,
    ) -> Result<Response<DefragmentResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        self.0.node.defragment().await.map_err(ApiError::from)?;
        Ok(Response::new(DefragmentResponse { header: None }))
    }

    /// Of this member's state as it is now; equal on members that have applied equally much.
    async fn hash(&self, request: Request<HashRequest>) -> Result<Response<HashResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        let view = self.0.node.view();
        let header = self.0.header(view.revision());
        let checksum = move || {
            let chunks = view.checkpoint();
            chunks.fold(0, |sum, chunk| crc32c::crc32c_append(sum, &chunk))
        };
        Ok(Response::new(HashResponse {
            header: Some(header),
            hash: runtime::apart(checksum).await,
        }))
    }

    /// Of this member's keys, by etcd's definition; asks no other member how far it is.
    async fn hash_kv(
        &self,
        request: Request<HashKvRequest>,
    ) -> Result<Response<HashKvResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        let view = self.0.node.view();
        let header = self.0.header(view.revision());
        let revision = request.into_inner().revision;
        let hash = runtime::apart(move || view.hash_kv(revision)).await;
        let hash = hash.map_err(ApiError::from)?;
        Ok(Response::new(HashKvResponse {
            header: Some(header),
            hash: hash.hash,
            compact_revision: hash.compact_revision,
            hash_revision: hash.revision,
        }))
    }

    async fn snapshot(
        &self,
        request: Request<SnapshotRequest>,
    ) -> Result<Response<Self::SnapshotStream>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        Err(not_available("Snapshot"))
    }

    async fn downgrade(
        &self,
        request: Request<DowngradeRequest>,
    ) -> Result<Response<DowngradeResponse>, Status> {
        let caller = metadata::check(&self.0, request.metadata())?;
        permission::admin(&self.0, &caller).await?;
        Err(not_available("Downgrade"))
    }
}

impl MaintenanceService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

fn not_available(what: &str) -> Status {
    Status::unimplemented(format!("quorate: {what} is not available in this version"))
}
