//! Watches: what their clients do.

use proptest::{prelude::*, sample::select};
use quorate_core::{limits::WatchLimits, watch::CreateRequest};

use super::requests::watch_range;
use crate::system::EVENT_ENCODED_BYTES;

/// Watch streams of a run.
pub const STREAMS: usize = 2;

/// What happens on a stream.
#[derive(Clone, Debug)]
pub enum WatchStep {
    /// The client asks for a watcher.
    Create(usize, CreateRequest),
    /// The client cancels one, which may not be there.
    Cancel(usize, i64),
    /// The stream sends, and catches up, up to so many times.
    Poll(usize, usize),
    /// The client asks for progress.
    Progress(usize),
    /// The progress timer.
    Tick(usize),
}

pub(super) fn step(revision: i64) -> impl Strategy<Value = WatchStep> {
    let stream = 0..STREAMS;
    let create = (stream.clone(), request(revision));
    prop_oneof![
        4 => create.prop_map(|(stream, request)| WatchStep::Create(stream, request)),
        1 => (stream.clone(), watch_id()).prop_map(|(stream, id)| WatchStep::Cancel(stream, id)),
        8 => (stream.clone(), 1..6_usize).prop_map(|(stream, times)| WatchStep::Poll(stream, times)),
        2 => stream.clone().prop_map(WatchStep::Progress),
        1 => stream.prop_map(WatchStep::Tick),
    ]
}

fn watch_id() -> impl Strategy<Value = i64> {
    select(&[0, 0, 0, 0, 1, 2, -5])
}

fn request(revision: i64) -> impl Strategy<Value = CreateRequest> {
    let start = prop_oneof![
        6 => Just(0),
        8 => 1..=revision,
        4 => revision + 1..revision + 4,
        1 => Just(-1),
    ];
    let rarely = || prop::bool::weighted(0.15);
    (
        (watch_range(), start, watch_id()),
        (rarely(), rarely()),
        any::<[bool; 3]>(),
    )
        .prop_map(
            |(
                (range, start_revision, watch_id),
                (no_put, no_delete),
                [prev_kv, fragment, progress_notify],
            )| CreateRequest {
                range,
                start_revision,
                progress_notify,
                no_put,
                no_delete,
                prev_kv,
                watch_id,
                fragment,
            },
        )
}

/// Bounds at which everything happens within a few events.
pub(super) fn limits() -> impl Strategy<Value = WatchLimits> {
    let bytes = || select(&[0, 300, 1000, usize::MAX]);
    let sizes = (0..4_usize, 0..4_usize, 0..5_usize, 0..3_usize, 0..8_usize);
    (sizes, bytes(), bytes(), bytes(), bytes()).prop_map(
        |(sizes, replay, buffer, stream, recent)| WatchLimits {
            replay_revisions_max: sizes.0,
            buffer_responses_max: sizes.1,
            recent_revisions_max: sizes.2,
            catch_up_watchers_max: sizes.3,
            catch_up_events_max: sizes.4,
            replay_bytes_max: replay,
            buffer_bytes_max: buffer,
            stream_bytes_max: stream,
            recent_bytes_max: recent,
            stream_answers_max: 10,
            fragment_bytes: 64 + 2 * EVENT_ENCODED_BYTES,
        },
    )
}
