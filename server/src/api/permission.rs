//! What a caller may do that is not about keys.

use super::{caller::Caller, context::Context, errors::ApiError};

/// Whether the caller may do what only users with the role `root` may.
///
/// # Errors
/// It may not.
pub(super) async fn admin(context: &Context, caller: &Caller) -> Result<(), ApiError> {
    let author = context.author(caller).await?;
    let node = &context.node;
    Ok(node.with_state(|state| state.authorize_admin(&author))?)
}

/// Whether the caller may do what everybody may who has a token.
///
/// # Errors
/// It may not.
pub(super) async fn anyone(context: &Context, caller: &Caller) -> Result<(), ApiError> {
    let author = context.author(caller).await?;
    let node = &context.node;
    Ok(node.with_state(|state| state.authorize_anyone(&author))?)
}
