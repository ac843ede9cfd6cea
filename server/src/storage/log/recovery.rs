//! Reads the whole log at start: what it says, where it ends, and whether it is sound.

use bytes::{Bytes, BytesMut};
use quorate_core::probe;

use crate::disk::Disk;

use super::{
    super::error::{Context, StorageError},
    Cut, LogEntry, LogPosition,
    batch::{END_BYTES, Link, decode_records},
    cache::EntryCache,
    index::{BatchPlace, LogIndex},
    options::LogOptions,
    preparer::NEW_SUFFIX,
    reader::read_stretch,
    record::Record,
    segment::{
        FoundBatch, SEGMENT_HEADER_BYTES, Scan, SegmentId, SegmentReader, segment_name,
        segment_sequence,
    },
    state::LogState,
    writer::{Tail, apply},
};

/// What the files of the log came to.
pub(super) struct Recovery {
    pub(super) tail: Tail,
    /// The last entry, or the last purged one if there is none behind it.
    pub(super) last: Option<LogPosition>,
    pub(super) cache: EntryCache,
    pub(super) index: LogIndex,
    /// Segments that the log no longer needs, oldest first.
    pub(super) free: Vec<u64>,
    /// A torn batch at the end that has been cut off.
    pub(super) cut: Option<Cut>,
}

/// Recovers the log. Everything it returns is durable.
pub(super) async fn recover(
    disk: &dyn Disk,
    options: &LogOptions,
) -> Result<Recovery, StorageError> {
    let (mut free, run) = survey(disk).await?;
    let mut replay = Replay::new(options, run.first().copied());
    for sequence in &run {
        replay
            .segment(SegmentReader::open(disk, &segment_name(*sequence)).await?)
            .await?;
    }
    if let Some(first) = run.first() {
        replay.check_beginning(disk, *first)?;
    }
    let cut = replay.settle(disk).await?;
    let purged = replay.state.purged;
    free.extend(
        purged
            .map(|purged| replay.index.free(purged.index))
            .unwrap_or_default(),
    );
    let last = replay.last_position(disk).await?;
    let (tail, cache, index) = replay.into_parts();
    Ok(Recovery {
        tail,
        last,
        cache,
        index,
        free,
        cut,
    })
}

/// The segments of the log, and older ones that no longer belong to it. Removes what a crash has
/// left half made.
async fn survey(disk: &dyn Disk) -> Result<(Vec<u64>, Vec<u64>), StorageError> {
    let directory = disk.path("");
    let mut sequences = Vec::new();
    for name in disk.list().await.context("list", &directory)? {
        if let Some(sequence) = segment_sequence(&name) {
            sequences.push(sequence);
        } else if name
            .strip_suffix(NEW_SUFFIX)
            .and_then(segment_sequence)
            .is_some()
        {
            disk.remove(&name)
                .await
                .context("remove", &disk.path(&name))?;
        }
    }
    sequences.sort_unstable();
    let gap = sequences
        .windows(2)
        .rposition(|pair| pair[0] + 1 != pair[1]);
    let run = sequences.split_off(gap.map_or(0, |gap| gap + 1));
    Ok((sequences, run))
}

struct Replay<'a> {
    options: &'a LogOptions,
    state: LogState,
    index: LogIndex,
    cache: EntryCache,
    /// What the next batch has to be; `None` before the first batch of a log whose first segments
    /// are purged.
    link: Option<Link>,
    /// The index that followed the entries of the purged segments.
    opening_next_index: Option<u64>,
    last_batch: Option<BatchPlace>,
    /// Where the last segment with batches ends.
    stop: Option<Stop>,
    /// Segments behind it.
    empty: Vec<Stop>,
}

/// Where a segment's batches end, and why, if not at an empty header.
struct Stop {
    segment: SegmentId,
    path: String,
    offset: u64,
    bad: Option<&'static str>,
}

impl Stop {
    fn corrupt(&self, cause: &str) -> StorageError {
        StorageError::Corrupt {
            file: self.path.clone(),
            offset: self.offset,
            cause: cause.to_owned(),
        }
    }
}

