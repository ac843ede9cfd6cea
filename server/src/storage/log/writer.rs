//! Puts batches down, one after the other, rolling from segment to segment.

use std::{collections::VecDeque, sync::Arc};

use bytes::BytesMut;
use quorate_core::{
    planted::{Bug, is_planted},
    probe,
};
use tokio::sync::{mpsc, oneshot};

use crate::{
    clock,
    disk::{Disk, DiskFile},
};

use super::{
    super::{
        error::{Context, StorageError},
        space::{Need, SPACE_RETRY_INTERVAL, Space},
    },
    batch::{END_BYTES, Link, batch_bytes, encode_batch},
    index::BatchPlace,
    preparer::{EmptySegment, RESERVE_SEGMENTS, Request},
    record::Record,
    segment::{SEGMENT_HEADER_BYTES, SegmentId},
    state::LogState,
    zeros,
};

/// Where the next batch goes, and what it continues.
#[derive(Debug)]
pub(super) struct Tail {
    /// The segment in use, or `None` in a new log.
    pub(super) segment: Option<SegmentId>,
    pub(super) offset: u64,
    pub(super) link: Link,
    /// Empty segments behind the one in use.
    pub(super) prepared: Vec<SegmentId>,
    /// What all records so far say.
    pub(super) state: LogState,
}

/// The log's end. Not usable after an error: what is durable is then unknown.
pub(super) struct Writer {
    disk: Arc<dyn Disk>,
    space: Space,
    preparer: mpsc::UnboundedSender<Request>,
    active: ActiveSegment,
    /// Empty segments that recovery found, next first.
    prepared: Vec<SegmentId>,
    /// The answers to the requests for further ones.
    requested: VecDeque<oneshot::Receiver<EmptySegment>>,
    link: Link,
    state: LogState,
    buffer: BytesMut,
}

struct ActiveSegment {
    id: SegmentId,
    seed: u32,
    path: String,
    file: Arc<dyn DiskFile>,
    file_bytes: u64,
    offset: u64,
}

impl Writer {
    /// Opens the segment in use. Blocks on the disk, as everything here.
    pub(super) async fn open(
        disk: Arc<dyn Disk>,
        space: Space,
        tail: Tail,
        preparer: mpsc::UnboundedSender<Request>,
    ) -> Result<Self, StorageError> {
        let Tail {
            segment,
            offset,
            link,
            mut prepared,
            state,
        } = tail;
        let segment = match segment {
            Some(id) => open_segment(&*disk, id).await?,
            None => request(&preparer, 1).await.map_err(preparer_ended)?,
        };
        let mut active = ActiveSegment::new(&*disk, segment);
        active.offset = offset;
        prepared.sort_by_key(|id| std::cmp::Reverse(id.sequence));
        let buffer = BytesMut::new();
        let mut writer = Self {
            disk,
            space,
            preparer,
            active,
            prepared,
            requested: VecDeque::new(),
            link,
            state,
            buffer,
        };
        writer.request_ahead();
        Ok(writer)
    }

    /// Writes one batch and returns when it is durable. The batch begins a new segment if it does
    /// not fit into the one in use.
    pub(super) async fn write(&mut self, records: &[Record]) -> Result<BatchPlace, StorageError> {
        if !self.active.is_empty() && !self.active.has_room(batch_bytes(records)) {
            self.roll().await?;
        }
        let active = &self.active;
        let opening = active.is_empty().then(|| Record::State(self.state.clone()));
        let all = opening.iter().chain(records);
        let crc = encode_batch(active.seed, self.link, all, &mut self.buffer);
        let bytes = self.buffer.split().freeze();
        let place = BatchPlace {
            segment: active.id,
            offset: active.offset,
            end: active.offset + (bytes.len() - END_BYTES) as u64,
        };
        let file_bytes = active.offset + bytes.len() as u64;
        if file_bytes > active.file_bytes {
            self.extend(file_bytes).await?;
        }
        let active = &mut self.active;
        probe!(BatchTaken);
        active
            .file
            .write_at(active.offset, bytes, is_synced(records))
            .await
            .context("write", &active.path)
            .or_else(|error| match is_planted(Bug::FailedSyncIgnored) {
                true => Ok(()),
                false => Err(error),
            })?;
        probe!(BatchDurable);
        active.offset = place.end;
        self.link = Link {
            number: self.link.number + 1,
            previous_crc: crc,
        };
        for record in records {
            apply(&mut self.state, record).expect("the log accepts only what follows");
        }
        Ok(place)
    }

