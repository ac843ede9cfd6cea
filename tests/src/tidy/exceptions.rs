//! Breaches that are accepted, each with its reason.

use super::Exception;

pub(super) const EXCEPTIONS: &[Exception] = &[];
