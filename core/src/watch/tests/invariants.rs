//! The hub's invariants hold where they should, and reject what is broken.

use super::{
    harness::{Change, Member, all, key},
    small,
};
use crate::watch::{CreateRequest, Hub, watcher::WatcherId};

/// A hub with a live watcher that has something queued, and one that is behind.
fn hub() -> Hub {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..3).for_each(|_| drop(member.put("a")));
    member.create(stream, key("a"));
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..all()
        },
    );
    member.write(&[Change::Put("a")]);
    assert_eq!(member.hub.invariant_all(), Ok(()));
    member.hub
}

#[test]
fn a_watcher_missing_from_the_index_is_found() {
    let mut hub = hub();
    hub.index.remove(&key("a").range, WatcherId(0));
    assert_eq!(
        hub.invariant_all(),
        Err("the index does not hold exactly the live watchers")
    );
}

#[test]
fn a_watcher_unknown_to_its_stream_is_found() {
    let mut hub = hub();
    hub.streams
        .values_mut()
        .for_each(|stream| stream.ids.retain(|id, _| *id != 0));
    assert_eq!(
        hub.invariant_all(),
        Err("streams and watchers disagree about ids")
    );
}

#[test]
fn a_wrong_count_of_what_is_queued_is_found() {
    let mut hub = hub();
    hub.watchers
        .get_mut(&WatcherId(0))
        .unwrap()
        .queued_responses += 1;
    assert_eq!(
        hub.invariant_all(),
        Err("what is queued for a watcher is counted wrong")
    );
}

#[test]
fn a_forgotten_watcher_is_found() {
    let mut hub = hub();
    hub.streams
        .values_mut()
        .for_each(|stream| stream.waiting.clear());
    assert_eq!(
        hub.invariant_all(),
        Err("a watcher that is behind does not wait for a catch-up")
    );
}

#[test]
fn a_gap_in_the_recent_revisions_is_found() {
    let mut hub = hub();
    hub.published += 1;
    assert_eq!(hub.invariant_all(), Err("recent revisions have a gap"));
}
