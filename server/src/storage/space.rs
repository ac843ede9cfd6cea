//! Whether the disk has room for what a member has to write down.
//!
//! Lack of space is the one fault of a disk that passes. The log fills its segments with zeros
//! ahead of need and keeps some in reserve, so what fails for lack of space is never a batch, but
//! the making of a further segment or of a checkpoint: nothing has been acknowledged on its
//! account, and it is tried again until it succeeds.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use quorate_core::probe;

/// Pause before something that found no space is tried again.
pub(crate) const SPACE_RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// What may find no space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A segment ahead of the one in use.
    Segment = 1,
    /// A batch that is longer than a segment.
    Batch = 2,
    /// A checkpoint of this member's own.
    Checkpoint = 4,
}

/// What has found no space and is being tried again. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Space(Arc<AtomicU8>);

impl Space {
    /// Whether something has found no space.
    pub fn is_out(&self) -> bool {
        self.0.load(Ordering::Relaxed) != 0
    }

    /// There was none, as `error` says. The operator is told once.
    pub(crate) fn lacks(&self, need: Need, error: &dyn fmt::Display) {
        let before = self.0.fetch_or(need as u8, Ordering::Relaxed);
        if before & need as u8 == 0 {
            probe!(SpaceLacks);
            tracing::error!(
                "{error}; out of space: until there is room, what takes space is refused, while \
                 reads, deletes and compaction go on"
            );
        }
    }

    /// There was some.
    pub(crate) fn has(&self, need: Need) {
        let before = self.0.fetch_and(!(need as u8), Ordering::Relaxed);
        if before & need as u8 != 0 {
            let what = match need {
                Need::Segment => "the log's next segments",
                Need::Batch => "a long batch of the log",
                Need::Checkpoint => "a checkpoint",
            };
            tracing::info!("there is room again for {what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_need_counts_by_itself() {
        let space = Space::default();
        assert!(!space.is_out());
        space.lacks(Need::Segment, &"full");
        space.lacks(Need::Checkpoint, &"full");
        space.lacks(Need::Checkpoint, &"still full");
        space.has(Need::Segment);
        assert!(space.clone().is_out());
        space.has(Need::Batch);
        space.has(Need::Checkpoint);
        assert!(!space.is_out());
    }
}
