//! Where tasks run. In production: one current-thread runtime per core for connections, and
//! threads of their own for work that blocks. In simulation everything is a task of one
//! deterministic scheduler.

mod signal;

use std::{future::Future, io, num::NonZeroUsize};

pub use signal::Signal;
pub use tokio::task::JoinHandle;

#[cfg(not(madsim))]
use real as source;
#[cfg(madsim)]
use simulated as source;

/// A task of the current runtime. Dropping the handle detaches it.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future)
}

/// Something that runs apart, on an OS thread called `name` that may block, with a current-thread
/// runtime of its own. (In simulation it is a task, which must not block.)
///
/// # Errors
/// The thread or its runtime cannot be created.
pub fn dedicated<F, T>(
    name: &str,
    make_future: impl FnOnce() -> F + Send + 'static,
) -> io::Result<Dedicated<T>>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    source::dedicated(name, make_future)
}

/// Runs `work`, which may take long, beside the caller's runtime, so that what else that serves does
/// not wait for it. (In simulation it runs in place.)
pub async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    source::apart(work).await
}

/// Lets the requests' threads go first wherever the processor is short, for the rest of the life
/// of this thread, which does nothing that a request waits for.
pub fn give_way() {
    source::give_way();
}

/// Drops what takes long to drop on a thread of its own.
pub fn drop_apart<T: Send + 'static>(value: T) {
    let drop_it = || async move {
        give_way();
        drop(value);
    };
    if let Err(error) = dedicated("drop", drop_it) {
        tracing::warn!(%error, "something large was dropped in place");
    }
}

/// The far end of [`dedicated`]. Dropping it lets the thread run on.
pub struct Dedicated<T> {
    output: tokio::sync::oneshot::Receiver<T>,
}

impl<T> Dedicated<T> {
    /// What the future returned; `None` if it panicked.
    pub async fn join(self) -> Option<T> {
        self.output.await.ok()
    }
}

/// One current-thread runtime per core, for connections: cheaper per request than one runtime that
/// steals work between threads. Clones share them; the threads end with the last clone.
#[derive(Clone)]
pub struct Workers(source::Workers);

impl Workers {
    /// Starts `count` of them.
    ///
    /// # Errors
    /// A thread or its runtime cannot be created.
    pub fn start(count: NonZeroUsize) -> io::Result<Self> {
        source::Workers::start(count).map(Self)
    }

    /// As many as the machine has cores.
    ///
    /// # Errors
    /// A thread or its runtime cannot be created.
    pub fn start_per_core() -> io::Result<Self> {
        Self::start(std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// Runs `future` on the next worker, in turn.
    pub fn spawn_on_next(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn_on_next(future);
    }
}

#[cfg(not(madsim))]
mod real {
    //! Threads and tokio.

    use std::{
        future::Future,
        io,
        num::NonZeroUsize,
        panic,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering},
        },
        thread,
    };

    use tokio::{
        runtime::{Builder, Handle, Runtime},
        sync::oneshot,
        task,
    };

    use super::Dedicated;

    /// Threads beside each worker for [`super::apart`]; what comes on top waits.
    const APART_THREADS_MAX: usize = 2;

    /// Niceness of threads that give way: where the processor is short they get a tenth of what
    /// others get.
    const BACKGROUND_NICE: i32 = 10;

    /// The same for long work that a request does wait for: a third.
    const APART_NICE: i32 = 5;

    fn current_thread_runtime() -> io::Result<Runtime> {
        Builder::new_current_thread().enable_all().build()
    }

