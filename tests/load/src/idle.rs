//! Connections that are open and not used.

use std::{
    sync::mpsc,
    thread::{self, JoinHandle},
};

use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::sync::oneshot;

use crate::{
    LoadError,
    channel::Channel,
    data,
    proto::etcdserverpb::{RangeRequest, kv_client::KvClient},
    run::runtime,
};

/// Lets this process, and those that it starts from now on, open as many files as the system allows.
///
/// # Errors
/// The system refuses.
pub fn raise_file_limit() -> Result<(), LoadError> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let raised = setrlimit(Resource::Nofile, limit).map_err(Into::into);
    raised.map_err(LoadError::system("raise the limit of open files"))
}

/// Connections that are held until this is dropped.
pub struct Idle {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Idle {
    /// Opens so many, and reads a key over each: so the server has taken it.
    ///
    /// # Errors
    /// No connection, or the server refuses.
    pub fn open(endpoint: &str, count: usize) -> Result<Self, LoadError> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, opened) = mpsc::channel();
        let endpoint = endpoint.to_owned();
        let thread = thread::spawn(move || {
            let held = runtime().and_then(|runtime| {
                runtime.block_on(async {
                    let mut channels = Vec::new();
                    for _ in 0..count {
                        channels.push(open(&endpoint).await?);
                    }
                    // Whoever asked for them may have given up.
                    let _ = ready.send(Ok(()));
                    let _ = stopped.await;
                    Ok(())
                })
            });
            if let Err(error) = held {
                let _ = ready.send(Err(error));
            }
        });
        opened.recv().unwrap_or(Err(LoadError::Panic))?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

async fn open(endpoint: &str) -> Result<Channel, LoadError> {
    let channel = Channel::connect(endpoint).await?;
    let request = RangeRequest {
        key: data::key(0, data::KEY_BYTES),
        ..Default::default()
    };
    let read = KvClient::new(channel.clone()).range(request).await;
    read.map_err(LoadError::call("read a key"))?;
    Ok(channel)
}

impl Drop for Idle {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().map(JoinHandle::join);
    }
}
