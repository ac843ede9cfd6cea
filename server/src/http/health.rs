//! `GET /health`: may traffic be sent here? Needs no credentials.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::Value;

use super::TEXT;
use crate::{api, node::Node};

/// Healthy is who knows a leader and can read linearizably. `?serializable=true` asks only whether
/// this member answers by itself. An alarm makes it unhealthy in any case, unless `?exclude=` names
/// its kind.
pub(super) async fn health(node: Arc<Node>, query: Option<String>) -> Response {
    let serializable = query
        .as_deref()
        .is_some_and(|query| has(query, "serializable", "true"));
    let alarm = raised_alarm(&node, query.as_deref().unwrap_or_default());
    let reason = match alarm {
        Some(kind) => Some(format!("ALARM {kind}")),
        None => unhealthy_because(&node, serializable).await,
    };
    match reason {
        None => {
            let body = render("true", String::new());
            (StatusCode::OK, [(header::CONTENT_TYPE, TEXT)], body).into_response()
        }
        Some(reason) => {
            let body = render("false", reason) + "\n";
            let head = [
                (header::CONTENT_TYPE, TEXT),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (StatusCode::SERVICE_UNAVAILABLE, head, body).into_response()
        }
    }
}

/// The first alarm that the query does not overlook.
fn raised_alarm(node: &Node, query: &str) -> Option<&'static str> {
    let overlooked = |kind: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.any(|pair| pair == ("exclude", kind))
    };
    node.with_state(|state| {
        let mut kinds = state.alarms().map(|alarm| api::alarm_kind_name(alarm.kind));
        kinds.find(|kind| !overlooked(kind))
    })
}

async fn unhealthy_because(node: &Node, serializable: bool) -> Option<String> {
    if serializable {
        return None;
    }
    if node.leader().is_none() {
        return Some("RAFT NO LEADER".to_owned());
    }
    let error = node.read_barrier().await.err()?;
    Some(format!("RANGE ERROR:{}", api::status(error).message()))
}

/// "true" and "false" are text in it.
fn render(health: &'static str, reason: String) -> String {
    format!(
        r#"{{"health":"{health}","reason":{}}}"#,
        Value::String(reason)
    )
}

/// Whether the query gives `name` this value, the first time it is named.
fn has(query: &str, name: &str, value: &str) -> bool {
    let mut pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs
        .find(|(found, _)| *found == name)
        .is_some_and(|(_, found)| found == value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_etcds() {
        assert_eq!(
            render("true", String::new()),
            r#"{"health":"true","reason":""}"#
        );
        let reason = "RAFT NO LEADER".to_owned();
        assert_eq!(
            render("false", reason),
            r#"{"health":"false","reason":"RAFT NO LEADER"}"#
        );
    }

    #[test]
    fn reads_the_query() {
        assert!(has("serializable=true", "serializable", "true"));
        assert!(has(
            "exclude=NOSPACE&serializable=true",
            "serializable",
            "true"
        ));
        assert!(!has(
            "serializable=false&serializable=true",
            "serializable",
            "true"
        ));
        assert!(!has("serializable", "serializable", "true"));
        assert!(!has("", "serializable", "true"));
    }
}
