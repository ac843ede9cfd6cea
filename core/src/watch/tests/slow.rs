//! Watchers that are behind: slow ones, those of past revisions, and those a checkpoint overtook.

use super::{
    harness::{Change, Member, all, key},
    small,
};
use crate::{
    limits::WatchLimits,
    watch::{CreateRequest, Poll},
};

#[test]
fn a_slow_watcher_gets_what_was_queued_then_the_rest_from_history() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    (0..6).for_each(|_| drop(member.put("a")));
    let expected = [
        "0@1: created",
        "0@2: +a@2",
        "0@3: +a@3",
        "0@7: +a@4 +a@5 +a@6",
        "0@7: +a@7",
    ];
    assert_eq!(member.drain_text(stream), expected);
    member.put("a");
    assert_eq!(member.drain_text(stream), ["0@8: +a@8"], "it is live again");
}

#[test]
fn bytes_bound_what_waits_for_a_watcher_but_one_response_always_may() {
    let limits = WatchLimits {
        buffer_bytes_max: 1,
        ..WatchLimits::default()
    };
    let mut member = Member::new(limits);
    let stream = member.hub.open();
    member.create(stream, all());
    (0..3).for_each(|_| drop(member.put("a")));
    assert_eq!(
        member.drain_text(stream),
        ["0@1: created", "0@2: +a@2", "0@4: +a@3 +a@4"]
    );
}

#[test]
fn bytes_bound_what_waits_on_a_stream() {
    let limits = WatchLimits {
        stream_bytes_max: 1,
        ..WatchLimits::default()
    };
    let mut member = Member::new(limits);
    let stream = member.hub.open();
    member.create(stream, key("a"));
    member.create(stream, key("b"));
    member.put("a");
    member.put("b");
    member.put("a");
    let responses = member.drain_text(stream);
    assert_eq!(responses[..2], ["0@1: created", "1@1: created"]);
    let mut events = responses[2..].to_vec();
    events.sort();
    assert_eq!(events, ["0@2: +a@2", "0@4: +a@4", "1@4: +b@3"]);
}

#[test]
fn a_slow_watcher_does_not_hold_up_others_of_its_stream() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, key("a"));
    member.create(stream, key("b"));
    (0..3).for_each(|_| drop(member.put("a")));
    member.put("b");
    let expected = ["0@2: +a@2", "0@3: +a@3", "1@5: +b@5", "0@5: +a@4"];
    let mut responses = member.drain_text(stream).split_off(2);
    responses.sort();
    let mut sorted = expected;
    sorted.sort();
    assert_eq!(responses, sorted);
}

#[test]
fn publishing_during_a_catch_up_leaves_no_gap_and_repeats_nothing() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..3).for_each(|_| drop(member.put("a")));
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..all()
        },
    );
    let catch_up = member.catch_up(stream);
    member.put("before the view");
    let view = member.log.clone();
    member.put("after the view");
    let result = catch_up.run(&view);
    member.put("after the run");
    member.hub.caught_up(result);
    member.put("live");
    let expected = [
        "0@4: created",
        "0@5: +a@2 +a@3 +a@4",
        "0@8: +before the view@5 +after the view@6 +after the run@7",
        "0@8: +live@8",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn a_watcher_that_is_almost_caught_up_needs_no_view() {
    let mut member = Member::new(WatchLimits::default());
    let stream = member.hub.open();
    (0..3).for_each(|_| drop(member.put("a")));
    member.create(
        stream,
        CreateRequest {
            start_revision: 3,
            ..all()
        },
    );
    member.response(stream);
    assert_eq!(member.response(stream).events.len(), 2);
    assert!(matches!(member.hub.poll(stream), Poll::Empty));
}

#[test]
fn a_view_ahead_of_what_is_published_leads_to_no_repetition() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..3).for_each(|_| drop(member.put("a")));
    member.create(
        stream,
        CreateRequest {
            start_revision: 3,
            ..all()
        },
    );
    let (revision, events) = member.apply(&[Change::Put("b")]);
    let first = member.drain_text(stream);
    assert_eq!(first, ["0@4: created", "0@5: +a@3 +a@4 +b@5"]);
    member.hub.publish(revision, &events);
    member.put("c");
    assert_eq!(member.drain_text(stream), ["0@6: +c@6"]);
}

