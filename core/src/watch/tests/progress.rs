//! Progress, on request and by timer.

use super::{
    harness::{Change, Member, all, key},
    small,
};
use crate::watch::CreateRequest;

#[test]
fn progress_on_request_follows_the_events_it_speaks_of() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.put("a");
    member.hub.request_progress(stream);
    assert_eq!(
        member.drain_text(stream),
        ["0@1: created", "0@2: +a@2", "-1@2:"]
    );
}

#[test]
fn cancelling_a_watcher_takes_nothing_from_under_queued_progress() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.put("a");
    member.hub.request_progress(stream);
    member.hub.cancel(stream, 0);
    let expected = ["0@1: created", "0@2: +a@2", "-1@2:", "0@2: canceled"];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn each_request_for_progress_is_answered() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.hub.request_progress(stream);
    member.hub.request_progress(stream);
    assert_eq!(
        member.drain_text(stream),
        ["0@1: created", "-1@1:", "-1@1:"]
    );
}

#[test]
fn without_watchers_there_is_no_progress() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.hub.request_progress(stream);
    assert!(member.drain(stream).is_empty());
}

#[test]
fn a_watcher_of_the_future_holds_up_progress_until_its_start() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..key("x")
        },
    );
    member.hub.request_progress(stream);
    member.put("a");
    member.hub.request_progress(stream);
    let responses = member.drain_text(stream);
    assert_eq!(responses[2..], ["0@2: +a@2", "-1@2:"]);
}

#[test]
fn a_watcher_that_is_behind_holds_up_progress() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..4).for_each(|_| drop(member.put("a")));
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..all()
        },
    );
    member.hub.request_progress(stream);
    assert_eq!(
        member.drain_text(stream),
        ["0@5: created", "0@5: +a@2 +a@3 +a@4", "0@5: +a@5"]
    );
    member.hub.request_progress(stream);
    assert_eq!(member.drain_text(stream), ["-1@5:"]);
}

#[test]
fn progress_speaks_of_what_is_published_not_of_what_is_only_applied() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    let (revision, events) = member.apply(&[Change::Put("a")]);
    member.hub.request_progress(stream);
    member.hub.publish(revision, &events);
    assert_eq!(
        member.drain_text(stream),
        ["0@1: created", "-1@1:", "0@2: +a@2"]
    );
}

#[test]
fn progress_waits_for_a_watcher_created_between_apply_and_publish() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    let (revision, events) = member.apply(&[Change::Put("a")]);
    member.create(stream, all());
    member.hub.request_progress(stream);
    member.hub.publish(revision, &events);
    member.hub.request_progress(stream);
    assert_eq!(member.drain_text(stream), ["0@2: created", "-1@2:"]);
}

#[test]
fn watchers_cancelled_by_compaction_do_not_count() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..4).for_each(|_| drop(member.put("a")));
    member.compact(4);
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..all()
        },
    );
    member.hub.request_progress(stream);
    assert_eq!(
        member.drain_text(stream),
        ["0@5: created", "0@0: canceled compacted=4"]
    );
    member.create(stream, all());
    member.hub.request_progress(stream);
    assert_eq!(member.drain_text(stream), ["1@5: created", "-1@5:"]);
}

#[test]
fn the_timer_tells_idle_watchers_that_asked_and_skips_the_tick_after_an_event() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(
        stream,
        CreateRequest {
            progress_notify: true,
            ..key("a")
        },
    );
    member.create(
        stream,
        CreateRequest {
            progress_notify: true,
            ..key("b")
        },
    );
    member.create(stream, all());
    member.hub.tick_progress(stream);
    assert_eq!(member.drain_text(stream)[3..], ["0@1:", "1@1:"]);
    member.put("a");
    member.drain(stream);
    member.hub.tick_progress(stream);
    assert_eq!(member.drain_text(stream), ["1@2:"]);
    member.hub.tick_progress(stream);
    assert_eq!(member.drain_text(stream), ["0@2:", "1@2:"]);
}

#[test]
fn the_timer_skips_watchers_that_have_not_reached_their_start() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    let request = CreateRequest {
        progress_notify: true,
        ..key("x")
    };
    member.create(
        stream,
        CreateRequest {
            start_revision: 2,
            ..request
        },
    );
    member.hub.tick_progress(stream);
    assert_eq!(member.drain_text(stream), ["0@1: created"]);
    member.put("a");
    member.hub.tick_progress(stream);
    assert_eq!(member.drain_text(stream), ["0@2:"]);
}

#[test]
fn unread_ticks_do_not_pile_up() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(
        stream,
        CreateRequest {
            progress_notify: true,
            ..all()
        },
    );
    member.hub.tick_progress(stream);
    member.hub.tick_progress(stream);
    assert_eq!(member.drain_text(stream), ["0@1: created", "0@1:"]);
}
