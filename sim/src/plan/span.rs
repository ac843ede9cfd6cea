//! A span of numbers to draw from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The numbers from the first to the second, both included. In TOML: `[500, 4000]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span(pub u64, pub u64);

impl Span {
    /// The least number.
    pub fn min(self) -> u64 {
        self.0
    }

    /// The greatest number.
    pub fn max(self) -> u64 {
        self.1
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.0, self.1)
    }
}