#[test]
fn compaction_overtakes_a_watcher_that_is_behind() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    (0..9).for_each(|_| drop(member.put("a")));
    member.compact(6);
    let expected = [
        "0@1: created",
        "0@2: +a@2",
        "0@3: +a@3",
        "0@0: canceled compacted=6",
    ];
    assert_eq!(member.drain_text(stream), expected);
    member.put("a");
    assert!(member.drain(stream).is_empty());
}

#[test]
fn compaction_overtakes_some_watchers_of_a_catch_up_and_spares_others() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..8).for_each(|_| drop(member.put("a")));
    member.create(
        stream,
        CreateRequest {
            start_revision: 4,
            ..all()
        },
    );
    member.create(
        stream,
        CreateRequest {
            start_revision: 7,
            ..all()
        },
    );
    let catch_up = member.catch_up(stream);
    member.compact(5);
    member.hub.caught_up(catch_up.run(&member.log));
    let responses = member.drain_text(stream).split_off(2);
    assert_eq!(
        responses,
        ["0@0: canceled compacted=5", "1@9: +a@7 +a@8 +a@9"]
    );
}

#[test]
fn a_watcher_cancelled_during_its_catch_up_stays_cancelled() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..3).for_each(|_| drop(member.put("a")));
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            watch_id: 5,
            ..all()
        },
    );
    let catch_up = member.catch_up(stream);
    member.hub.cancel(stream, 5);
    member.create(
        stream,
        CreateRequest {
            watch_id: 5,
            ..all()
        },
    );
    member.hub.caught_up(catch_up.run(&member.log));
    assert_eq!(
        member.drain_text(stream),
        ["5@4: created", "5@4: canceled", "5@4: created"]
    );
}

#[test]
fn a_cancelled_watcher_that_waits_does_not_keep_others_from_catching_up() {
    let limits = WatchLimits {
        catch_up_watchers_max: 1,
        ..small()
    };
    let mut member = Member::new(limits);
    let stream = member.hub.open();
    (0..3).for_each(|_| drop(member.put("a")));
    for _ in 0..3 {
        member.create(
            stream,
            CreateRequest {
                start_revision: 2,
                ..all()
            },
        );
    }
    member.hub.cancel(stream, 0);
    member.hub.cancel(stream, 1);
    let responses = member.drain_text(stream);
    assert_eq!(responses.last().unwrap(), "2@4: +a@2 +a@3 +a@4");
}

#[test]
fn a_busy_stream_does_not_keep_its_watcher_from_catching_up() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..3).for_each(|_| drop(member.put("a")));
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..key("a")
        },
    );
    member.create(stream, key("b"));
    let mut polls = 0;
    loop {
        member.put("b");
        polls += 1;
        match member.hub.poll(stream) {
            Poll::CatchUp(catch_up) => member.hub.caught_up(catch_up.run(&member.log)),
            Poll::Response(response) if response.watch_id == 0 && !response.created => break,
            _ => assert!(polls < 20),
        }
    }
}

#[test]
fn a_checkpoint_in_place_of_the_state_sends_watchers_to_history() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.create(
        stream,
        CreateRequest {
            start_revision: 5,
            ..all()
        },
    );
    member.create(
        stream,
        CreateRequest {
            start_revision: 9,
            ..all()
        },
    );
    member.drain(stream);
    (0..4).for_each(|_| drop(member.apply(&[Change::Put("a")])));
    assert_eq!(member.hub.restored(5), [stream]);
    let mut responses = member.drain_text(stream);
    responses.sort();
    assert_eq!(responses, ["0@5: +a@2 +a@3 +a@4", "0@5: +a@5", "1@5: +a@5"]);
}

#[test]
fn a_jump_in_what_is_published_is_taken_for_a_checkpoint() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.drain(stream);
    member.apply(&[Change::Put("a")]);
    assert_eq!(member.put("a"), [stream]);
    assert_eq!(member.drain_text(stream), ["0@3: +a@2 +a@3"]);
}
