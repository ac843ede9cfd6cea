//! Crashes at points of the program.

use quorate_core::probe::Point;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

use super::{Stream, Target};

/// How long a member that shall crash at a point may take to come there, milliseconds.
const WITHIN_MS: u64 = 2_000;

/// Most passages that are let go.
const PASSAGES_MAX: u64 = 63;

/// A member that loses its power when it comes to a point.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrashAt {
    /// The member.
    pub target: Target,
    /// Where.
    #[serde(with = "by_name")]
    pub point: Point,
    /// How often it passes before that.
    pub passages: u64,
    /// For how long this may happen, milliseconds.
    pub within_ms: u64,
    /// How long it stays down, milliseconds.
    pub down_ms: u64,
}

impl CrashAt {
    pub(super) fn generate(stream: &mut Stream, target: Target, down_ms: u64) -> Self {
        Self {
            target,
            point: stream.pick(&CRASH_POINTS),
            passages: stream.magnitude(1, PASSAGES_MAX + 1) - 1,
            within_ms: WITHIN_MS,
            down_ms,
        }
    }
}

/// Where a member may lose its power in the middle of what it does: around every write that must
/// outlive it, and between a change and its being known.
const CRASH_POINTS: [Point; 17] = [
    Point::BatchTaken,
    Point::BatchDurable,
    Point::SegmentRolled,
    Point::SegmentFilled,
    Point::SegmentRenamed,
    Point::SegmentReused,
    Point::LogTruncated,
    Point::LogPurged,
    Point::LogRecovered,
    Point::CheckpointWritten,
    Point::FileRenamed,
    Point::CheckpointPublished,
    Point::SnapshotInstalled,
    Point::VoteCast,
    Point::EntryApplied,
    Point::CompactionGoesOn,
    Point::LeasesTakenOver,
];

/// For `#[serde(with)]`.
mod by_name {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        point: &Point,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(point.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Point, D::Error> {
        let name = String::deserialize(deserializer)?;
        Point::named(&name).ok_or_else(|| D::Error::custom(format!("no point is called `{name}`")))
    }
}
