//! What a caller's metadata asks for, beside the request itself.

use tonic::metadata::MetadataMap;

use super::{caller::Caller, context::Context, errors::ApiError};
use crate::{
    clock,
    node::{Node, NodeError},
};

/// Periods of one election timeout without a leader after which a stream that insists on one ends.
const LEADERLESS_PERIODS_MAX: u32 = 3;

/// Checks the metadata of every call, in etcd's order; says who calls.
///
/// # Errors
/// `client-api-version` is not UTF-8, or the caller insists on a leader and there is none.
pub(super) fn check(context: &Context, metadata: &MetadataMap) -> Result<Caller, ApiError> {
    check_values(metadata, context.node.leader())?;
    Ok(Caller::of(metadata))
}

fn check_values(metadata: &MetadataMap, leader: Option<u64>) -> Result<(), ApiError> {
    let version = metadata.get("client-api-version");
    if version.is_some_and(|version| std::str::from_utf8(version.as_bytes()).is_err()) {
        return Err(ApiError::InvalidClientApiVersion);
    }
    if requires_leader(metadata) && leader.is_none() {
        return Err(NodeError::NoLeader.into());
    }
    Ok(())
}

/// Whether the caller wants no answer from a member that knows no leader.
pub(super) fn requires_leader(metadata: &MetadataMap) -> bool {
    metadata
        .get("hasleader")
        .is_some_and(|value| value.as_bytes() == b"true")
}

/// Ends when the node has had no leader for so long that a stream that insists on one must end.
pub(super) async fn leader_lost(node: &Node) {
    let period = node.options().election_timeout;
    let mut leaderless_periods = 0;
    while leaderless_periods < LEADERLESS_PERIODS_MAX {
        clock::sleep(period).await;
        match node.leader() {
            Some(_) => leaderless_periods = 0,
            None => leaderless_periods += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;

    fn metadata(key: &'static str, value: &[u8]) -> MetadataMap {
        let mut headers = HeaderMap::new();
        headers.insert(key, HeaderValue::from_bytes(value).expect("a header value"));
        MetadataMap::from_headers(headers)
    }

    #[test]
    fn insisting_on_a_leader_needs_one() {
        let insists = metadata("hasleader", b"true");
        assert_eq!(
            check_values(&insists, None),
            Err(NodeError::NoLeader.into())
        );
        assert_eq!(check_values(&insists, Some(1)), Ok(()));
        assert_eq!(check_values(&metadata("hasleader", b"1"), None), Ok(()));
        assert_eq!(check_values(&MetadataMap::new(), None), Ok(()));
    }

    #[test]
    fn the_clients_version_is_text() {
        assert_eq!(
            check_values(&metadata("client-api-version", b"3.7"), None),
            Ok(())
        );
        assert_eq!(
            check_values(&metadata("client-api-version", "ü".as_bytes()), None),
            Ok(())
        );
        let garbage = metadata("client-api-version", b"\xff\xfe");
        assert_eq!(
            check_values(&garbage, None),
            Err(ApiError::InvalidClientApiVersion)
        );
    }
}