    pub(super) async fn apart<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
        match task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(failed) => panic::resume_unwind(failed.into_panic()),
        }
    }

    pub(super) fn give_way() {
        set_niceness(BACKGROUND_NICE);
    }

    fn set_niceness(nice: i32) {
        // Elsewhere niceness is the whole process's.
        #[cfg(target_os = "linux")]
        if let Err(error) = rustix::process::setpriority_process(None, nice) {
            tracing::debug!(%error, "a thread keeps its priority");
        }
        #[cfg(not(target_os = "linux"))]
        let _ = nice;
    }

    pub(super) fn dedicated<F, T>(
        name: &str,
        make_future: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Dedicated<T>>
    where
        F: Future<Output = T>,
        T: Send + 'static,
    {
        let runtime = current_thread_runtime()?;
        let (done, output) = oneshot::channel();
        thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                // Nobody may be waiting any more.
                let _ = done.send(runtime.block_on(async { make_future().await }));
            })?;
        Ok(Dedicated { output })
    }

    #[derive(Clone)]
    pub(super) struct Workers(Arc<Pool>);

    struct Pool {
        workers: Vec<Worker>,
        next: AtomicUsize,
    }

    struct Worker {
        handle: Handle,
        /// The thread ends when this is dropped.
        _running: oneshot::Sender<()>,
    }

    impl Workers {
        pub(super) fn start(count: NonZeroUsize) -> io::Result<Self> {
            let workers = (0..count.get())
                .map(start_worker)
                .collect::<io::Result<_>>()?;
            Ok(Self(Arc::new(Pool {
                workers,
                next: AtomicUsize::new(0),
            })))
        }

        pub(super) fn spawn_on_next(&self, future: impl Future<Output = ()> + Send + 'static) {
            let Pool { workers, next } = &*self.0;
            let worker = &workers[next.fetch_add(1, Ordering::Relaxed) % workers.len()];
            worker.handle.spawn(future);
        }
    }

    fn start_worker(index: usize) -> io::Result<Worker> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .max_blocking_threads(APART_THREADS_MAX)
            .thread_name(format!("apart-{index}"))
            .on_thread_start(|| set_niceness(APART_NICE))
            .build()?;
        let handle = runtime.handle().clone();
        let (running, stopped) = oneshot::channel::<()>();
        thread::Builder::new()
            .name(format!("worker-{index}"))
            .spawn(move || {
                let _ = runtime.block_on(stopped);
            })?;
        Ok(Worker {
            handle,
            _running: running,
        })
    }
}

#[cfg(madsim)]
mod simulated {
    //! Tasks of the simulated node that asks.

    use std::{future::Future, io, num::NonZeroUsize};

    use tokio::sync::oneshot;

    use super::Dedicated;

    pub(super) async fn apart<T>(work: impl FnOnce() -> T) -> T {
        work()
    }

    pub(super) fn give_way() {}

    pub(super) fn dedicated<F, T>(
        _name: &str,
        make_future: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Dedicated<T>>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (done, output) = oneshot::channel();
        tokio::spawn(async move {
            // Nobody may be waiting any more.
            let _ = done.send(make_future().await);
        });
        Ok(Dedicated { output })
    }

    #[derive(Clone)]
    pub(super) struct Workers;

    impl Workers {
        pub(super) fn start(_count: NonZeroUsize) -> io::Result<Self> {
            Ok(Self)
        }

        pub(super) fn spawn_on_next(&self, future: impl Future<Output = ()> + Send + 'static) {
            tokio::spawn(future);
        }
    }
}

#[cfg(all(test, not(madsim)))]
mod tests {
    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn a_dedicated_thread_has_its_name_and_returns() {
        let thread = dedicated("flusher", || async {
            std::thread::current().name().map(str::to_owned)
        });
        let name = thread.expect("a thread").join().await.expect("no panic");
        assert_eq!(name.as_deref(), Some("flusher"));
    }

    #[tokio::test]
    async fn a_panic_is_reported_to_who_waits() {
        let thread = dedicated("doomed", || async { panic!("on purpose") });
        let thread: Dedicated<()> = thread.expect("a thread");
        assert_eq!(thread.join().await, None);
    }

    #[tokio::test]
    async fn work_goes_round_the_workers() {
        let workers = Workers::start(NonZeroUsize::new(2).expect("not zero")).expect("threads");
        let (names, mut seen) = mpsc::unbounded_channel();
        for _ in 0..4 {
            let names = names.clone();
            workers.spawn_on_next(async move {
                let name = std::thread::current().name().map(str::to_owned);
                names
                    .send(name.expect("workers have names"))
                    .expect("the test waits");
            });
        }
        drop(names);
        let mut all = Vec::new();
        while let Some(name) = seen.recv().await {
            all.push(name);
        }
        all.sort();
        assert_eq!(all, ["worker-0", "worker-0", "worker-1", "worker-1"]);
    }
}
