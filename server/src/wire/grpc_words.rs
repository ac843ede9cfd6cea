//! tonic's own refusals, in the codes and words of gRPC for Go, which etcd's clients know.

use http::Response;
use tonic::{Code, Status, body::Body};

/// Rewrites a response that is one of tonic's refusals; all others pass untouched. `path` is the
/// request's.
pub(super) fn rewrite(response: Response<Body>, path: &str) -> Response<Body> {
    // Only a response without a body has its status in the head.
    let Some(status) = Status::from_header_map(response.headers()) else {
        return response;
    };
    let service_and_method = path
        .strip_prefix('/')
        .and_then(|path| path.rsplit_once('/'));
    match (status.code(), service_and_method) {
        (Code::Unimplemented, Some((service, method))) if status.message().is_empty() => {
            Status::unimplemented(format!("unknown method {method} for service {service}"))
                .into_http()
        }
        (Code::OutOfRange, _) => match too_large(&status) {
            Some(status) => status.into_http(),
            None => response,
        },
        _ => response,
    }
}

/// The same for an error that a handler finds in its request stream.
pub fn in_grpc_words(status: Status) -> Status {
    too_large(&status).unwrap_or(status)
}

/// tonic: "Error, decoded message length too large: found X bytes, the limit is: Y bytes".
fn too_large(status: &Status) -> Option<Status> {
    let words = status
        .message()
        .strip_prefix("Error, decoded message length too large: found ")?;
    let (found, rest) = words.split_once(" bytes, the limit is: ")?;
    let limit = rest.strip_suffix(" bytes")?;
    let message = format!("grpc: received message larger than max ({found} vs. {limit})");
    Some(Status::resource_exhausted(message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(status: Status, path: &str) -> (Code, String) {
        let response = rewrite(status.into_http(), path);
        let status = Status::from_header_map(response.headers()).expect("still a refusal");
        (status.code(), status.message().to_owned())
    }

    #[test]
    fn speaks_like_grpc_for_go() {
        let unknown = rewritten(Status::unimplemented(""), "/etcdserverpb.KV/Nope");
        let text = "unknown method Nope for service etcdserverpb.KV";
        assert_eq!(unknown, (Code::Unimplemented, text.to_owned()));

        let tonic = "Error, decoded message length too large: found 9 bytes, the limit is: 5 bytes";
        let large = rewritten(Status::out_of_range(tonic), "/etcdserverpb.KV/Put");
        let text = "grpc: received message larger than max (9 vs. 5)";
        assert_eq!(large, (Code::ResourceExhausted, text.to_owned()));
    }

    #[test]
    fn leaves_everything_else_alone() {
        let ours = Status::out_of_range("etcdserver: mvcc: required revision has been compacted");
        assert_eq!(
            rewritten(ours.clone(), "/a/b"),
            (ours.code(), ours.message().to_owned())
        );
        let ours = Status::unimplemented("not yet");
        assert_eq!(
            rewritten(ours.clone(), "/a/b"),
            (ours.code(), ours.message().to_owned())
        );
        let plain = rewrite(Response::new(Body::empty()), "/health");
        assert!(Status::from_header_map(plain.headers()).is_none());
    }
}
