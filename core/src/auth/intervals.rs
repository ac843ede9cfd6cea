//! Sets of keys as intervals that are merged where they touch.

use bytes::Bytes;

use crate::kv::KeyRange;

/// Where an interval ends. The derived order is the order of ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum End<T> {
    /// Before this key.
    Before(T),
    /// Nowhere.
    Open,
}

impl End<Bytes> {
    fn as_slice(&self) -> End<&[u8]> {
        match self {
            Self::Before(key) => End::Before(key),
            Self::Open => End::Open,
        }
    }
}

/// A union of ranges: intervals by start ascending, each ending before the next one starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Intervals(Vec<(Bytes, End<Bytes>)>);

impl Intervals {
    /// The union of ranges that come by start ascending and are not empty.
    pub(super) fn union<'a>(ranges: impl Iterator<Item = &'a KeyRange>) -> Self {
        let mut merged: Vec<(Bytes, End<Bytes>)> = Vec::new();
        for range in ranges {
            let (start, end) = (range.start(), end_of(range));
            match merged.last_mut() {
                // [a,c) and [c,e) are [a,e) (corner case 130).
                Some((_, last)) if last.as_slice() >= End::Before(start) => {
                    if *last < end {
                        *last = end;
                    }
                }
                _ => merged.push((start.clone(), end)),
            }
        }
        Self(merged)
    }

    /// The end of the interval that contains `key`, if one does; always after `key`.
    pub(super) fn reach(&self, key: &[u8]) -> Option<End<&[u8]>> {
        let behind = self.0.partition_point(|(start, _)| start <= key);
        let (_, end) = self.0[..behind].last()?;
        Some(end.as_slice()).filter(|end| *end > End::Before(key))
    }
}

/// A single key is the interval up to its immediate successor.
fn end_of(range: &KeyRange) -> End<Bytes> {
    match range {
        KeyRange::Key(key) => End::Before([key, &b"\0"[..]].concat().into()),
        KeyRange::Range { end, .. } => End::Before(end.clone()),
        KeyRange::From(_) => End::Open,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads "a", "a-c" or "a-".
    fn range(text: &str) -> KeyRange {
        let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        match text.split_once('-') {
            None => KeyRange::Key(bytes(text)),
            Some((start, "")) => KeyRange::From(bytes(start)),
            Some((start, end)) => KeyRange::Range {
                start: bytes(start),
                end: bytes(end),
            },
        }
    }

    fn show(intervals: &Intervals) -> String {
        let show = |(start, end): &(Bytes, End<Bytes>)| {
            let end = match end {
                End::Before(end) => end.escape_ascii().to_string(),
                End::Open => String::new(),
            };
            format!("{}-{end}", start.escape_ascii())
        };
        let shown: Vec<_> = intervals.0.iter().map(show).collect();
        shown.join(" ")
    }

    #[test]
    fn intervals_become_one_where_they_touch() {
        for (ranges, merged) in [
            ("", ""),
            ("a", r"a-a\x00"),
            ("a-c c-e", "a-e"),
            ("a-c d-e", "a-c d-e"),
            ("a-z b-c", "a-z"),
            ("a-c b-d", "a-d"),
            ("a-c b- x-z", "a-"),
            ("a- a-b", "a-"),
            ("a a-c", "a-c"),
            ("a a\0", r"a-a\x00\x00"),
            ("a a\0-b", "a-b"),
            ("a ab", r"a-a\x00 ab-ab\x00"),
        ] {
            let union: Vec<_> = ranges.split_whitespace().map(range).collect();
            assert_eq!(show(&Intervals::union(union.iter())), merged, "{ranges:?}");
        }
    }

    #[test]
    fn a_key_is_reached_by_the_interval_around_it() {
        let ranges = ["b", "d-f", "x-"].map(range);
        let intervals = Intervals::union(ranges.iter());
        for (key, end) in [
            ("a", None),
            ("b", Some(End::Before(&b"b\0"[..]))),
            ("b\0", None),
            ("d", Some(End::Before(b"f"))),
            ("e\u{7f}", Some(End::Before(b"f"))),
            ("f", None),
            ("x", Some(End::Open)),
            ("z", Some(End::Open)),
        ] {
            assert_eq!(intervals.reach(key.as_bytes()), end, "{key:?}");
        }
    }
}
