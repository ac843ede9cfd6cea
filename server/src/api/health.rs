//! `grpc.health.v1.Health`: whether the server as a whole serves. Needs no credentials.

use futures_util::{FutureExt as _, StreamExt as _, stream};
use tonic::{Request, Response, Status};

use super::{ResponseStream, context::Context, errors::ApiError, metadata};
use crate::{
    node::NodeError,
    proto::health::{
        HealthCheckRequest, HealthCheckResponse, health_check_response::ServingStatus,
        health_server::Health,
    },
};

/// See the module.
pub(super) struct HealthService(Context);

#[tonic::async_trait]
impl Health for HealthService {
    type WatchStream = ResponseStream<HealthCheckResponse>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        metadata::check(&self.0, request.metadata())?;
        if !is_known(request.get_ref()) {
            return Err(Status::not_found("unknown service"));
        }
        Ok(Response::new(response(ServingStatus::Serving)))
    }

    /// As the protocol has it, a service that is not known may come to be; here none ever does.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        metadata::check(&self.0, request.metadata())?;
        let stop = self.0.stop.clone();
        let (first, last) = if is_known(request.get_ref()) {
            (ServingStatus::Serving, Some(ServingStatus::NotServing))
        } else {
            (ServingStatus::ServiceUnknown, None)
        };
        let end = async move {
            stop.raised().await;
            let stopped = Status::from(ApiError::from(NodeError::Stopped));
            stream::iter(last.map(|last| Ok(response(last)))).chain(stream::iter([Err(stopped)]))
        };
        let first = stream::iter([Ok(response(first))]);
        Ok(Response::new(Box::pin(first.chain(end.flatten_stream()))))
    }
}

impl HealthService {
    pub(super) fn new(context: Context) -> Self {
        Self(context)
    }
}

/// Only the server as a whole is asked for by a name, an empty one. It serves from the moment its
/// port is open until it is told to stop.
fn is_known(request: &HealthCheckRequest) -> bool {
    request.service.is_empty()
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse {
        status: status.into(),
    }
}
