//! Makes segments ready ahead of need, on a thread of its own: recycles purged ones, or fills new
//! ones with zeros, so that the log only ever overwrites blocks that exist.

use std::{collections::VecDeque, sync::Arc};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::disk::{Disk, DiskFile};

use super::{
    super::error::{Context, StorageError},
    options::LogOptions,
    segment::{SegmentId, segment_name},
};

/// Ends the names of files on their way to become a segment. Recovery removes them.
pub(super) const NEW_SUFFIX: &str = ".new";

const ZEROS_BYTES: usize = 1 << 20;

/// A segment to write to, its header durable.
pub(super) struct EmptySegment {
    pub(super) id: SegmentId,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) file_bytes: u64,
}

type Prepared = Result<EmptySegment, StorageError>;

pub(super) enum Request {
    Prepare {
        sequence: u64,
        reply: oneshot::Sender<Prepared>,
    },
    /// Segments that the log no longer needs, oldest first.
    Free(Vec<u64>),
}

/// The preparer's end of its requests. It ends when the other end is dropped.
pub(super) struct Preparer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) options: LogOptions,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    /// Told when the disk is no longer in use.
    pub(super) ended: oneshot::Sender<()>,
}

impl Preparer {
    pub(super) async fn run(mut self) {
        let mut spares = VecDeque::new();
        while let Some(request) = self.requests.recv().await {
            match request {
                Request::Prepare { sequence, reply } => {
                    let prepared = self.prepare(sequence, spares.pop_front()).await;
                    // The log may have ended meanwhile.
                    let _ = reply.send(prepared);
                }
                Request::Free(sequences) => {
                    spares.extend(sequences);
                    self.remove_surplus(&mut spares).await;
                }
            }
        }
        let Self { disk, ended, .. } = self;
        drop(disk);
        let _ = ended.send(());
    }

    async fn prepare(&self, sequence: u64, spare: Option<u64>) -> Prepared {
        let id = SegmentId {
            sequence,
            salt: self.options.salt,
        };
        let new_name = id.name() + NEW_SUFFIX;
        let path = self.disk.path(&new_name);
        let recycled = match spare {
            Some(spare) => self.recycle(spare, &new_name).await?,
            None => None,
        };
        let file = match recycled {
            Some(file) => file,
            None => self.fill(&new_name).await?,
        };
        file.write_at(0, id.encode_header(), true)
            .await
            .context("write", &path)?;
        self.disk
            .rename(&new_name, &id.name())
            .await
            .context("rename", &path)?;
        self.disk
            .sync_dir()
            .await
            .context("sync the directory of", &path)?;
        Ok(EmptySegment {
            id,
            file,
            file_bytes: self.options.segment_bytes,
        })
    }

    /// Takes a purged segment under its new name, or removes it if it has not the right size. The
    /// new name is durable before a byte changes: at no time does a file called after one segment
    /// hold another.
    async fn recycle(
        &self,
        spare: u64,
        new_name: &str,
    ) -> Result<Option<Arc<dyn DiskFile>>, StorageError> {
        let name = segment_name(spare);
        let path = self.disk.path(&name);
        let file = self.disk.open(&name, false).await.context("open", &path)?;
        if file.size_bytes().await.context("read", &path)? != self.options.segment_bytes {
            self.disk.remove(&name).await.context("remove", &path)?;
            return Ok(None);
        }
        self.disk
            .rename(&name, new_name)
            .await
            .context("rename", &path)?;
        self.disk
            .sync_dir()
            .await
            .context("sync the directory of", &path)?;
        Ok(Some(file))
    }

    async fn fill(&self, new_name: &str) -> Result<Arc<dyn DiskFile>, StorageError> {
        let path = self.disk.path(new_name);
        let file = self
            .disk
            .open(new_name, true)
            .await
            .context("create", &path)?;
        let zeros = Bytes::from(vec![
            0;
            ZEROS_BYTES.min(self.options.segment_bytes as usize)
        ]);
        let mut filled = 0;
        while filled < self.options.segment_bytes {
            let len = (self.options.segment_bytes - filled).min(zeros.len() as u64);
            let piece = zeros.slice(..len as usize);
            file.write_at(filled, piece, false)
                .await
                .context("write", &path)?;
            filled += len;
        }
        Ok(file)
    }

    /// Only space is at stake: what cannot be removed now is tried again at the next start.
    async fn remove_surplus(&self, spares: &mut VecDeque<u64>) {
        while spares.len() > self.options.spare_segments_max {
            let Some(surplus) = spares.pop_front() else {
                return;
            };
            let name = segment_name(surplus);
            if let Err(error) = self.disk.remove(&name).await {
                tracing::warn!("cannot remove {}: {error}", self.disk.path(&name));
            }
        }
    }
}
