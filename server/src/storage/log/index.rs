//! Where on disk the entries are: sparse, so that memory does not grow with the number of entries.

use std::collections::VecDeque;

use super::{record::Record, segment::SegmentId};

/// Least distance between two marks of a segment; what a read may have to skip.
const MARK_DISTANCE_BYTES: u64 = 64 * 1024;

/// The segments that are part of the log, and marks into them.
#[derive(Debug, Default)]
pub(super) struct LogIndex {
    segments: VecDeque<Segment>,
    /// Ascending by entry and by place. The entries from a mark's own up to the next mark's stand
    /// in the batches from the mark's on, in one segment. What else stands there, entries that a
    /// later batch truncated, has greater indexes and is skipped.
    marks: VecDeque<Mark>,
    /// The next batch with entries needs a mark, because indexes do not just go on.
    mark_next: bool,
}

#[derive(Debug)]
struct Segment {
    id: SegmentId,
    used_bytes: u64,
    /// Greatest index of the segment's entries, truncated ones included.
    index_max: Option<u64>,
}

#[derive(Debug)]
struct Mark {
    index: u64,
    sequence: u64,
    offset: u64,
}

/// Where a batch has been put down.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchPlace {
    pub(super) segment: SegmentId,
    pub(super) offset: u64,
    /// Where the next batch begins.
    pub(super) end: u64,
}

/// Entries `from..to`, to be found in the batches from `offset` on.
#[derive(Debug, PartialEq)]
pub(super) struct Stretch {
    pub(super) segment: SegmentId,
    pub(super) offset: u64,
    pub(super) from: u64,
    pub(super) to: u64,
}

impl LogIndex {
    /// Takes note of a batch that is on disk.
    pub(super) fn note(&mut self, place: BatchPlace, records: &[Record]) {
        if self
            .segments
            .back()
            .is_none_or(|last| last.id != place.segment)
        {
            let id = place.segment;
            self.segments.push_back(Segment {
                id,
                used_bytes: 0,
                index_max: None,
            });
        }
        let segment = self
            .segments
            .back_mut()
            .expect("one was added where there was none");
        segment.used_bytes = place.end;
        let mut marked = false;
        for record in records {
            match record {
                Record::Entry(entry) => {
                    segment.index_max = segment.index_max.max(Some(entry.index));
                    if !marked {
                        marked = true;
                        mark(&mut self.marks, &mut self.mark_next, place, entry.index);
                    }
                }
                Record::Truncate { from } => {
                    // The writer begins a batch with it, so that no entry stands before it.
                    debug_assert!(!marked);
                    while self.marks.back().is_some_and(|mark| mark.index >= *from) {
                        self.marks.pop_back();
                    }
                    self.mark_next = true;
                }
                // As above; indexes may jump.
                Record::Purge(_) => self.mark_next = true,
                Record::State(_) | Record::Vote(_) | Record::Committed(_) => {}
            }
        }
    }

    /// Forgets the oldest segments, as long as all of their entries are purged; the segment in
    /// use stays. Returns their sequence numbers.
    pub(super) fn free(&mut self, purged_index: u64) -> Vec<u64> {
        let mut freed = Vec::new();
        while self.segments.len() > 1
            && self.segments[0]
                .index_max
                .is_none_or(|max| max <= purged_index)
        {
            freed.extend(self.segments.pop_front().map(|segment| segment.id.sequence));
        }
        if let Some(first) = self.segments.front().filter(|_| !freed.is_empty()) {
            let first = first.id.sequence;
            while self.marks.front().is_some_and(|mark| mark.sequence < first) {
                self.marks.pop_front();
            }
        }
        freed
    }

    /// Where to read the entries `from..to`, all of which are on disk.
    pub(super) fn stretches(&self, from: u64, to: u64) -> Vec<Stretch> {
        let first = self
            .marks
            .partition_point(|mark| mark.index <= from)
            .saturating_sub(1);
        let mut stretches = Vec::new();
        for (place, mark) in self.marks.iter().enumerate().skip(first) {
            if mark.index >= to {
                break;
            }
            let end = self
                .marks
                .get(place + 1)
                .map_or(u64::MAX, |next| next.index);
            let segment = self.segment(mark.sequence);
            let (from, to) = (from.max(mark.index), to.min(end));
            stretches.push(Stretch {
                segment,
                offset: mark.offset,
                from,
                to,
            });
        }
        stretches
    }