impl<'a> Replay<'a> {
    fn new(options: &'a LogOptions, first_sequence: Option<u64>) -> Self {
        let is_whole = first_sequence.is_none_or(|sequence| sequence == 1);
        Self {
            options,
            state: LogState::default(),
            index: LogIndex::default(),
            cache: EntryCache::default(),
            link: is_whole.then_some(Link {
                number: 1,
                previous_crc: 0,
            }),
            opening_next_index: None,
            last_batch: None,
            stop: None,
            empty: Vec::new(),
        }
    }

    async fn segment(&mut self, mut reader: SegmentReader) -> Result<(), StorageError> {
        let mut batches = 0;
        let bad = loop {
            match reader.next().await? {
                Scan::Batch(found) => {
                    self.check_place(&reader, &found, batches == 0)?;
                    self.batch(&reader, &found, batches == 0)?;
                    batches += 1;
                }
                Scan::End => break None,
                Scan::Bad(cause) => break Some(cause),
            }
        };
        let path = reader.path.clone();
        let stop = Stop {
            segment: reader.id,
            path,
            offset: reader.offset(),
            bad,
        };
        let expected = self.link.map_or(0, |link| link.number);
        if reader.has_later_batch(expected).await? {
            return Err(stop.corrupt(bad.unwrap_or("a batch is missing here")));
        }
        if batches == 0 {
            self.empty.push(stop);
        } else {
            self.stop = Some(stop);
        }
        Ok(())
    }

    /// A batch has to continue the chain, and everything before it has to be sound.
    fn check_place(
        &self,
        reader: &SegmentReader,
        found: &FoundBatch,
        is_first: bool,
    ) -> Result<(), StorageError> {
        if let Some(before) = self.empty.first() {
            return Err(before.corrupt(before.bad.unwrap_or("the segment has lost its batches")));
        }
        let before = self.stop.as_ref().filter(|_| is_first);
        if let Some((before, bad)) = before.and_then(|stop| Some((stop, stop.bad?))) {
            return Err(before.corrupt(bad));
        }
        if self.link.is_none_or(|link| link == found.link) {
            return Ok(());
        }
        match before {
            Some(before) => Err(before.corrupt("batches are missing here")),
            None => Err(corrupt(
                reader,
                found,
                "the batch does not follow the one before it",
            )),
        }
    }

    fn batch(
        &mut self,
        reader: &SegmentReader,
        found: &FoundBatch,
        is_first: bool,
    ) -> Result<(), StorageError> {
        let malformed = |cause| corrupt(reader, found, cause);
        let mut records = decode_records(found.body.clone()).map_err(malformed)?;
        if is_first {
            if !matches!(records.first(), Some(Record::State(_))) {
                return Err(malformed("the segment does not begin with the log's state"));
            }
            if let Record::State(state) = records.remove(0) {
                self.open_with(state).map_err(malformed)?;
            }
        }
        for record in &records {
            apply(&mut self.state, record).map_err(malformed)?;
            self.remember(record);
        }
        let place = BatchPlace {
            segment: reader.id,
            offset: found.offset,
            end: found.end,
        };
        self.index.note(place, &records);
        self.last_batch = Some(place);
        self.link = Some(Link {
            number: found.link.number + 1,
            previous_crc: found.crc,
        });
        self.cache.evict(self.options.cache_bytes_max, 0);
        Ok(())
    }

