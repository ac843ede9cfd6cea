//! Readers that wait until this member has applied an index.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::oneshot;

/// The applied index, and who waits for it to grow.
pub(crate) struct AppliedIndex {
    index: AtomicU64,
    waiting: Mutex<BTreeMap<u64, Vec<oneshot::Sender<()>>>>,
}

impl AppliedIndex {
    pub(crate) fn new(index: u64) -> Self {
        Self {
            index: AtomicU64::new(index),
            waiting: Mutex::default(),
        }
    }

    /// The applied index.
    pub(crate) fn get(&self) -> u64 {
        self.index.load(Ordering::Acquire)
    }

    /// Moves on to `index` and wakes all who waited for it or for less.
    pub(crate) fn advance(&self, index: u64) {
        let ready = {
            let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
            // Stored under the lock: who finds too small an index below is in the map by then.
            self.index.store(index, Ordering::Release);
            if waiting.is_empty() {
                return;
            }
            let later = waiting.split_off(&(index + 1));
            std::mem::replace(&mut *waiting, later)
        };
        for waiter in ready.into_values().flatten() {
            let _ = waiter.send(());
        }
    }

    /// Number of readers that wait.
    pub(crate) fn len(&self) -> usize {
        let waiting = self.waiting.lock().expect("no holder of this lock panics");
        let readers = waiting.values().flatten();
        readers.filter(|reader| !reader.is_closed()).count()
    }

    /// Drops all who wait: the server stops.
    pub(crate) fn close(&self) {
        self.waiting
            .lock()
            .expect("no holder of this lock panics")
            .clear();
    }

    /// Waits until `index` is applied, or the server stops.
    pub(crate) async fn reached(&self, index: u64) {
        if self.get() >= index {
            return;
        }
        let receiver = {
            let mut waiting = self.waiting.lock().expect("no holder of this lock panics");
            if self.get() >= index {
                return;
            }
            let (sender, receiver) = oneshot::channel();
            waiting.entry(index).or_default().push(sender);
            receiver
        };
        // An error means that the server stops, which the reader hears of itself.
        let _ = receiver.await;
    }
}
