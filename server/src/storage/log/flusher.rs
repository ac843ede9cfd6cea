//! The log's own thread: takes what has queued up, writes it down, says that it is durable.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::disk::Disk;

use super::{
    super::{error::StorageError, space::Space},
    operation::Batch,
    preparer::Request,
    queue::Queue,
    writer::{Tail, Writer},
};

pub(super) struct Flusher {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) space: Space,
    pub(super) queue: Arc<Queue>,
    pub(super) tail: Tail,
    pub(super) preparer: mpsc::UnboundedSender<Request>,
    /// Comes when the preparer no longer uses the disk.
    pub(super) preparer_ended: oneshot::Receiver<()>,
}

impl Flusher {
    /// Runs until the log is closed or has failed.
    pub(super) async fn run(self) {
        let Self {
            disk,
            space,
            queue,
            tail,
            preparer,
            preparer_ended,
        } = self;
        let mut writer = match Writer::open(disk, space, tail, preparer).await {
            Ok(writer) => writer,
            Err(error) => return queue.fail(&error),
        };
        let closed = loop {
            let batch = queue.next_batch().await;
            match flush(&queue, &mut writer, batch).await {
                Ok(Some(closed)) => break closed,
                Ok(None) => {}
                Err(error) => return queue.fail(&error),
            }
        };
        queue.close();
        // Whoever closes the log may open it again at once: nothing may use the disk any more.
        drop(writer);
        let _ = preparer_ended.await;
        let _ = closed.send(());
    }
}

/// Makes one batch durable and tells its callers.
async fn flush(
    queue: &Queue,
    writer: &mut Writer,
    batch: Batch,
) -> Result<Option<oneshot::Sender<()>>, StorageError> {
    let written = if batch.is_worth_writing() {
        writer.write(&batch.records).await.map(Some)
    } else {
        Ok(None)
    };
    let place = match written {
        Ok(place) => place,
        Err(error) => {
            // First the log, so that nobody who learns of the failure finds it alive.
            queue.fail(&error);
            batch.fail(&error.to_string());
            return Err(error);
        }
    };
    writer.free(queue.complete(&batch, place));
    Ok(batch.complete())
}
