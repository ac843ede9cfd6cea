//! The last few published revisions, for watchers that are almost caught up.
//!
//! Without them a watcher that catches up while others write would find, each time it comes back
//! from a view, that the store has gone on, and would never be live again.

use std::collections::VecDeque;

use super::batch::Published;
use crate::limits::WatchLimits;

/// Consecutive revisions up to the last one published.
#[derive(Debug, Default)]
pub(super) struct Recent {
    published: VecDeque<Published>,
    bytes: usize,
}

impl Recent {
    /// Adds the next revision and lets go of the oldest beyond the limits.
    pub(super) fn push(&mut self, published: Published, limits: &WatchLimits) {
        self.bytes += published.bytes;
        self.published.push_back(published);
        while self.published.len() > limits.recent_revisions_max
            || self.bytes > limits.recent_bytes_max
        {
            let Some(oldest) = self.published.pop_front() else {
                break;
            };
            self.bytes -= oldest.bytes;
        }
    }

    /// Forgets everything: the revisions to come do not follow on these.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Everything published from `revision` on, or `None` if part of that is gone.
    pub(super) fn since(&self, revision: i64) -> Option<impl Iterator<Item = &Published>> {
        let oldest = self.published.front()?.revision;
        let skip = usize::try_from(revision.checked_sub(oldest)?).ok()?;
        Some(self.published.iter().skip(skip))
    }

    /// The revisions are consecutive, end with `last`, and add up to the bytes.
    pub(super) fn invariant_consecutive(&self, last: i64) -> Result<(), &'static str> {
        let newest_first = self.published.iter().rev();
        if newest_first
            .zip((0..=last).rev())
            .any(|(one, revision)| one.revision != revision)
        {
            return Err("recent revisions have a gap");
        }
        if self.bytes != self.published.iter().map(|one| one.bytes).sum::<usize>() {
            return Err("bytes of recent revisions are wrong");
        }
        Ok(())
    }
}
