//! The check between a request and a command: a [`Valid`] value proves that it was made.

use std::ops::Deref;

/// A request that has passed its check. Only this module builds one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Valid<T>(T);

impl<T> Deref for Valid<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
