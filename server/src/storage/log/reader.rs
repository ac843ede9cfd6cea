//! Reads entries back from disk, for followers that lag and for replay after a restart.

use bytes::Bytes;

use crate::disk::Disk;

use super::{
    super::error::StorageError,
    LogEntry,
    batch::decode_records,
    index::Stretch,
    record::Record,
    segment::{Scan, SegmentReader},
};

/// Appends the entries of a stretch to `entries`, as many as `bytes_max` of payload in all allow,
/// but at least one in all. Returns whether the stretch is exhausted.
pub(super) async fn read_stretch(
    disk: &dyn Disk,
    stretch: &Stretch,
    bytes_max: usize,
    entries: &mut Vec<LogEntry>,
) -> Result<bool, StorageError> {
    let mut reader = SegmentReader::open(disk, &stretch.segment.name()).await?;
    let corrupt = |reader: &SegmentReader, cause: &str| StorageError::Corrupt {
        file: reader.path.clone(),
        offset: reader.offset(),
        cause: cause.to_owned(),
    };
    if reader.id != stretch.segment {
        return Err(corrupt(&reader, "the header is that of another segment"));
    }
    reader.seek(stretch.offset);
    let mut bytes: usize = entries.iter().map(|entry| entry.payload.len()).sum();
    let mut next = stretch.from;
    while next < stretch.to {
        let body = match reader.next().await? {
            Scan::Batch(found) => found.body,
            Scan::End => return Err(corrupt(&reader, "the segment ends before its last entry")),
            Scan::Bad(cause) => return Err(corrupt(&reader, cause)),
        };
        for record in decode_records(body).map_err(|cause| corrupt(&reader, cause))? {
            let Record::Entry(entry) = record else {
                continue;
            };
            if entry.index != next || next == stretch.to {
                continue;
            }
            bytes += entry.payload.len();
            if bytes > bytes_max && !entries.is_empty() {
                return Ok(false);
            }
            // A copy: the batch it is a slice of would stay in memory for one small entry.
            let payload = Bytes::copy_from_slice(&entry.payload);
            entries.push(LogEntry { payload, ..entry });
            next += 1;
        }
    }
    Ok(true)
}
