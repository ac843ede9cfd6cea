//! Probes and pages over plain HTTP.

use http::{Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use tonic::body::Body;
use tower::ServiceExt as _;

use super::support::Member;

/// Status, `Content-Type`, `Allow` and body.
pub(super) async fn ask(
    member: &Member,
    method: Method,
    path: &str,
) -> (StatusCode, String, Option<String>, String) {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty());
    let answer = member
        .channel()
        .oneshot(request.expect("a request"))
        .await
        .expect("an answer");
    let (head, body) = answer.into_parts();
    let text_of = |name| {
        let value = head.headers.get(name)?;
        Some(value.to_str().expect("text").to_owned())
    };
    let (kind, allow) = (text_of(header::CONTENT_TYPE), text_of(header::ALLOW));
    let body = body.collect().await.expect("a body").to_bytes();
    (
        head.status,
        kind.unwrap_or_default(),
        allow,
        String::from_utf8(body.to_vec()).expect("text"),
    )
}

pub(super) async fn probes_answer_get_only(member: Member) {
    let text = "text/plain; charset=utf-8".to_owned();
    for path in [
        "/health",
        "/health?serializable=true",
        "/health?exclude=NOSPACE",
    ] {
        let healthy = ask(&member, Method::GET, path).await;
        let body = r#"{"health":"true","reason":""}"#.to_owned();
        assert_eq!(healthy, (StatusCode::OK, text.clone(), None, body));
    }
    let (status, kind, _, version) = ask(&member, Method::GET, "/version").await;
    assert_eq!((status, &*kind), (StatusCode::OK, "application/json"));
    assert!(
        version.starts_with(r#"{"etcdserver":"3.5.30","etcdcluster":""#),
        "{version}"
    );

    for path in ["/health", "/version"] {
        for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
            let refused = ask(&member, method, path).await;
            let (body, allow) = ("Method Not Allowed\n".to_owned(), Some("GET".to_owned()));
            assert_eq!(
                refused,
                (StatusCode::METHOD_NOT_ALLOWED, text.clone(), allow, body)
            );
        }
        let (status, _, allow, body) = ask(&member, Method::HEAD, path).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(
            (allow.as_deref(), &*body),
            (Some("GET"), ""),
            "HEAD has no body"
        );
    }
}

pub(super) async fn pages_that_do_not_exist_are_not_found(member: Member) {
    for path in ["/", "/v2/keys", "/healthy"] {
        let (status, _, _, body) = ask(&member, Method::GET, path).await;
        assert_eq!(
            (status, &*body),
            (StatusCode::NOT_FOUND, "404 page not found\n"),
            "{path}"
        );
    }
}
