//! What happens to some keys, for who waits inside the server.

use std::vec;

use quorate_core::{
    Error,
    kv::{Event, KeyRange},
    watch::CreateRequest,
};

use crate::{
    api::{context::Context, errors::ApiError},
    node::{NodeError, WatchStream},
};

/// A watch of the server's own.
pub(in crate::api) struct Events {
    watch: WatchStream,
    ready: vec::IntoIter<Event>,
}

impl Events {
    /// All that happens to the keys of a range, from this revision on. Whether the caller may watch
    /// them has been asked.
    pub(in crate::api) fn of(context: &Context, range: KeyRange, start_revision: i64) -> Self {
        let watch = context.node.watch();
        watch.create(CreateRequest {
            range,
            start_revision,
            progress_notify: false,
            no_put: false,
            no_delete: false,
            prev_kv: false,
            watch_id: 0,
            fragment: false,
        });
        Self {
            watch,
            ready: Vec::new().into_iter(),
        }
    }

    /// The next event.
    ///
    /// # Errors
    /// It was compacted before it was read; the server stops.
    pub(in crate::api) async fn next(&mut self) -> Result<Event, ApiError> {
        loop {
            if let Some(event) = self.ready.next() {
                return Ok(event);
            }
            let response = self.watch.next().await.ok_or(NodeError::Stopped)?;
            if response.canceled {
                return Err(Error::Compacted.into());
            }
            self.ready = response.events.into_iter();
        }
    }

    /// Waits until a key is deleted.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub(in crate::api) async fn deleted(&mut self) -> Result<(), ApiError> {
        while !matches!(self.next().await?, Event::Delete { .. }) {}
        Ok(())
    }
}
