//! What a caller may do that is not about keys.

use super::{caller::Caller, context::Context, errors::ApiError};

/// Whether the caller may do what only users with the role `root` may.
///
/// # Errors
/// It may not.
pub(super) async fn admin(context: &Context, caller: &Caller) -> Result<(), ApiError> {
    let permitted = context.permit(caller, |state, author| Ok(state.authorize_admin(author)?));
    permitted.await.map(drop)
}

/// Whether the caller may do what everybody may who has a token.
///
/// # Errors
/// It may not.
pub(super) async fn anyone(context: &Context, caller: &Caller) -> Result<(), ApiError> {
    let permitted = context.permit(caller, |state, author| Ok(state.authorize_anyone(author)?));
    permitted.await.map(drop)
}
