//! From a name and a password to a token.

use quorate_core::{
    Command, Error, Response as Outcome,
    auth::{AuthError, Author},
    planted::{Bug, is_planted},
    probe,
};

use super::{context::Context, errors::ApiError};
use crate::{
    auth::{SimpleTokens, Tokens},
    clock,
    node::NodeError,
};

/// A token for whoever knows the password. Needs none itself, and looks at none.
///
/// # Errors
/// [`AuthError::AuthNotEnabled`], [`AuthError::AuthFailed`], [`AuthError::NoPasswordUser`]; what
/// proposing can come to.
pub(super) async fn token(
    context: &Context,
    name: String,
    password: String,
) -> Result<String, ApiError> {
    // This member must know of every change of a password that was acknowledged.
    if !is_planted(Bug::LoginReadsItsOwn) {
        context.node.read_barrier().await?;
    }
    let timeout = context.node.limits().request_timeout;
    let attempts = async {
        let mut compared = None;
        loop {
            let auth_revision = check_password(context, &name, &password, &mut compared)
                .await
                .inspect_err(|error| note_refusal(&name, error))?;
            let granted = match &context.node.auth().tokens {
                Tokens::Jwt(tokens) => return Ok(tokens.sign(&name, auth_revision)?),
                Tokens::Simple(_) => grant(context, &name, auth_revision).await,
            };
            match granted {
                // Users or roles have changed meanwhile.
                Err(NodeError::Refused(Error::Auth(AuthError::AuthOldRevision))) => {
                    probe!(PasswordComparedAnew);
                }
                granted => return Ok(granted?),
            }
        }
    };
    clock::timeout(timeout, attempts)
        .await
        .unwrap_or(Err(NodeError::Timeout.into()))
}

/// A hash with which the password was compared, and whether it was right.
type Compared = Option<(String, bool)>;

/// The auth revision at which the password was right.
async fn check_password(
    context: &Context,
    name: &str,
    password: &str,
    compared: &mut Compared,
) -> Result<u64, ApiError> {
    let passwords = &context.node.auth().passwords;
    let (auth_revision, hash) = context.node.with_state(|state| {
        let hash = state.password_hash(name).map(str::to_owned);
        (state.auth_revision(), hash)
    });
    let (hash, is_somebodys) = match hash {
        // Nobody hears from how long it takes whether there is such a user.
        Err(AuthError::AuthFailed) => (passwords.nobodys_hash(), false),
        hash => (hash?, true),
    };
    let is_right = match compared {
        Some((before, is_right)) if *before == hash => *is_right,
        // This takes long on purpose: other users may change in that time, again and again.
        _ => {
            let is_right = passwords
                .is_right(password.to_owned(), hash.clone())
                .await?;
            *compared = Some((hash, is_right));
            is_right
        }
    };
    match is_right && is_somebodys {
        true => Ok(auth_revision),
        false => Err(AuthError::AuthFailed.into()),
    }
}

async fn grant(context: &Context, name: &str, auth_revision: u64) -> Result<String, NodeError> {
    let secret = SimpleTokens::secret().map_err(|error| {
        tracing::error!(%error, "no random numbers for a token");
        NodeError::Stopped
    })?;
    let command = Command::Authenticate {
        user: name.to_owned(),
        auth_revision,
        secret,
    };
    match context.node.propose(&Author::Member, &command).await? {
        (_, Outcome::Authenticate { token }) => Ok(token),
        _ => unreachable!("an authentication is answered as one"),
    }
}

/// Operators want to see who tries; as etcd says it.
fn note_refusal(user: &str, error: &ApiError) {
    if let ApiError::Node(NodeError::Refused(Error::Auth(
        reason @ (AuthError::AuthFailed | AuthError::NoPasswordUser),
    ))) = error
    {
        tracing::warn!(user, %reason, "invalid authentication was requested");
    }
}
