//! A watch channel that wakes its waiters in the order in which they came.
//!
//! tokio's picks one of eight shards of waiters by a counter that all runs of a process share, so
//! the order of wake-ups, and with it the whole simulated run, would differ from process to
//! process.

use std::{
    future::poll_fn,
    mem,
    sync::{Arc, Mutex, MutexGuard, RwLock, RwLockReadGuard},
    task::{Poll, Waker},
};

use openraft_rt::{
    OptionalSend, OptionalSync,
    watch::{RecvError, SendError, Watch, WatchReceiver, WatchSender},
};

/// The channel's kind, for [`openraft_rt::AsyncRuntime::Watch`].
pub(crate) struct OrderedWatch;

struct Channel<T> {
    value: RwLock<T>,
    state: Mutex<State>,
}

struct State {
    /// Grows with each change of the value.
    version: u64,
    senders: usize,
    receivers: usize,
    waiting: Vec<Waker>,
}

impl<T> Channel<T> {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }

    fn read(&self) -> RwLockReadGuard<'_, T> {
        self.value.read().expect("no writer of this value panics")
    }

    fn changed(&self) {
        let waiting = {
            let mut state = self.state();
            state.version += 1;
            mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

/// The sending half; the channel is closed when the last clone is gone.
pub(crate) struct Sender<T>(Arc<Channel<T>>);

/// The receiving half, with the version that it has seen.
pub(crate) struct Receiver<T>(Arc<Channel<T>>, u64);

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.0.state().senders += 1;
        Self(self.0.clone())
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let waiting = {
            let mut state = self.0.state();
            state.senders -= 1;
            if state.senders > 0 {
                return;
            }
            mem::take(&mut state.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.0.state().receivers += 1;
        Self(self.0.clone(), self.1)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.0.state().receivers -= 1;
    }
}

impl Watch for OrderedWatch {
    type Sender<T: OptionalSend + OptionalSync> = Sender<T>;
    type Receiver<T: OptionalSend + OptionalSync> = Receiver<T>;
    type Ref<'a, T: OptionalSend + 'a> = RwLockReadGuard<'a, T>;

    fn channel<T: OptionalSend + OptionalSync>(init: T) -> (Sender<T>, Receiver<T>) {
        let state = State {
            version: 0,
            senders: 1,
            receivers: 1,
            waiting: Vec::new(),
        };
        let channel = Arc::new(Channel {
            value: RwLock::new(init),
            state: Mutex::new(state),
        });
        (Sender(channel.clone()), Receiver(channel, 0))
    }
}

impl<T: OptionalSend + OptionalSync> WatchSender<OrderedWatch, T> for Sender<T> {
    fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.0.state().receivers == 0 {
            return Err(SendError(value));
        }
        *self
            .0
            .value
            .write()
            .expect("no writer of this value panics") = value;
        self.0.changed();
        Ok(())
    }

    fn send_if_modified<F: FnOnce(&mut T) -> bool>(&self, modify: F) -> bool {
        let modified = modify(
            &mut self
                .0
                .value
                .write()
                .expect("no writer of this value panics"),
        );
        if modified {
            self.0.changed();
        }
        modified
    }

    fn borrow_watched(&self) -> RwLockReadGuard<'_, T> {
        self.0.read()
    }

    fn subscribe(&self) -> Receiver<T> {
        let mut state = self.0.state();
        state.receivers += 1;
        let seen = state.version;
        drop(state);
        Receiver(self.0.clone(), seen)
    }
}

impl<T: OptionalSend + OptionalSync> WatchReceiver<OrderedWatch, T> for Receiver<T> {
    async fn changed(&mut self) -> Result<(), RecvError> {
        poll_fn(|cx| {
            let mut state = self.0.state();
            if state.version != self.1 {
                self.1 = state.version;
                return Poll::Ready(Ok(()));
            }
            if state.senders == 0 {
                return Poll::Ready(Err(RecvError(())));
            }
            if !state
                .waiting
                .iter()
                .any(|waker| waker.will_wake(cx.waker()))
            {
                state.waiting.push(cx.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    fn borrow_watched(&self) -> RwLockReadGuard<'_, T> {
        self.0.read()
    }

    fn borrow_and_update(&mut self) -> RwLockReadGuard<'_, T> {
        let value = self.0.read();
        self.1 = self.0.state().version;
        value
    }
}
