//! What answers a request: a gRPC service, found by the first part of the path, or a plain page.
//!
//! tonic's own router is axum's, which wraps the body of each request and of each answer several
//! times over; that costs more than a read does.

use std::{collections::BTreeMap, convert::Infallible};

use axum::Router;
use http::{Request, Response};
use hyper::body::Incoming;
use tonic::{body::Body, codegen::BoxFuture, server::NamedService};
use tower::{Service, ServiceExt as _};

use super::large;

type Answer = BoxFuture<Response<Body>, Infallible>;

/// gRPC services by name, and pages for all other paths.
pub struct Services {
    grpc: BTreeMap<&'static str, Box<dyn Call>>,
    pages: Router,
}

/// A service, without its type.
trait Call: Send + Sync {
    fn call(&self, request: Request<Incoming>) -> Answer;
}

impl<S> Call for S
where
    S: Service<Request<Incoming>, Response = Response<Body>, Error = Infallible, Future = Answer>
        + Clone
        + Send
        + Sync,
{
    /// tonic's services are always ready.
    fn call(&self, request: Request<Incoming>) -> Answer {
        Service::call(&mut self.clone(), request)
    }
}

impl Services {
    /// No gRPC services yet; `pages` answers everything, calls of unknown services included.
    pub fn new(pages: Router) -> Self {
        Self {
            grpc: BTreeMap::new(),
            // As axum asks for where a router is cloned for each request.
            pages: pages.with_state(()),
        }
    }

    /// Adds what tonic has generated for a service.
    #[must_use]
    pub fn grpc<S>(mut self, service: S) -> Self
    where
        S: Service<
                Request<Incoming>,
                Response = Response<Body>,
                Error = Infallible,
                Future = Answer,
            > + NamedService
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.grpc.insert(S::NAME, Box::new(service));
        self
    }

    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let answered = match self.grpc.get(service_name(request.uri().path())) {
            Some(service) => match service.call(request).await {
                Ok(response) => Ok(large::encode(response).await),
                never => never,
            },
            None => {
                let answered = self.pages.clone().oneshot(request).await;
                answered.map(|response| response.map(Body::new))
            }
        };
        match answered {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// `package.Service` of `/package.Service/Method`; empty for anything else. The method is what comes
/// last, as gRPC for Go has it.
fn service_name(path: &str) -> &str {
    let path = path.strip_prefix('/').unwrap_or_default();
    path.rsplit_once('/').map_or("", |(service, _)| service)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_named_by_the_first_part_of_two() {
        assert_eq!(service_name("/etcdserverpb.KV/Range"), "etcdserverpb.KV");
        assert_eq!(service_name("/etcdserverpb.KV/"), "etcdserverpb.KV");
        assert_eq!(service_name("/a/b/c"), "a/b");
        for other in ["", "/", "/health", "//", "etcdserverpb.KV/Range"] {
            assert_eq!(service_name(other), "", "{other:?}");
        }
    }
}
