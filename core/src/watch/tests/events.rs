//! Which events go out, in which responses.

use super::{
    harness::{Change, EVENT_ENCODED_BYTES, Member, all, key, range},
    small,
};
use crate::{limits::WatchLimits, watch::CreateRequest};

#[test]
fn live_events_of_a_revision_come_in_one_response_in_the_order_of_execution() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, range("a", "d"));
    member.write(&[
        Change::Put("b"),
        Change::Put("a"),
        Change::Put("x"),
        Change::Put("c"),
    ]);
    assert_eq!(
        member.drain_text(stream),
        ["0@1: created", "0@2: +b@2 +a@2 +c@2"]
    );
}

#[test]
fn live_revisions_come_in_responses_of_their_own() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.put("a");
    member.put("a");
    assert_eq!(
        member.drain_text(stream),
        ["0@1: created", "0@2: +a@2", "0@3: +a@3"]
    );
}

#[test]
fn publish_names_the_streams_concerned_once() {
    let mut member = Member::new(small());
    let (one, other, idle) = (member.hub.open(), member.hub.open(), member.hub.open());
    member.create(other, key("a"));
    member.create(one, all());
    member.create(one, key("a"));
    member.create(idle, key("b"));
    assert_eq!(member.put("a"), [one, other]);
}

#[test]
fn the_state_before_comes_only_when_asked_for_and_only_if_there_was_one() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.put("a");
    member.create(
        stream,
        CreateRequest {
            prev_kv: true,
            ..all()
        },
    );
    member.create(
        stream,
        CreateRequest {
            prev_kv: true,
            start_revision: 2,
            ..all()
        },
    );
    member.create(stream, all());
    member.drain(stream);
    member.write(&[Change::Put("a"), Change::Put("b"), Change::Delete("a")]);
    let expected = [
        "0@3: +a@3<2 +b@3 -a@3<3",
        "1@3: +a@3<2 +b@3 -a@3<3",
        "2@3: +a@3 +b@3 -a@3",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn filters_drop_events_and_responses_left_empty_are_not_sent() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(
        stream,
        CreateRequest {
            no_put: true,
            ..all()
        },
    );
    member.create(
        stream,
        CreateRequest {
            no_delete: true,
            ..all()
        },
    );
    member.create(
        stream,
        CreateRequest {
            no_put: true,
            no_delete: true,
            ..all()
        },
    );
    member.drain(stream);
    member.write(&[Change::Put("a"), Change::Put("b"), Change::Delete("b")]);
    member.delete("a");
    let live = member.drain_text(stream);
    assert_eq!(live, ["0@2: -b@2", "1@2: +a@2 +b@2", "0@3: -a@3"]);
    let replayed = CreateRequest {
        no_put: true,
        no_delete: true,
        start_revision: 2,
        ..all()
    };
    member.create(stream, replayed);
    assert_eq!(member.drain_text(stream), ["3@3: created"]);
}

#[test]
fn a_start_in_the_future_waits_for_it() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(
        stream,
        CreateRequest {
            start_revision: 4,
            ..all()
        },
    );
    (0..4).for_each(|_| drop(member.put("a")));
    assert_eq!(
        member.drain_text(stream),
        ["0@1: created", "0@4: +a@4", "0@5: +a@5"]
    );
}

#[test]
fn replay_batches_revisions_up_to_the_limit_under_the_stores_revision() {
    let mut member = Member::new(WatchLimits::default());
    let stream = member.hub.open();
    (0..1500).for_each(|_| drop(member.put("a")));
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..all()
        },
    );
    let responses = member.drain(stream);
    let shape: Vec<_> = responses
        .iter()
        .map(|response| (response.revision, response.events.len()))
        .collect();
    assert_eq!(shape, [(1501, 0), (1501, 1000), (1501, 500)]);
}

#[test]
fn replay_never_splits_a_revision() {
    let mut member = Member::new(WatchLimits {
        replay_bytes_max: 1,
        ..small()
    });
    let stream = member.hub.open();
    for _ in 0..3 {
        member.write(&[Change::Put("a"), Change::Put("b")]);
    }
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..all()
        },
    );
    let expected = [
        "0@4: created",
        "0@4: +a@2 +b@2",
        "0@4: +a@3 +b@3",
        "0@4: +a@4 +b@4",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn replay_counts_only_revisions_that_the_watcher_wants() {
    let mut member = Member::new(WatchLimits {
        catch_up_events_max: 100,
        ..small()
    });
    let stream = member.hub.open();
    for _ in 0..3 {
        member.put("a");
        member.put("b");
    }
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..key("b")
        },
    );
    assert_eq!(
        member.drain_text(stream),
        ["0@7: created", "0@7: +b@3 +b@5 +b@7"]
    );
}

#[test]
fn large_responses_are_split_for_those_who_asked() {
    // Room for two events beside the rest of the response, but not for three.
    let fragment_bytes = 64 + 3 * EVENT_ENCODED_BYTES;
    let limits = WatchLimits {
        fragment_bytes,
        ..WatchLimits::default()
    };
    let mut member = Member::new(limits);
    let stream = member.hub.open();
    member.create(
        stream,
        CreateRequest {
            fragment: true,
            ..all()
        },
    );
    member.create(stream, all());
    member.drain(stream);
    member.write(&["a", "b", "c", "d", "e"].map(Change::Put));
    member.put("f");
    let expected = [
        "0@2: fragment +a@2 +b@2",
        "0@2: fragment +c@2 +d@2",
        "0@2: +e@2",
        "1@2: +a@2 +b@2 +c@2 +d@2 +e@2",
        "0@3: +f@3",
        "1@3: +f@3",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn an_event_too_large_for_any_response_is_sent_alone() {
    let limits = WatchLimits {
        fragment_bytes: 1,
        ..WatchLimits::default()
    };
    let mut member = Member::new(limits);
    let stream = member.hub.open();
    member.write(&[Change::Put("a"), Change::Put("b")]);
    member.create(
        stream,
        CreateRequest {
            fragment: true,
            start_revision: 2,
            ..all()
        },
    );
    let expected = ["0@2: created", "0@2: fragment +a@2", "0@2: +b@2"];
    assert_eq!(member.drain_text(stream), expected);
}