    /// The first segment's state stands for what is no longer there; any other has to agree with
    /// the records before it.
    fn open_with(&mut self, state: LogState) -> Result<(), &'static str> {
        if self.last_batch.is_some() && state != self.state {
            return Err("the segment's state contradicts the log");
        }
        if self.last_batch.is_none() {
            self.opening_next_index = state.next_index;
            self.state = state;
        }
        Ok(())
    }

    fn remember(&mut self, record: &Record) {
        match record {
            Record::Entry(entry) => {
                // A copy: the batch it is a slice of would stay in memory for one small entry.
                let payload = Bytes::copy_from_slice(&entry.payload);
                self.cache.push(LogEntry { payload, ..*entry }, 0);
            }
            Record::Truncate { from } => self.cache.truncate(*from),
            Record::Purge(last) => self.cache.purge(last.index),
            Record::State(_) | Record::Vote(_) | Record::Committed(_) => {}
        }
    }

    /// Segments may be missing before the first one only if all of their entries are purged.
    fn check_beginning(&self, disk: &dyn Disk, first_sequence: u64) -> Result<(), StorageError> {
        let needed_from = self.state.first_index();
        let is_sound = match self.last_batch {
            _ if first_sequence == 1 => true,
            None => false,
            Some(_) => self
                .opening_next_index
                .is_none_or(|next| next <= needed_from),
        };
        if is_sound {
            return Ok(());
        }
        Err(StorageError::SegmentMissing {
            file: disk.path(&segment_name(first_sequence - 1)),
        })
    }

    /// Cuts off what is torn, and makes what remains durable.
    async fn settle(&mut self, disk: &dyn Disk) -> Result<Option<Cut>, StorageError> {
        if let Some(last) = self.last_batch {
            // It may be in the system's cache only: the process was killed before the sync, or
            // the sync failed. In the latter case only writing it again makes a sync honest.
            let mut reader = SegmentReader::open(disk, &last.segment.name()).await?;
            let mut bytes = BytesMut::from(reader.raw(last.offset, last.end - last.offset).await?);
            bytes.resize(bytes.len() + END_BYTES, 0);
            reader.overwrite(last.offset, bytes.freeze()).await?;
        }
        for stop in self.empty.iter().filter(|stop| stop.bad.is_some()) {
            let mut reader = SegmentReader::open(disk, &stop.segment.name()).await?;
            reader
                .overwrite(stop.offset, Bytes::from_static(&[0; END_BYTES]))
                .await?;
        }
        // A rename or a removal may have been seen, but not been durable, at the last stop.
        disk.sync_dir().await.context("sync", &disk.path(""))?;
        probe!(LogRecovered);
        let cut = self.stop.iter().chain(&self.empty).find_map(|stop| {
            let (file, offset) = (stop.path.clone(), stop.offset);
            stop.bad.map(|cause| Cut {
                file,
                offset,
                cause,
            })
        });
        if let Some(Cut {
            file,
            offset,
            cause,
        }) = &cut
        {
            probe!(LogEndTorn);
            tracing::warn!(
                "{file}: cut at offset {offset}: {cause}; it was being written when the process \
                 or the machine stopped, and had not been acknowledged"
            );
        }
        Ok(cut)
    }

    async fn last_position(&self, disk: &dyn Disk) -> Result<Option<LogPosition>, StorageError> {
        let Some(next) = self.state.next_index.filter(|_| self.state.has_entries()) else {
            return Ok(self.state.purged);
        };
        let mut entries: Vec<_> = self.cache.last().cloned().into_iter().collect();
        if entries.is_empty() {
            // A truncation has left only entries that had been evicted.
            for stretch in self.index.stretches(next - 1, next) {
                read_stretch(disk, &stretch, 0, &mut entries).await?;
            }
        }
        Ok(entries.last().map(|last| LogPosition {
            term: last.term,
            index: last.index,
        }))
    }

    fn into_parts(self) -> (Tail, EntryCache, LogIndex) {
        let mut empty = self.empty.into_iter().map(|stop| stop.segment);
        let segment = self
            .last_batch
            .map(|last| last.segment)
            .or_else(|| empty.next());
        let tail = Tail {
            segment,
            offset: self
                .last_batch
                .map_or(SEGMENT_HEADER_BYTES, |last| last.end),
            link: self.link.unwrap_or(Link {
                number: 1,
                previous_crc: 0,
            }),
            prepared: empty.collect(),
            state: self.state,
        };
        (tail, self.cache, self.index)
    }
}

fn corrupt(reader: &SegmentReader, found: &FoundBatch, cause: &str) -> StorageError {
    StorageError::Corrupt {
        file: reader.path.clone(),
        offset: found.offset,
        cause: cause.to_owned(),
    }
}
