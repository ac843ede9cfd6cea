//! Who a client is: passwords, and the tokens that stand for them (contract api.md §8). What a
//! user may do is the core's to say.

mod config;
mod jwt;
mod passwords;
mod ring_provider;
mod simple;

use std::io;

pub use self::config::{AuthConfig, AuthConfigError, JwtConfig, SigningMethod, TokenConfig};
pub(crate) use self::{
    jwt::{JwtError, JwtTokens},
    passwords::{PasswordError, Passwords},
    simple::{SimpleToken, SimpleTokens, TokenEffect},
};

/// What a member knows by which to tell who a client is.
pub struct Auth {
    /// The tokens.
    pub(crate) tokens: Tokens,
    /// The passwords.
    pub(crate) passwords: Passwords,
}

/// The kind of tokens that all members of a cluster are configured for.
pub(crate) enum Tokens {
    /// Random ones, which every member keeps in memory.
    Simple(SimpleTokens),
    /// Signed ones, which nobody has to keep.
    Jwt(JwtTokens),
}

impl Auth {
    /// As configured.
    ///
    /// # Errors
    /// A key cannot be read, or is none for the signing method.
    pub fn new(config: &AuthConfig) -> Result<Self, StartError> {
        let tokens = match &config.tokens {
            TokenConfig::Simple { ttl } => Tokens::Simple(SimpleTokens::new(*ttl)),
            TokenConfig::Jwt(config) => Tokens::Jwt(JwtTokens::load(config)?),
        };
        Ok(Self {
            tokens,
            passwords: Passwords::new(config.bcrypt_cost),
        })
    }

    /// Passes over the tokens of entries up to the log's last one when the member was started: they
    /// are of its life before.
    pub(crate) fn starting_behind(mut self, last_index: u64) -> Self {
        if let Tokens::Simple(tokens) = &mut self.tokens {
            tokens.start_behind(last_index);
        }
        self
    }

    /// Hears that an entry with this effect was applied.
    pub(crate) fn applied(&self, index: u64, effect: TokenEffect) {
        if let Tokens::Simple(tokens) = &self.tokens {
            tokens.applied(index, effect);
        }
    }

    /// Hears that entries were passed over, and with them perhaps the end of tokens.
    pub(crate) fn restored(&self) {
        if let Tokens::Simple(tokens) = &self.tokens {
            tokens.forget();
        }
    }
}

/// Why `--auth-token` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A key file that cannot be read.
    #[error(
        "--auth-token: cannot read {path}: {error}; give {option} a PEM file that this user may read"
    )]
    Unreadable {
        /// `pub-key` or `priv-key`.
        option: &'static str,
        /// The file.
        path: String,
        /// What the system says.
        error: io::Error,
    },
    /// A file with something else in it.
    #[error("--auth-token: {path} holds no key for {method}; give {option} a PEM file with one")]
    WrongKey {
        /// `pub-key` or `priv-key`.
        option: &'static str,
        /// The file.
        path: String,
        /// The signing method.
        method: &'static str,
    },
    /// Two keys that do not belong together.
    #[error("--auth-token: pub-key is not the public half of priv-key; give a pair, or only one")]
    Mismatch,
}
