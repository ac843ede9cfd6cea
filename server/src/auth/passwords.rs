//! Passwords and their hashes. Hashing takes time on purpose, so it is done apart from the threads
//! that serve, and only so much of it at once.

use std::sync::{
    OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use bcrypt::Version;
use tokio::sync::Semaphore;

use crate::runtime;

/// Hashes that are computed at the same time; one takes some fifty milliseconds at the default cost.
const CONCURRENT_MAX: usize = 2;

/// Hashes that may wait for their turn.
const WAITING_MAX: usize = 256;

/// bcrypt looks at no more bytes of a password.
const PASSWORD_BYTES_MAX: usize = 72;

/// Why a password cannot be hashed or compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PasswordError {
    /// Longer than 72 bytes.
    TooLong,
    /// Too many others wait for theirs.
    Busy,
    /// The system gives no random numbers.
    NoEntropy,
}

/// See the module.
pub(crate) struct Passwords {
    cost: u32,
    turns: Semaphore,
    waiting: AtomicUsize,
    nobodys: OnceLock<String>,
}

impl Passwords {
    pub(super) fn new(cost: u32) -> Self {
        Self {
            cost,
            turns: Semaphore::new(CONCURRENT_MAX),
            waiting: AtomicUsize::new(0),
            nobodys: OnceLock::new(),
        }
    }

    /// The hash under which a password is kept.
    ///
    /// # Errors
    /// A [`PasswordError`].
    pub(crate) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        let cost = self.cost;
        let hashed = self.in_turn(move || bcrypt::hash_with_result(password, cost));
        let parts = hashed.await?.map_err(|_| PasswordError::NoEntropy)?;
        // What etcd writes and reads.
        Ok(parts.format_for_version(Version::TwoA))
    }

    /// Whether a password has this hash. Takes the same time whatever the answer.
    ///
    /// # Errors
    /// [`PasswordError::Busy`].
    pub(crate) async fn is_right(
        &self,
        password: String,
        hash: String,
    ) -> Result<bool, PasswordError> {
        // A hash that is none belongs to no password.
        self.in_turn(move || bcrypt::verify(password, &hash).unwrap_or(false))
            .await
    }

    /// A hash to compare with where there is no such user, so that the time does not tell.
    pub(crate) fn nobodys_hash(&self) -> String {
        // Of some password; the cost is what counts.
        let salt_and_digest = "XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga";
        let hash = || format!("$2a${:02}${salt_and_digest}", self.cost);
        self.nobodys.get_or_init(hash).clone()
    }

    async fn in_turn<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let _place = Place::take(&self.waiting).ok_or(PasswordError::Busy)?;
        let _turn = self.turns.acquire().await.expect("it is never closed");
        Ok(runtime::apart(work).await)
    }
}

/// One of those that wait, until it is dropped: whoever hangs up makes room.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        let others = waiting.fetch_add(1, Ordering::Relaxed);
        (others < WAITING_MAX).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    fn passwords() -> Passwords {
        Passwords::new(4)
    }

    #[tokio::test]
    async fn a_hash_fits_its_password_only() {
        let passwords = passwords();
        let hash = passwords.hash("secret".into()).await.expect("a hash");
        assert!(hash.starts_with("$2a$04$"), "{hash}");
        for (password, is_right) in [("secret", true), ("secret2", false), ("", false)] {
            let answer = passwords.is_right(password.into(), hash.clone()).await;
            assert_eq!(answer, Ok(is_right), "{password:?}");
        }
    }

    #[tokio::test]
    async fn reads_what_etcd_writes() {
        // Of Go's implementation.
        let hash = "$2a$10$XajjQvNhvvRt5GSeFk1xFeyqRrsxkhBkUiQeg0dt.wU1qD4aFDcga";
        let right = passwords().is_right("allmine".into(), hash.into()).await;
        assert_eq!(right, Ok(true));
        let wrong = passwords().is_right("allyours".into(), hash.into()).await;
        assert_eq!(wrong, Ok(false));
    }

    #[tokio::test]
    async fn a_password_may_have_72_bytes() {
        let passwords = passwords();
        let hash = passwords.hash("x".repeat(72)).await.expect("a hash");
        assert_eq!(
            passwords.is_right("x".repeat(72), hash.clone()).await,
            Ok(true)
        );
        assert_eq!(passwords.is_right("x".repeat(71), hash).await, Ok(false));
        let too_long = passwords.hash("x".repeat(73)).await;
        assert_eq!(too_long, Err(PasswordError::TooLong));
    }

    #[tokio::test]
    async fn nobodys_hash_is_computed_like_any_other() {
        let passwords = passwords();
        let hash = passwords.nobodys_hash();
        assert!(bcrypt::verify("x", &hash).is_ok(), "{hash} is well-formed");
        assert_eq!(passwords.is_right("x".into(), hash).await, Ok(false));
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let waiting = AtomicUsize::new(0);
        let places: Vec<_> = (0..WAITING_MAX).map(|_| Place::take(&waiting)).collect();
        assert!(places.iter().all(Option::is_some));
        assert!(Place::take(&waiting).is_none());
        drop(places);
        assert_eq!(waiting.into_inner(), 0);
    }
}
