//! What openraft runs on: tokio in production, madsim in the simulator.

#[cfg(not(madsim))]
pub(crate) use openraft_rt_tokio::TokioRuntime as Runtime;
#[cfg(madsim)]
pub(crate) use sim::SimRuntime as Runtime;

/// Monotonic time as openraft measures it, on this member's clock.
pub(super) type Instant = <Runtime as openraft_rt::AsyncRuntime>::Instant;

#[cfg(madsim)]
mod watch_channel;

#[cfg(madsim)]
mod sim {
    use std::{convert::Infallible, fmt, io, time::Duration};

    use openraft_rt::{AsyncRuntime, OptionalSend};

    use super::watch_channel::OrderedWatch;
    use crate::clock;

    /// openraft's runtime on madsim. Every timer runs on the clock of the node that sets it.
    pub(crate) struct SimRuntime(madsim::runtime::Runtime);

    impl fmt::Debug for SimRuntime {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("SimRuntime")
        }
    }

    impl openraft_rt::Instant for clock::Instant {
        fn now() -> Self {
            clock::now()
        }
    }

    /// madsim's seeded generator behind the traits of the `rand` that openraft uses.
    pub(crate) struct SimRng;

    impl rand::TryRng for SimRng {
        type Error = Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Infallible> {
            Ok(madsim::rand::RngCore::next_u32(
                &mut madsim::rand::thread_rng(),
            ))
        }

        fn try_next_u64(&mut self) -> Result<u64, Infallible> {
            Ok(madsim::rand::RngCore::next_u64(
                &mut madsim::rand::thread_rng(),
            ))
        }

        fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
            madsim::rand::RngCore::fill_bytes(&mut madsim::rand::thread_rng(), dst);
            Ok(())
        }
    }

    impl AsyncRuntime for SimRuntime {
        type JoinError = madsim::task::JoinError;
        type JoinHandle<T: OptionalSend + 'static> = madsim::task::JoinHandle<T>;
        type Sleep = clock::Sleep;
        type Instant = clock::Instant;
        type TimeoutError = clock::Elapsed;
        type Timeout<R, T: Future<Output = R> + OptionalSend> = clock::Timeout<T>;
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

        fn sleep(duration: Duration) -> clock::Sleep {
            clock::sleep(duration)
        }

        fn sleep_until(deadline: clock::Instant) -> clock::Sleep {
            clock::sleep_until(deadline)
        }

        fn timeout<R, F: Future<Output = R> + OptionalSend>(
            duration: Duration,
            future: F,
        ) -> clock::Timeout<F> {
            clock::timeout(duration, future)
        }

        fn timeout_at<R, F: Future<Output = R> + OptionalSend>(
            deadline: clock::Instant,
            future: F,
        ) -> clock::Timeout<F> {
            clock::timeout_at(deadline, future)
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
        async fn spawn_blocking<F, T>(f: F) -> io::Result<T>
        where
            F: FnOnce() -> T + Send + 'static,
            T: Send + 'static,
        {
            Ok(f())
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
