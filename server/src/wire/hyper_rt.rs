//! What hyper needs of a runtime: tasks and timers. Ours go through [`crate::runtime`] and
//! [`crate::clock`], which the simulator replaces; hyper-util's own would not.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use crate::{clock, runtime};

/// Spawns hyper's tasks on the current runtime.
#[derive(Clone, Copy, Debug)]
pub(super) struct Executor;

impl<F> hyper::rt::Executor<F> for Executor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        runtime::spawn(future);
    }
}

/// Timers on the node's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timer;

impl hyper::rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Sleep::boxed(clock::sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Sleep::boxed(clock::sleep_until(clock::Instant::from_std(deadline)))
    }

    fn now(&self) -> Instant {
        clock::now().into_std()
    }
}

/// A sleep that hyper can own.
struct Sleep(Pin<Box<clock::Sleep>>);

impl Sleep {
    fn boxed(sleep: clock::Sleep) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Self(Box::pin(sleep)))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl hyper::rt::Sleep for Sleep {}
