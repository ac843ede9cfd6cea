//! A flag that is raised once and that many tasks can wait for.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

/// Raised once, seen by all clones. Says "stop", "cut", "done".
#[derive(Clone, Debug, Default)]
pub struct Signal(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    raised: AtomicBool,
    waiting: Notify,
}

impl Signal {
    /// A signal that is not raised yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Raises it. Again is nothing new.
    pub fn raise(&self) {
        self.0.raised.store(true, Ordering::Release);
        self.0.waiting.notify_waiters();
    }

    /// Whether it has been raised.
    pub fn is_raised(&self) -> bool {
        self.0.raised.load(Ordering::Acquire)
    }

    /// Ends once it is raised; at once if it has been.
    pub async fn raised(&self) {
        let mut notified = std::pin::pin!(self.0.waiting.notified());
        // Queue first, look then: a raise between the two wakes this task.
        notified.as_mut().enable();
        if !self.is_raised() {
            notified.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn waits_until_raised_and_never_again() {
        let signal = Signal::new();
        let mut before = Box::pin(signal.raised());
        assert_eq!(before.as_mut().now_or_never(), None);
        signal.clone().raise();
        assert_eq!(before.now_or_never(), Some(()));
        assert_eq!(signal.raised().now_or_never(), Some(()));
    }
}
