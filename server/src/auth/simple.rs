//! Simple tokens: `LETTERS.INDEX`. The letters are random and chosen by the member that has checked
//! the password; the index is that of the log entry that tells all members. They live in memory, for
//! as long as they are used.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use quorate_core::{
    Command, Error, Response,
    auth::AuthRequest,
    planted::{Bug, is_planted},
};
use subtle::ConstantTimeEq as _;

use crate::clock::{self, Instant};

/// Random letters of a token: 91 bits.
const SECRET_LETTERS: usize = 16;

const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// Bytes from here on would make some letters likelier than others.
const EVEN_BYTES: u8 = 208;

/// Tokens in memory at the least before those are looked for whose time is up.
const SWEEP_TOKENS_MIN: usize = 64;

/// The tokens of a cluster, as one member knows them.
pub(crate) struct SimpleTokens {
    ttl: Duration,
    replayed_index: u64,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// By index, which is no secret: letters are only ever compared in constant time.
    tokens: BTreeMap<u64, Entry>,
    /// So many tokens make it worthwhile to look for those whose time is up.
    sweep_at: usize,
}

struct Entry {
    secret: String,
    user: Arc<str>,
    used_at: Instant,
}

/// A token that a client has sent, in its parts.
#[derive(Clone, Copy)]
pub(crate) struct SimpleToken<'a> {
    secret: &'a str,
    /// The log index at which members know it.
    pub(crate) index: u64,
}

impl<'a> SimpleToken<'a> {
    /// Reads a token; `None` for what cannot be one.
    pub(crate) fn parse(token: &'a str) -> Option<Self> {
        let (secret, index) = token.split_once('.')?;
        // No sign, as Rust's parser would take it.
        let is_number = index.bytes().all(|byte| byte.is_ascii_digit());
        let index = index.parse().ok().filter(|_| is_number)?;
        Some(Self { secret, index })
    }
}

/// What a command does to tokens when it succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenEffect {
    /// A user gets one with these letters.
    Granted {
        /// The user.
        user: String,
        /// The letters.
        secret: String,
    },
    /// All of a user's end.
    EndedOf(String),
    /// All end.
    Ended,
}

impl TokenEffect {
    /// `None` for all commands that leave tokens alone.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        match command {
            Command::Authenticate { user, secret, .. } => Some(Self::Granted {
                user: user.clone(),
                secret: secret.clone(),
            }),
            Command::Auth(request) => match &**request {
                AuthRequest::Disable => Some(Self::Ended),
                AuthRequest::UserDelete { .. } if is_planted(Bug::TokenOutlivesUser) => None,
                AuthRequest::UserChangePassword { .. }
                    if is_planted(Bug::TokenOutlivesPassword) =>
                {
                    None
                }
                AuthRequest::UserDelete { name } | AuthRequest::UserChangePassword { name, .. } => {
                    Some(Self::EndedOf(name.clone()))
                }
                _ => None,
            },
            _ => None,
        }
    }

    /// Only if the command did succeed.
    pub(crate) fn after(self, result: &Result<Response, Error>) -> Option<Self> {
        result.is_ok().then_some(self)
    }
}