    /// Gives segments back that the log no longer needs.
    pub(super) fn free(&self, sequences: Vec<u64>) {
        if !sequences.is_empty() {
            // If the preparer has ended, the next roll will say so.
            let _ = self.preparer.send(Request::Free(sequences));
        }
    }

    async fn roll(&mut self) -> Result<(), StorageError> {
        let segment = match self.prepared.pop() {
            Some(id) => open_segment(&*self.disk, id).await?,
            None => match self.requested.pop_front() {
                Some(next) => next.await.map_err(preparer_ended)?,
                None => unreachable!("the next segments are requested with each new one"),
            },
        };
        probe!(SegmentRolled);
        self.active = ActiveSegment::new(&*self.disk, segment);
        self.request_ahead();
        Ok(())
    }

    fn request_ahead(&mut self) {
        let ahead = self.prepared.len() + self.requested.len();
        for more in ahead..1 + RESERVE_SEGMENTS {
            let sequence = self.active.id.sequence + 1 + more as u64;
            self.requested.push_back(request(&self.preparer, sequence));
        }
    }

    /// Makes the segment in use as long as this. A batch must not fail for lack of space, since
    /// nothing would be known of it then; zeros may.
    async fn extend(&mut self, file_bytes: u64) -> Result<(), StorageError> {
        let active = &mut self.active;
        while active.file_bytes < file_bytes {
            let (file, path) = (&*active.file, &active.path);
            match zeros::fill(file, path, active.file_bytes, file_bytes, true).await {
                Ok(()) => active.file_bytes = file_bytes,
                Err(error) if error.is_out_of_space() => {
                    self.space.lacks(Need::Batch, &error);
                    let cut = file.truncate(active.file_bytes).await;
                    cut.context("truncate", path)?;
                    clock::sleep(SPACE_RETRY_INTERVAL).await;
                }
                Err(error) => return Err(error),
            }
        }
        self.space.has(Need::Batch);
        Ok(())
    }
}

/// Whether a batch is synced: always, but for planted bugs.
fn is_synced(records: &[Record]) -> bool {
    let has_votes_only = || {
        let mut records = records.iter();
        records.all(|record| matches!(record, Record::Vote(_)))
    };
    !(is_planted(Bug::AcknowledgedBeforeSync) || is_planted(Bug::VoteNotSynced) && has_votes_only())
}

/// What a record other than an opening state does.
pub(super) fn apply(state: &mut LogState, record: &Record) -> Result<(), &'static str> {
    match record {
        Record::State(_) => return Err("a state that is not the first record of a segment"),
        Record::Entry(entry) => state.append(entry)?,
        Record::Vote(vote) => state.vote = Some(vote.clone()),
        Record::Committed(position) => state.committed = Some(*position),
        Record::Truncate { from } => state.truncate(*from)?,
        Record::Purge(position) => state.purge(*position)?,
    }
    Ok(())
}

impl ActiveSegment {
    fn new(disk: &dyn Disk, segment: EmptySegment) -> Self {
        let EmptySegment {
            id,
            file,
            file_bytes,
        } = segment;
        let path = disk.path(&id.name());
        Self {
            id,
            seed: id.seed(),
            path,
            file,
            file_bytes,
            offset: SEGMENT_HEADER_BYTES,
        }
    }

    fn is_empty(&self) -> bool {
        self.offset == SEGMENT_HEADER_BYTES
    }

    fn has_room(&self, batch_bytes: usize) -> bool {
        self.offset + (batch_bytes + END_BYTES) as u64 <= self.file_bytes
    }
}

async fn open_segment(disk: &dyn Disk, id: SegmentId) -> Result<EmptySegment, StorageError> {
    let path = disk.path(&id.name());
    let file = disk.open(&id.name(), false).await.context("open", &path)?;
    let file_bytes = file.size_bytes().await.context("read", &path)?;
    Ok(EmptySegment {
        id,
        file,
        file_bytes,
    })
}

fn request(
    preparer: &mpsc::UnboundedSender<Request>,
    sequence: u64,
) -> oneshot::Receiver<EmptySegment> {
    let (reply, answer) = oneshot::channel();
    // If the preparer has ended, the answer will say so.
    let _ = preparer.send(Request::Prepare { sequence, reply });
    answer
}

fn preparer_ended(_: oneshot::error::RecvError) -> StorageError {
    StorageError::Io {
        action: "prepare",
        file: "the next log segment".to_owned(),
        source: std::io::Error::other("the thread that prepares segments has ended"),
    }
}
