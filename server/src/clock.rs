//! The only place that knows time. Everything else asks here, so that a simulated node can have a
//! clock of its own: one that runs fast or slow, and a wall clock that is wrong or jumps.
//!
//! * [`now`] and the sleeps run on the node's monotonic clock, which never goes back.
//! * [`wall_ms`] is for people and log lines. No decision may rest on it.

use std::{
    fmt,
    future::Future,
    ops::{Add, AddAssign, Sub, SubAssign},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use pin_project_lite::pin_project;

#[cfg(not(madsim))]
use real as source;
#[cfg(madsim)]
use simulated as source;

#[cfg(madsim)]
pub use simulated::{NodeClock, jump_node_clock, reset_clocks, set_node_clock};
pub use source::Sleep;

/// A point on this node's monotonic clock. Differences saturate at zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant {
    since_start: Duration,
}

/// The node's monotonic time.
pub fn now() -> Instant {
    Instant {
        since_start: source::since_start(),
    }
}

/// Milliseconds since 1970 by the node's wall clock.
pub fn wall_ms() -> u64 {
    source::wall_ms()
}

/// Ends when `duration` has passed on the node's clock, never earlier.
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(now() + duration)
}

/// Ends at `deadline` on the node's clock, never earlier; at once if it has passed.
pub fn sleep_until(deadline: Instant) -> Sleep {
    source::sleep_until(deadline)
}

/// Gives `future` that much time. It is polled before the clock, so a result that is there wins.
pub fn timeout<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    timeout_at(now() + duration, future)
}

/// As [`timeout`], with the time that is left until `deadline`.
pub fn timeout_at<F: Future>(deadline: Instant, future: F) -> Timeout<F> {
    Timeout {
        future,
        sleep: sleep_until(deadline),
    }
}

impl Instant {
    /// A point to count from where nothing runs.
    #[cfg(test)]
    pub(crate) const START: Self = Self {
        since_start: Duration::ZERO,
    };

    /// Time from `earlier` to this; zero if `earlier` is later.
    pub fn duration_since(self, earlier: Self) -> Duration {
        self.since_start.saturating_sub(earlier.since_start)
    }

    /// Time from this to now; zero if it lies ahead.
    pub fn elapsed(self) -> Duration {
        now().duration_since(self)
    }

    /// The same point in the standard library's type, for libraries that want that one.
    pub(crate) fn into_std(self) -> std::time::Instant {
        source::start() + self.since_start
    }

    /// The point that [`Self::into_std`] gave away.
    pub(crate) fn from_std(instant: std::time::Instant) -> Self {
        Self {
            since_start: instant.saturating_duration_since(source::start()),
        }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self {
            since_start: self.since_start.saturating_add(duration),
        }
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self {
            since_start: self.since_start.saturating_sub(duration),
        }
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

/// The time given to a [`timeout`] has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("deadline has elapsed")
    }
}

impl std::error::Error for Elapsed {}

pin_project! {
    /// What [`timeout`] returns.
    #[must_use = "futures do nothing unless polled"]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        #[pin]
        sleep: Sleep,
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        this.sleep.poll(cx).map(|()| Err(Elapsed))
    }
}

#[cfg(not(madsim))]
mod real {
    //! The machine's clocks.

    use std::{
        sync::OnceLock,
        time::{Duration, Instant, SystemTime},
    };

    /// A sleeping future.
    pub type Sleep = tokio::time::Sleep;

    /// The process's first look at the clock.
    pub(super) fn start() -> Instant {
        static START: OnceLock<Instant> = OnceLock::new();
        *START.get_or_init(Instant::now)
    }

    pub(super) fn since_start() -> Duration {
        start().elapsed()
    }

    pub(super) fn wall_ms() -> u64 {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        since_1970.map_or(0, |since| since.as_millis() as u64)
    }

    pub(super) fn sleep_until(deadline: super::Instant) -> Sleep {
        tokio::time::sleep_until(deadline.into_std().into())
    }
}

#[cfg(madsim)]
mod simulated {
    //! One clock per simulated node, as a function of the simulation's true time. Integers only.

    use std::{
        cell::RefCell,
        collections::BTreeMap,
        future::Future,
        pin::Pin,
        task::{Context, Poll, Waker},
        time::{Duration, SystemTime},
    };

    use madsim::{task::NodeId, time::TimeHandle};

    const MILLION: u128 = 1_000_000;

    thread_local! {
        // A simulation runs on one thread, and its node ids are unique on it.
        static CLOCKS: RefCell<BTreeMap<NodeId, NodeClock>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// How a node's clocks run: straight lines that bend where [`set_node_clock`] is called.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct NodeClock {
        base_true_ns: u128,
        base_local_ns: u128,
        rate_ppm: i64,
        wall_offset_ms: i64,
    }

