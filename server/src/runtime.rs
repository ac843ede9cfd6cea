//! Where tasks run.

use std::{future::Future, io};

/// Runs a future on an OS thread of its own, with a current-thread runtime: for work that blocks.
/// In simulation it is a task like any other.
#[cfg(not(madsim))]
pub fn dedicated<F, T>(
    name: &str,
    make_future: impl FnOnce() -> F + Send + 'static,
) -> io::Result<Dedicated<T>>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (sender, output) = tokio::sync::oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let _ = sender.send(runtime.block_on(make_future()));
        })?;
    Ok(Dedicated { output })
}

/// In simulation, a task.
#[cfg(madsim)]
pub fn dedicated<F, T>(
    _name: &str,
    make_future: impl FnOnce() -> F + Send + 'static,
) -> io::Result<Dedicated<T>>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let (sender, output) = tokio::sync::oneshot::channel();
    madsim::task::spawn(async move {
        let _ = sender.send(make_future().await);
    });
    Ok(Dedicated { output })
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
