//! When a member last heard from its leader. Raft goes by what it was told last, however long ago;
//! clients want to know whether there is a leader now.

use std::{
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use crate::clock::{self, Instant};

/// The last sign of life of a leader. Clones share it.
#[derive(Clone, Default)]
pub(super) struct LeaderContact(Arc<Mutex<Option<Contact>>>);

#[derive(Clone, Copy)]
struct Contact {
    term: u64,
    at: Instant,
}

impl LeaderContact {
    fn last(&self) -> MutexGuard<'_, Option<Contact>> {
        self.0.lock().expect("no holder of this lock panics")
    }

    /// The leader of `term` has sent something. One that has been replaced does not count.
    pub(super) fn heard(&self, term: u64) {
        let mut last = self.last();
        if last.is_none_or(|last| last.term <= term) {
            let at = clock::now();
            *last = Some(Contact { term, at });
        }
    }

    /// For how long the leader of `term` has been silent; `None` if it was never heard.
    pub(super) fn silence(&self, term: u64) -> Option<Duration> {
        let last = (*self.last()).filter(|last| last.term == term)?;
        Some(last.at.elapsed())
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use super::*;

    #[test]
    fn only_the_newest_leader_counts() {
        let contact = LeaderContact::default();
        assert_eq!(contact.silence(2), None);
        contact.heard(2);
        assert!(contact.silence(2).is_some());
        assert_eq!(contact.silence(3), None, "not heard yet");
        contact.heard(3);
        contact.heard(2);
        assert_eq!(contact.silence(2), None, "replaced");
        assert!(contact.silence(3).is_some());
    }
}
