//! Creating and cancelling watchers.

use super::{
    harness::{Member, all, key, range},
    small,
};
use crate::{limits::WatchLimits, watch::CreateRequest};

#[test]
fn ids_are_assigned_from_0_and_a_cancelled_one_is_not_assigned_again() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.create(stream, all());
    member.hub.cancel(stream, 0);
    member.create(stream, all());
    let expected = [
        "0@1: created",
        "1@1: created",
        "0@1: canceled",
        "2@1: created",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn assignment_skips_ids_in_use() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(
        stream,
        CreateRequest {
            watch_id: 2,
            ..all()
        },
    );
    for _ in 0..3 {
        member.create(stream, all());
    }
    let expected = [
        "2@1: created",
        "0@1: created",
        "1@1: created",
        "3@1: created",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn ids_are_of_the_stream() {
    let mut member = Member::new(small());
    let (one, other) = (member.hub.open(), member.hub.open());
    member.create(one, all());
    member.create(other, all());
    assert_eq!(member.drain_text(one), ["0@1: created"]);
    assert_eq!(member.drain_text(other), ["0@1: created"]);
}

#[test]
fn given_ids_may_be_negative_and_must_not_be_in_use() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    for watch_id in [7, -5, -1, 7] {
        member.create(stream, CreateRequest { watch_id, ..all() });
    }
    member.hub.cancel(stream, 7);
    member.create(
        stream,
        CreateRequest {
            watch_id: 7,
            ..all()
        },
    );
    let expected = [
        "7@1: created",
        "-5@1: created",
        "-1@1: created",
        "-1@1: created canceled \"mvcc: duplicate watch ID provided on the WatchStream\"",
        "7@1: canceled",
        "7@1: created",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn a_negative_start_revision_is_refused_before_an_empty_range() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(
        stream,
        CreateRequest {
            start_revision: -1,
            ..range("b", "a")
        },
    );
    member.create(stream, range("b", "a"));
    member.create(stream, range("a", "a"));
    let expected = [
        "-1@1: created canceled \"etcdserver: mvcc: required revision has been compacted\"",
        "-1@1: created canceled \"mvcc: watcher range is empty\"",
        "-1@1: created canceled \"mvcc: watcher range is empty\"",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn a_refusal_uses_up_no_id() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, range("b", "a"));
    member.hub.refuse(stream, "permission denied".to_owned(), 1);
    member.create(stream, all());
    let expected = [
        "-1@1: created canceled \"mvcc: watcher range is empty\"",
        "-1@1: created canceled \"permission denied\"",
        "0@1: created",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn an_empty_key_stands_for_the_zero_byte() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, key(""));
    member.create(stream, range("", "b"));
    member.create(stream, range("", "\0"));
    member.put("\0");
    member.put("a");
    member.put("b");
    let responses = member.drain_text(stream);
    let expected = [
        "0@2: +\0@2",
        "1@2: +\0@2",
        "2@2: +\0@2",
        "1@3: +a@3",
        "2@3: +a@3",
        "2@4: +b@4",
    ];
    assert_eq!(responses[3..], expected);
}

#[test]
fn cancelling_an_unknown_id_is_not_answered() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.hub.cancel(stream, 0);
    member.hub.cancel(stream, 3);
    assert!(member.drain(stream).is_empty());
}

#[test]
fn what_is_queued_precedes_the_canceled_response_and_nothing_follows_it() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.put("a");
    member.hub.cancel(stream, 0);
    member.put("b");
    let expected = ["0@1: created", "0@2: +a@2", "0@2: canceled"];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn events_of_a_cancelled_watcher_are_not_mixed_with_those_of_the_next_with_its_id() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(
        stream,
        CreateRequest {
            watch_id: 5,
            ..all()
        },
    );
    member.put("a");
    member.hub.cancel(stream, 5);
    member.create(
        stream,
        CreateRequest {
            watch_id: 5,
            ..all()
        },
    );
    member.put("b");
    let expected = [
        "5@1: created",
        "5@2: +a@2",
        "5@2: canceled",
        "5@2: created",
        "5@3: +b@3",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn a_start_below_the_compacted_revision_is_created_then_cancelled_and_keeps_its_id() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..4).for_each(|_| drop(member.put("a")));
    member.compact(4);
    member.create(
        stream,
        CreateRequest {
            start_revision: 3,
            watch_id: 9,
            ..all()
        },
    );
    member.create(
        stream,
        CreateRequest {
            watch_id: 9,
            ..all()
        },
    );
    member.hub.cancel(stream, 9);
    member.create(
        stream,
        CreateRequest {
            watch_id: 9,
            ..all()
        },
    );
    let expected = [
        "9@5: created",
        "9@0: canceled compacted=4",
        "-1@5: created canceled \"mvcc: duplicate watch ID provided on the WatchStream\"",
        "9@5: canceled",
        "9@5: created",
    ];
    assert_eq!(member.drain_text(stream), expected);
}

#[test]
fn a_start_at_the_compacted_revision_is_fine() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    (0..4).for_each(|_| drop(member.put("a")));
    member.compact(4);
    member.create(
        stream,
        CreateRequest {
            start_revision: 4,
            ..all()
        },
    );
    assert_eq!(
        member.drain_text(stream),
        ["0@5: created", "0@5: +a@4 +a@5"]
    );
}

#[test]
fn a_closed_stream_is_silent_and_leaves_nothing_behind() {
    let mut member = Member::new(small());
    let stream = member.hub.open();
    member.create(stream, all());
    member.create(stream, key("a"));
    member.hub.close(stream);
    member.create(stream, all());
    member.hub.cancel(stream, 0);
    member.hub.request_progress(stream);
    member.hub.tick_progress(stream);
    assert!(member.put("a").is_empty());
    assert!(member.drain(stream).is_empty());
}

#[test]
fn a_stream_with_many_unread_answers_is_congested() {
    let mut member = Member::new(WatchLimits {
        stream_answers_max: 2,
        ..small()
    });
    let stream = member.hub.open();
    member.create(stream, all());
    assert!(!member.hub.is_congested(stream));
    member.create(stream, all());
    assert!(member.hub.is_congested(stream));
    member.response(stream);
    assert!(!member.hub.is_congested(stream));
}