impl SimpleTokens {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            ttl,
            replayed_index: 0,
            table: Mutex::default(),
        }
    }

    /// Passes over the entries up to this one, which the member has applied in an earlier life:
    /// their tokens may long be over.
    pub(super) fn start_behind(&mut self, last_index: u64) {
        self.replayed_index = last_index;
    }

    /// Ends all tokens, as far as this member is concerned.
    pub(super) fn forget(&self) {
        self.table().tokens.clear();
    }

    /// Letters for a new token.
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub(crate) fn secret() -> Result<String, getrandom::Error> {
        let mut secret = String::with_capacity(SECRET_LETTERS);
        while secret.len() < SECRET_LETTERS {
            let mut random = [0; 2 * SECRET_LETTERS];
            getrandom::fill(&mut random)?;
            let even = random.into_iter().filter(|byte| *byte < EVEN_BYTES);
            let letters = even.map(|byte| char::from(LETTERS[usize::from(byte) % LETTERS.len()]));
            secret.extend(letters.take(SECRET_LETTERS - secret.len()));
        }
        Ok(secret)
    }

    /// Whose token this is. Its time begins anew.
    pub(crate) fn user(&self, token: SimpleToken<'_>) -> Option<Arc<str>> {
        let now = clock::now();
        let mut table = self.table();
        let entry = table.tokens.get_mut(&token.index)?;
        let is_the_same = entry.secret.as_bytes().ct_eq(token.secret.as_bytes());
        if !bool::from(is_the_same) {
            return None;
        }
        if self.is_over(entry, now) {
            table.tokens.remove(&token.index);
            return None;
        }
        entry.used_at = now;
        Some(entry.user.clone())
    }

    /// The entry at `index` has been applied with this effect.
    pub(super) fn applied(&self, index: u64, effect: TokenEffect) {
        if index <= self.replayed_index {
            return;
        }
        let now = clock::now();
        let mut table = self.table();
        match effect {
            TokenEffect::Granted { user, secret } => {
                let entry = Entry {
                    secret,
                    user: user.into(),
                    used_at: now,
                };
                table.tokens.insert(index, entry);
                if table.tokens.len() > table.sweep_at {
                    table.tokens.retain(|_, entry| !self.is_over(entry, now));
                    // Each token that stays is looked at once more when as many have come.
                    table.sweep_at = (2 * table.tokens.len()).max(SWEEP_TOKENS_MIN);
                }
            }
            TokenEffect::EndedOf(name) => {
                table.tokens.retain(|_, entry| *entry.user != *name);
            }
            TokenEffect::Ended => table.tokens.clear(),
        }
    }

    fn is_over(&self, entry: &Entry, now: Instant) -> bool {
        now - entry.used_at >= self.ttl
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().expect("no holder of this lock panics")
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    fn granted(user: &str, secret: &str) -> TokenEffect {
        TokenEffect::Granted {
            user: user.to_owned(),
            secret: secret.to_owned(),
        }
    }

    fn user(tokens: &SimpleTokens, token: &str) -> Option<String> {
        let token = SimpleToken::parse(token)?;
        tokens.user(token).map(|user| user.to_string())
    }

    fn tokens(ttl: Duration) -> SimpleTokens {
        let mut tokens = SimpleTokens::new(ttl);
        tokens.start_behind(10);
        for (index, user, secret) in [(10, "old", "abc"), (11, "al", "def"), (12, "bo", "ghi")] {
            tokens.applied(index, granted(user, secret));
        }
        tokens
    }

    #[test]
    fn a_token_is_its_letters_and_its_index() {
        let tokens = tokens(Duration::from_secs(300));
        assert_eq!(user(&tokens, "def.11").as_deref(), Some("al"));
        assert_eq!(user(&tokens, "ghi.12").as_deref(), Some("bo"));
        let none = [
            "",
            ".",
            "def",
            "def.",
            "def.12",
            "de.11",
            "defg.11",
            "def.+11",
            "def.11.",
            "def.-1",
            "def.99999999999999999999",
            "ü.11",
        ];
        for none in none {
            assert_eq!(user(&tokens, none), None, "{none:?}");
        }
    }

    #[test]
    fn what_is_replayed_grants_none() {
        assert_eq!(user(&tokens(Duration::from_secs(300)), "abc.10"), None);
    }

    #[test]
    fn a_token_ends_with_its_password() {
        let tokens = tokens(Duration::from_secs(300));
        tokens.applied(13, TokenEffect::EndedOf("al".to_owned()));
        assert_eq!(user(&tokens, "def.11"), None);
        assert_eq!(user(&tokens, "ghi.12").as_deref(), Some("bo"));
        tokens.applied(14, TokenEffect::Ended);
        assert_eq!(user(&tokens, "ghi.12"), None);
    }

    #[test]
    fn a_token_ends_when_its_time_is_up() {
        let tokens = tokens(Duration::ZERO);
        assert_eq!(user(&tokens, "def.11"), None);
        assert_eq!(tokens.table().tokens.len(), 1, "it is forgotten");
    }

    #[test]
    fn tokens_that_are_over_do_not_pile_up() {
        let tokens = SimpleTokens::new(Duration::ZERO);
        for index in 1..1000 {
            tokens.applied(index, granted("al", "def"));
        }
        assert!(tokens.table().tokens.len() <= SWEEP_TOKENS_MIN);
    }

    #[test]
    fn letters_are_letters_and_differ() {
        let (one, other) = (SimpleTokens::secret(), SimpleTokens::secret());
        let (one, other) = (one.expect("random"), other.expect("random"));
        assert_ne!(one, other);
        assert!(one.len() == SECRET_LETTERS && one.bytes().all(|b| b.is_ascii_alphabetic()));
    }
}
