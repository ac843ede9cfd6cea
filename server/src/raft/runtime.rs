//! What openraft runs on: tokio in production, madsim in the simulator.

#[cfg(not(madsim))]
pub(super) use openraft_rt_tokio::TokioRuntime as Runtime;
#[cfg(madsim)]
pub(super) use sim::SimRuntime as Runtime;

/// Monotonic time as openraft measures it, on this member's clock.
pub(super) type Instant = <Runtime as openraft_rt::AsyncRuntime>::Instant;

#[cfg(madsim)]
mod sim {
    use std::{
        convert::Infallible,
        fmt, io,
        ops::{Add, AddAssign, Sub, SubAssign},
        pin::Pin,
        task::{Context, Poll},
        time::Duration,
    };

    use openraft_rt::{AsyncRuntime, Instant as _, OptionalSend};

    use super::super::watch_channel::OrderedWatch;
    use crate::clock;

    /// openraft's runtime on madsim. Every timer runs on the clock of the node that sets it.
    pub(in super::super) struct SimRuntime(madsim::runtime::Runtime);

    impl fmt::Debug for SimRuntime {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("SimRuntime")
        }
    }

    /// Time since the start of the run by the node's own clock. openraft subtracts timeouts from
    /// "now", which may lie behind the start: subtraction saturates.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(in super::super) struct SimInstant(Duration);

    impl openraft_rt::Instant for SimInstant {
        fn now() -> Self {
            Self(clock::now().since_start())
        }
    }

    impl Add<Duration> for SimInstant {
        type Output = Self;
        fn add(self, rhs: Duration) -> Self {
            Self(self.0 + rhs)
        }
    }

    impl AddAssign<Duration> for SimInstant {
        fn add_assign(&mut self, rhs: Duration) {
            self.0 += rhs;
        }
    }

    impl Sub<Duration> for SimInstant {
        type Output = Self;
        fn sub(self, rhs: Duration) -> Self {
            Self(self.0.saturating_sub(rhs))
        }
    }

    impl SubAssign<Duration> for SimInstant {
        fn sub_assign(&mut self, rhs: Duration) {
            self.0 = self.0.saturating_sub(rhs);
        }
    }

    impl Sub for SimInstant {
        type Output = Duration;
        fn sub(self, rhs: Self) -> Duration {
            self.0.saturating_sub(rhs.0)
        }
    }

    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    pin_project_lite::pin_project! {
        /// The first of a future and a deadline.
        pub(in super::super) struct Timeout<F> {
            #[pin]
            future: F,
            deadline: Sleep,
        }
    }

    impl<F: Future> Future for Timeout<F> {
        type Output = Result<F::Output, Elapsed>;

        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
            let this = self.project();
            if let Poll::Ready(value) = this.future.poll(cx) {
                return Poll::Ready(Ok(value));
            }
            this.deadline.as_mut().poll(cx).map(|()| Err(Elapsed))
        }
    }

    /// A [`Timeout`] whose deadline came first.
    #[derive(Debug)]
    pub(in super::super) struct Elapsed;

    impl fmt::Display for Elapsed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("deadline has elapsed")
        }
    }

    /// madsim's seeded generator behind the traits of the `rand` that openraft uses.
    pub(in super::super) struct SimRng;

    impl rand::TryRng for SimRng {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(madsim::rand::RngCore::next_u32(&mut madsim::rand::thread_rng()))
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(madsim::rand::RngCore::next_u64(&mut madsim::rand::thread_rng()))
        }

        fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
            madsim::rand::RngCore::fill_bytes(&mut madsim::rand::thread_rng(), dst);
            Ok(())
        }
    }

    impl AsyncRuntime for SimRuntime {
        type JoinError = madsim::task::JoinError;
        type JoinHandle<T: OptionalSend + 'static> = madsim::task::JoinHandle<T>;
        type Sleep = Sleep;
        type Instant = SimInstant;
        type TimeoutError = Elapsed;
        type Timeout<R, T: Future<Output = R> + OptionalSend> = Timeout<T>;
        type ThreadLocalRng = SimRng;
        // These wrap tokio's channels, which know no executor and, apart from `watch`, no chance.
        type Mpsc = openraft_rt_tokio::TokioMpsc;
        type Watch = OrderedWatch;
        type Oneshot = openraft_rt_tokio::TokioOneshot;
        type Mutex<T: OptionalSend + 'static> = openraft_rt_tokio::TokioMutex<T>;

        fn spawn<T>(future: T) -> Self::JoinHandle<T::Output>
        where
            T: Future + OptionalSend + 'static,
            T::Output: OptionalSend + 'static,
        {
            madsim::task::spawn(future)
        }

        fn sleep(duration: Duration) -> Sleep {
            Box::pin(clock::sleep(duration))
        }

        fn sleep_until(deadline: SimInstant) -> Sleep {
            Self::sleep(deadline - SimInstant::now())
        }

        fn timeout<R, F: Future<Output = R> + OptionalSend>(
            duration: Duration,
            future: F,
        ) -> Timeout<F> {
            Timeout { future, deadline: Self::sleep(duration) }
        }

        fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
            deadline: SimInstant,
            future: F,
        ) -> Timeout<F> {
            Timeout { future, deadline: Self::sleep_until(deadline) }
        }

        fn is_panic(join_error: &Self::JoinError) -> bool {
            join_error.is_panic()
        }

        fn thread_rng() -> SimRng {
            SimRng
        }

        fn new(_threads: usize) -> Self {
            Self(madsim::runtime::Runtime::new())
        }

        fn block_on<F, T>(&mut self, future: F) -> T
        where
            F: Future<Output = T>,
        {
            self.0.block_on(future)
        }

        // openraft's default starts an OS thread, which the simulator forbids.
        fn spawn_blocking<F, T>(f: F) -> impl Future<Output = Result<T, io::Error>> + Send
        where
            F: FnOnce() -> T + Send + 'static,
            T: Send + 'static,
        {
            async move { Ok(f()) }
        }
    }

    #[cfg(test)]
    mod tests {
        #[test]
        fn passes_openrafts_own_suite() {
            openraft_rt::testing::Suite::<super::SimRuntime>::test_all();
        }
    }
}