    /// Whether the segment is still part of the log.
    pub(super) fn holds(&self, segment: SegmentId) -> bool {
        self.segments.iter().any(|held| held.id == segment)
    }

    /// Bytes of log in all segments.
    pub(super) fn used_bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.used_bytes).sum()
    }

    fn segment(&self, sequence: u64) -> SegmentId {
        let place = self
            .segments
            .partition_point(|segment| segment.id.sequence < sequence);
        self.segments[place].id
    }
}

fn mark(marks: &mut VecDeque<Mark>, forced: &mut bool, place: BatchPlace, index: u64) {
    let sequence = place.segment.sequence;
    let near = marks.back().is_some_and(|last| {
        last.sequence == sequence && place.offset - last.offset < MARK_DISTANCE_BYTES
    });
    if *forced || !near {
        marks.push_back(Mark {
            index,
            sequence,
            offset: place.offset,
        });
        *forced = false;
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{
        super::{LogEntry, LogPosition},
        *,
    };

    const FIRST: SegmentId = SegmentId {
        sequence: 1,
        salt: 0,
    };
    const SECOND: SegmentId = SegmentId {
        sequence: 2,
        salt: 0,
    };

    fn entries(indexes: std::ops::Range<u64>) -> Vec<Record> {
        let entry = |index| {
            Record::Entry(LogEntry {
                term: 1,
                index,
                payload: Bytes::new(),
            })
        };
        indexes.map(entry).collect()
    }

    fn place(segment: SegmentId, offset: u64) -> BatchPlace {
        BatchPlace {
            segment,
            offset,
            end: offset + 100,
        }
    }

    fn stretch(segment: SegmentId, offset: u64, from: u64, to: u64) -> Stretch {
        Stretch {
            segment,
            offset,
            from,
            to,
        }
    }

    #[test]
    fn near_batches_share_a_mark_and_segments_do_not() {
        let mut index = LogIndex::default();
        index.note(place(FIRST, 512), &entries(0..3));
        index.note(place(FIRST, 700), &entries(3..5));
        index.note(place(SECOND, 512), &entries(5..9));
        assert_eq!(
            index.stretches(4, 7),
            [stretch(FIRST, 512, 4, 5), stretch(SECOND, 512, 5, 7)]
        );
        assert_eq!(index.used_bytes(), 800 + 612);
    }

    #[test]
    fn truncated_entries_are_not_covered() {
        let mut index = LogIndex::default();
        index.note(place(FIRST, 512), &entries(0..9));
        index.note(place(FIRST, 700), &[Record::Truncate { from: 4 }]);
        index.note(place(FIRST, 800), &entries(4..6));
        assert_eq!(
            index.stretches(2, 6),
            [stretch(FIRST, 512, 2, 4), stretch(FIRST, 800, 4, 6)]
        );
    }

    #[test]
    fn segments_are_freed_oldest_first_and_never_the_last() {
        let mut index = LogIndex::default();
        index.note(place(FIRST, 512), &entries(0..3));
        index.note(place(SECOND, 512), &entries(3..5));
        assert!(index.free(1).is_empty());
        assert_eq!(index.free(9), [1]);
        assert!(index.free(9).is_empty());
        assert!(!index.holds(FIRST) && index.holds(SECOND));
        assert_eq!(index.stretches(3, 5), [stretch(SECOND, 512, 3, 5)]);
        let purge = Record::Purge(LogPosition { term: 1, index: 9 });
        index.note(place(SECOND, 700), &[purge]);
        index.note(place(SECOND, 800), &entries(10..11));
        assert_eq!(index.stretches(10, 11), [stretch(SECOND, 800, 10, 11)]);
    }
}
