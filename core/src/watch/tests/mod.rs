//! Tests of the watch hub: scenarios by subject, and random interleavings.

mod checker;
mod create;
mod events;
mod harness;
mod interleavings;
mod invariants;
mod progress;
mod slow;

/// The limits that the scenarios are written for: one of everything that hurts soon.
fn small() -> crate::limits::WatchLimits {
    crate::limits::WatchLimits {
        replay_revisions_max: 3,
        replay_bytes_max: usize::MAX,
        buffer_responses_max: 2,
        recent_revisions_max: 1,
        catch_up_watchers_max: 2,
        catch_up_events_max: 5,
        ..Default::default()
    }
}
