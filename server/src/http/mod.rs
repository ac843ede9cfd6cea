//! The plain HTTP side of a client port (contract server.md §7).

mod health;
mod version;

use std::{future::Future, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    response::{IntoResponse, Response},
    routing::{MethodRouter, any},
};
use http::{HeaderMap, Method, StatusCode, header};
use tonic::{Status, body::Body};

use crate::node::Node;

const TEXT: &str = "text/plain; charset=utf-8";

/// The pages, and the answer to whatever asks for something else.
pub(crate) fn pages(node: Arc<Node>) -> Router {
    no_pages()
        .route("/health", get_only(health::health))
        .route("/version", get_only(version::version))
        .with_state(node)
}

/// Only that answer.
pub(crate) fn no_pages<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new().fallback(not_found)
}

/// Answers GET and nothing else, not even HEAD, as etcd does.
fn get_only<F, A>(
    handler: impl Fn(Arc<Node>, Option<String>) -> F + Copy + Send + Sync + 'static,
) -> MethodRouter<Arc<Node>>
where
    F: Future<Output = A> + Send + 'static,
    A: IntoResponse,
{
    any(
        move |State(node): State<Arc<Node>>, request: Request| async move {
            if request.method() != Method::GET {
                let head = [(header::ALLOW, "GET"), (header::CONTENT_TYPE, TEXT)];
                return (StatusCode::METHOD_NOT_ALLOWED, head, "Method Not Allowed\n")
                    .into_response();
            }
            let query = request.uri().query().map(str::to_owned);
            handler(node, query).await.into_response()
        },
    )
}

/// A gRPC call of a service that does not exist, or a page that does not.
async fn not_found(request: Request) -> Response {
    if is_grpc(request.headers()) {
        let path = request.uri().path();
        let service_and_method = path.strip_prefix('/').unwrap_or(path).rsplit_once('/');
        let status = Status::unimplemented(match service_and_method {
            Some((service, _)) => format!("unknown service {service}"),
            None => format!("malformed method name: {path:?}"),
        });
        return status.into_http::<Body>().into_response();
    }
    let head = [(header::CONTENT_TYPE, TEXT)];
    (StatusCode::NOT_FOUND, head, "404 page not found\n").into_response()
}

fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/grpc"))
}
