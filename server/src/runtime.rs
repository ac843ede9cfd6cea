//! Where tasks run.

/// Runs a future on an OS thread of its own, with a current-thread runtime: for work that blocks.
/// In simulation it is a task like any other.
#[cfg(not(madsim))]
pub fn dedicated<F, Fut>(name: &str, make_future: F)
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime without threads starts")
                .block_on(make_future());
        })
        .expect("the system has room for a thread");
}

/// In simulation, a task.
#[cfg(madsim)]
pub fn dedicated<F, Fut>(_name: &str, make_future: F)
where
    F: FnOnce() -> Fut + Send + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    madsim::task::spawn(make_future());
}