    impl NodeClock {
        /// Local nanoseconds in a million true ones.
        fn pace(&self) -> u128 {
            (MILLION as i64 + self.rate_ppm) as u128
        }

        /// What the node's monotonic clock shows at a true time not before the last bend.
        pub fn local_ns(&self, true_ns: u128) -> u128 {
            self.base_local_ns + (true_ns - self.base_true_ns) * self.pace() / MILLION
        }

        /// The least true time that takes the node's clock forward by `local_ns`.
        pub fn true_span_ns(&self, local_ns: u128) -> u128 {
            (local_ns * MILLION).div_ceil(self.pace())
        }

        /// Continues from the clock's present reading at another rate and wall offset.
        pub fn bend(&self, true_ns: u128, rate_ppm: i64, wall_offset_ms: i64) -> Self {
            assert!(rate_ppm > -(MILLION as i64), "a clock must run forward");
            let base_local_ns = self.local_ns(true_ns);
            Self {
                base_true_ns: true_ns,
                base_local_ns,
                rate_ppm,
                wall_offset_ms,
            }
        }

        /// Continues from a reading that is so much further.
        pub fn jump(&self, by: Duration) -> Self {
            Self {
                base_local_ns: self.base_local_ns + by.as_nanos(),
                ..*self
            }
        }
    }

    /// From now on the node's monotonic clock runs `rate_ppm` millionths faster (negative: slower)
    /// than true time, and its wall clock is `wall_offset_ms` off what the monotonic one has
    /// counted. Another offset at the same rate is a jump of the wall clock.
    pub fn set_node_clock(node: NodeId, rate_ppm: i64, wall_offset_ms: i64) {
        let true_ns = true_ns();
        CLOCKS.with_borrow_mut(|clocks| {
            let clock = clocks.entry(node).or_default();
            *clock = clock.bend(true_ns, rate_ppm, wall_offset_ms);
        });
    }

    /// The node's clocks, monotonic and wall, are so much further at once, as where a virtual machine
    /// was suspended. Who sleeps on the node notices when it looks at the clock the next time.
    pub fn jump_node_clock(node: NodeId, by: Duration) {
        CLOCKS.with_borrow_mut(|clocks| {
            let clock = clocks.entry(node).or_default();
            *clock = clock.jump(by);
        });
    }

    /// Forgets all clocks: for a second simulation on the same thread.
    pub fn reset_clocks() {
        CLOCKS.with_borrow_mut(BTreeMap::clear);
    }

    fn true_ns() -> u128 {
        TimeHandle::current().elapsed().as_nanos()
    }

    fn clock() -> NodeClock {
        let node = madsim::plugin::node();
        CLOCKS.with_borrow(|clocks| clocks.get(&node).copied().unwrap_or_default())
    }

    fn duration_from_ns(ns: u128) -> Duration {
        Duration::from_nanos(ns.min(u128::from(u64::MAX)) as u64)
    }

    pub(super) fn start() -> std::time::Instant {
        let time = TimeHandle::current();
        time.now_instant() - time.elapsed()
    }

    pub(super) fn since_start() -> Duration {
        duration_from_ns(clock().local_ns(true_ns()))
    }

    pub(super) fn wall_ms() -> u64 {
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let true_ms = since_1970.map_or(0, |since| since.as_millis() as i64);
        let drift_ms = (since_start().as_millis() as i64) - (true_ns() / MILLION) as i64;
        (true_ms + drift_ms + clock().wall_offset_ms).max(0) as u64
    }

    pub(super) fn sleep_until(deadline: super::Instant) -> Sleep {
        Sleep {
            deadline,
            inner: Box::pin(madsim::time::sleep(true_time_until(deadline))),
            waker: None,
        }
    }

    fn true_time_until(deadline: super::Instant) -> Duration {
        duration_from_ns(clock().true_span_ns((deadline - super::now()).as_nanos()))
    }

    /// A sleeping future. A clock that has slowed down meanwhile makes it sleep on.
    pub struct Sleep {
        deadline: super::Instant,
        inner: Pin<Box<madsim::time::Sleep>>,
        /// Who is woken by the timer that runs. madsim sets another timer at each poll, which would
        /// wake the task once for each: a timeout is polled as often as what it bounds.
        waker: Option<Waker>,
    }

    impl Future for Sleep {
        type Output = ();

        fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
            let this = &mut *self;
            loop {
                let set = this
                    .waker
                    .as_ref()
                    .is_some_and(|waker| waker.will_wake(cx.waker()));
                if set && !this.inner.is_elapsed() {
                    return Poll::Pending;
                }
                if this.inner.as_mut().poll(cx).is_pending() {
                    this.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                this.waker = None;
                if super::now() >= this.deadline {
                    return Poll::Ready(());
                }
                this.inner = Box::pin(madsim::time::sleep(true_time_until(this.deadline)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
