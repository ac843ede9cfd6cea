//! `GET /version`.

use std::sync::Arc;

use axum::response::IntoResponse;
use http::header;
use serde_json::Value;

use crate::{node::Node, version::ETCD_VERSION};

/// This server's version of etcd, and the one that the cluster has agreed on.
pub(super) async fn version(node: Arc<Node>, _query: Option<String>) -> impl IntoResponse {
    let agreed = node.with_state(|state| state.cluster_version().map(str::to_owned));
    let body = render(agreed);
    ([(header::CONTENT_TYPE, "application/json")], body)
}

fn render(agreed: Option<String>) -> String {
    let agreed = Value::String(agreed.unwrap_or_else(|| "not_decided".to_owned()));
    format!(r#"{{"etcdserver":"{ETCD_VERSION}","etcdcluster":{agreed}}}"#)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_etcds() {
        let agreed = render(Some("3.5.0".to_owned()));
        assert_eq!(agreed, r#"{"etcdserver":"3.5.30","etcdcluster":"3.5.0"}"#);
        assert_eq!(
            render(None),
            r#"{"etcdserver":"3.5.30","etcdcluster":"not_decided"}"#
        );
    }
}
