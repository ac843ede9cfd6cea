//! What takes space is refused before anything else is looked at: also a request that is wrong.

use super::errors::ApiError;
use crate::{
    node::{Node, lease_cost, put_cost},
    proto::etcdserverpb::{PutRequest, RequestOp, TxnRequest, request_op::Request},
};

/// Refuses a put for which there is no room.
pub(super) async fn check_put(node: &Node, put: &PutRequest) -> Result<(), ApiError> {
    Ok(node.check_quota(put_cost(&put.key, &put.value)).await?)
}

/// Refuses a grant for which there is no room.
pub(super) async fn check_grant(node: &Node) -> Result<(), ApiError> {
    Ok(node.check_quota(lease_cost()).await?)
}

/// Refuses a transaction for which there is no room, whichever of its branches is taken.
pub(super) async fn check_txn(node: &Node, txn: &TxnRequest) -> Result<(), ApiError> {
    Ok(node.check_quota(txn_cost(txn)).await?)
}

/// How deep transactions nest is bounded by the decoder of messages.
fn txn_cost(txn: &TxnRequest) -> u64 {
    let branch = |ops: &[RequestOp]| ops.iter().map(op_cost).sum::<u64>();
    branch(&txn.success).max(branch(&txn.failure))
}

fn op_cost(op: &RequestOp) -> u64 {
    match &op.request {
        Some(Request::RequestPut(put)) => put_cost(&put.key, &put.value),
        Some(Request::RequestTxn(nested)) => txn_cost(nested),
        Some(Request::RequestRange(_) | Request::RequestDeleteRange(_)) | None => 0,
    }
}
