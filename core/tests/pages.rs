//! An interval that is read page by page gives what it gives when it is read as a whole.

// All of this is a test.
#![allow(clippy::unwrap_used)]

use quorate_core::{
    Command, Entry, Error, StateMachine, Valid, View,
    auth::Author,
    kv::{KeyRange, KeyValue},
    request::{DeleteRangeRequest, PageRequest, PutRequest, RangeRequest},
};

/// Keys `a` to `e`, put in turn with longer and longer values; `c` is deleted at the end.
fn state() -> View {
    let mut machine = StateMachine::new();
    let puts = (1..=10).map(|n| {
        let key = ["a", "b", "c", "d", "e"][n % 5];
        Command::Put(Valid::<PutRequest>::check(PutRequest::new(key, "v".repeat(n))).unwrap())
    });
    let delete = DeleteRangeRequest {
        range: KeyRange::Key("c".into()),
        prev_kv: false,
    };
    let delete = Command::DeleteRange(Valid::<DeleteRangeRequest>::check(delete).unwrap());
    for (index, command) in (1..).zip(puts.chain([delete, Command::Compact { revision: 4 }])) {
        let entry = Entry {
            index,
            term: 1,
            time_ms: 0,
            author: Author::Anonymous,
            command,
        };
        machine.apply(entry).result.unwrap();
    }
    machine.view()
}

fn page(range: KeyRange, revision: i64, keys_max: usize, bytes_max: usize) -> PageRequest {
    PageRequest {
        range,
        revision,
        keys_only: false,
        keys_max,
        bytes_max,
    }
}

fn paged(state: &View, mut request: PageRequest) -> Vec<KeyValue> {
    let mut all = Vec::new();
    loop {
        let page = state.page(&request).unwrap();
        assert!(page.kvs.len() <= request.keys_max);
        if !page.more {
            all.extend(page.kvs);
            return all;
        }
        request.range = request.range.behind(&page.kvs.last().unwrap().key);
        all.extend(page.kvs);
    }
}

#[test]
fn pages_of_any_size_add_up_to_the_interval() {
    let state = state();
    let range =
        |start: &'static str, end: &'static str| KeyRange::from_wire(start.into(), end.into());
    let ranges = [
        range("a", ""),
        range("b", "d"),
        range("a", "\0"),
        range("x", "\0"),
    ];
    for interval in ranges {
        for revision in 4..=state.revision() {
            let whole = RangeRequest {
                revision,
                ..RangeRequest::new(interval.clone())
            };
            let whole = state.range(&Valid::<RangeRequest>::check(whole).unwrap());
            let whole = whole.unwrap().kvs;
            for keys_max in 1..=6 {
                let request = page(interval.clone(), revision, keys_max, usize::MAX);
                assert_eq!(paged(&state, request), whole);
            }
            for bytes_max in [1, 5, 20] {
                let request = page(interval.clone(), revision, usize::MAX, bytes_max);
                assert_eq!(paged(&state, request), whole);
            }
        }
    }
}

#[test]
fn a_page_ends_where_its_bytes_do() {
    let state = state();
    let everything = || KeyRange::From("a".into());
    // The last round of values is 6 (b), 8 (d), 9 (e), 10 (a) bytes long.
    let read = state.page(&page(everything(), 0, 10, 12)).unwrap();
    let keys: Vec<_> = read.kvs.iter().map(|kv| &kv.key[..]).collect();
    assert_eq!((keys, read.more), (vec![b"a".as_slice(), b"b"], true));
    // Values that are left out take none.
    let keys_only = PageRequest {
        keys_only: true,
        ..page(everything(), 0, 10, 12)
    };
    let read = state.page(&keys_only).unwrap();
    assert_eq!((read.kvs.len(), read.more), (4, false));
    assert!(read.kvs.iter().all(|kv| kv.value.is_empty()));
}

#[test]
fn what_cannot_be_read_is_refused() {
    let state = state();
    let read = |revision| {
        state
            .page(&page(KeyRange::From("a".into()), revision, 1, 1))
            .err()
    };
    assert_eq!(read(3), Some(Error::Compacted));
    assert_eq!(read(state.revision() + 1), Some(Error::FutureRevision));
    assert_eq!(read(4), None);
}
