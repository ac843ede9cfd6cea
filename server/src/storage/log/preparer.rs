//! Makes segments ready ahead of need, on a thread of its own: recycles purged ones, or fills new
//! ones with zeros, so that the log only ever overwrites blocks that exist.

use std::{collections::VecDeque, sync::Arc};

use quorate_core::{
    planted::{Bug, is_planted},
    probe,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    clock,
    disk::{Disk, DiskFile},
    runtime,
};

use super::{
    super::{
        error::{Context, StorageError},
        space::{Need, SPACE_RETRY_INTERVAL, Space},
    },
    options::LogOptions,
    queue::Queue,
    segment::{SegmentId, segment_name},
    zeros,
};

/// Ends the names of files on their way to become a segment. Recovery removes them.
pub(super) const NEW_SUFFIX: &str = ".new";

/// Segments made ahead besides the next one. When there is no space for a further one, they are
/// there for what needs to go into the log all the same: deletes, compactions, the end of leases,
/// alarms, votes.
pub(super) const RESERVE_SEGMENTS: usize = 1;

/// A segment to write to, its header durable.
pub(super) struct EmptySegment {
    pub(super) id: SegmentId,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) file_bytes: u64,
}

pub(super) enum Request {
    Prepare {
        sequence: u64,
        reply: oneshot::Sender<EmptySegment>,
    },
    /// Segments that the log no longer needs, oldest first.
    Free(Vec<u64>),
}

/// The preparer's end of its requests. It ends when the other end is dropped.
pub(super) struct Preparer {
    pub(super) disk: Arc<dyn Disk>,
    pub(super) options: LogOptions,
    pub(super) space: Space,
    /// Told when a segment cannot be made.
    pub(super) queue: Arc<Queue>,
    pub(super) requests: mpsc::UnboundedReceiver<Request>,
    /// Told when the disk is no longer in use.
    pub(super) ended: oneshot::Sender<()>,
}

impl Preparer {
    pub(super) async fn run(mut self) {
        runtime::give_way();
        let mut spares = VecDeque::new();
        let mut wanted = VecDeque::new();
        loop {
            if let Err(error) = self.make(&mut wanted, &mut spares).await {
                // At once, though the segment would be needed later only. No further one is made:
                // it would stand behind a gap.
                self.queue.fail(&error);
                break;
            }
            let request = if wanted.is_empty() {
                self.requests.recv().await
            } else {
                let heard = clock::timeout(SPACE_RETRY_INTERVAL, self.requests.recv()).await;
                let Ok(request) = heard else { continue };
                request
            };
            match request {
                Some(Request::Prepare { sequence, reply }) => wanted.push_back((sequence, reply)),
                Some(Request::Free(sequences)) => {
                    spares.extend(sequences);
                    self.remove_surplus(&mut spares).await;
                }
                None => break,
            }
        }
        let Self { disk, ended, .. } = self;
        drop(disk);
        let _ = ended.send(());
    }

    /// Makes what is wanted, as far as there is space.
    async fn make(
        &self,
        wanted: &mut VecDeque<(u64, oneshot::Sender<EmptySegment>)>,
        spares: &mut VecDeque<u64>,
    ) -> Result<(), StorageError> {
        while let Some((sequence, reply)) = wanted.pop_front() {
            match self.prepare(sequence, spares.pop_front()).await {
                // The log may have ended meanwhile.
                Ok(segment) => drop(reply.send(segment)),
                Err(error) if error.is_out_of_space() => {
                    self.space.lacks(Need::Segment, &error);
                    // What was made of it takes space for nothing.
                    let _ = self.disk.remove(&new_name(sequence)).await;
                    wanted.push_front((sequence, reply));
                    return Ok(());
                }
                Err(error) => return Err(error),
            }
        }
        self.space.has(Need::Segment);
        Ok(())
    }

    async fn prepare(
        &self,
        sequence: u64,
        spare: Option<u64>,
    ) -> Result<EmptySegment, StorageError> {
        let id = SegmentId {
            sequence,
            salt: self.options.salt,
        };
        let new_name = new_name(sequence);
        let path = self.disk.path(&new_name);
        let recycled = match spare {
            Some(spare) => self.recycle(spare, &new_name).await?,
            None => None,
        };
        let file = match recycled {
            Some(file) => file,
            None => self.create(&new_name).await?,
        };
        file.write_at(0, id.encode_header(self.options.segment_bytes), true)
            .await
            .context("write", &path)?;
        probe!(SegmentFilled);
        self.disk
            .rename(&new_name, &id.name())
            .await
            .context("rename", &path)?;
        probe!(SegmentRenamed);
        if !is_planted(Bug::RenameNotSynced) {
            let synced = self.disk.sync_dir().await;
            synced.context("sync the directory of", &path)?;
        }
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
        probe!(SegmentReused);
        Ok(Some(file))
    }

    async fn create(&self, new_name: &str) -> Result<Arc<dyn DiskFile>, StorageError> {
        let path = self.disk.path(new_name);
        let opened = self.disk.open(new_name, true).await;
        let file = opened.context("create", &path)?;
        zeros::fill(&*file, &path, 0, self.options.segment_bytes, false).await?;
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

fn new_name(sequence: u64) -> String {
    segment_name(sequence) + NEW_SUFFIX
}
