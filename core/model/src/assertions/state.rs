//! A view beside the model: everything that can be read.

use bytes::Bytes;
use quorate_core::{
    Valid, View,
    auth::Author,
    kv::{Event, KeyRange},
    request::RangeRequest,
};

use crate::{Model, transitions::Question};

/// What is compared after each step.
pub(crate) fn check_heads(view: &View, model: &Model) {
    assert_eq!(view.applied_index(), model.applied_index());
    assert_eq!(view.applied_term(), model.applied_term());
    assert_eq!(view.time_ms(), model.time_ms());
    assert_eq!(view.revision(), model.revision());
    assert_eq!(view.compact_revision(), model.compact_revision());
    assert_eq!(view.auth_enabled(), model.auth_enabled());
    assert_eq!(view.auth_revision(), model.auth_revision());
}

/// Compares everything.
pub(crate) fn check_all(view: &View, model: &Model) {
    check_heads(view, model);
    check_auth(view, model);
    assert_eq!(view.cluster_version(), model.cluster_version());
    assert!(view.member_attributes().eq(model.member_attributes()));
    assert!(view.alarms().eq(model.alarms()));
    assert!(view.leases().eq(model.leases()));
    for (id, ..) in model.leases() {
        assert_eq!(view.lease(id), model.lease(id));
    }
    let everything = KeyRange::From(Bytes::from_static(b"\0"));
    for revision in 0..=model.revision() + 1 {
        let mut request = RangeRequest::new(everything.clone());
        request.revision = revision;
        let request = Valid::<RangeRequest>::check(request).expect("it names keys");
        assert_eq!(view.range(&request), model.range(&request));
        assert_eq!(view.hash_kv(revision), model.hash_kv(revision));
    }
    let compacted = model.compact_revision();
    for from in [
        compacted - 1,
        compacted,
        compacted + 1,
        model.revision() + 1,
    ] {
        check_history(view, model, from);
    }
}

fn check_auth(view: &View, model: &Model) {
    assert!(view.users().eq(model.users()));
    assert!(view.roles().eq(model.roles()));
    for name in model.users().chain(["nobody"]) {
        assert_eq!(view.user(name), model.user(name));
        assert_eq!(view.password_hash(name), model.password_hash(name));
    }
    for name in model.roles().chain(["none", "root"]) {
        assert_eq!(view.role(name), model.role(name));
    }
}

/// Compares the events from a revision on.
pub(super) fn check_history(view: &View, model: &Model, from: i64) {
    let history = view.history(from).map(|history| {
        let revisions = history.map(|(main, events)| (main, events.to_vec()));
        revisions.collect::<Vec<(i64, Vec<Event>)>>()
    });
    assert_eq!(history, model.history(from));
}

/// Asks whether `author` may read something.
pub(super) fn check_question(view: &View, model: &Model, author: &Author, question: &Question) {
    let (found, expected) = match question {
        Question::Range(request) => (
            view.authorize_range(author, request),
            model.authorize_range(author, request),
        ),
        Question::Txn(request) => (
            view.authorize_txn(author, request),
            model.authorize_txn(author, request),
        ),
        Question::Watch(range) => (
            view.authorize_watch(author, range),
            model.authorize_watch(author, range),
        ),
        Question::LeaseKeys(id, kind) => (
            view.authorize_lease_keys(author, *id, *kind),
            model.authorize_lease_keys(author, *id, *kind),
        ),
        Question::AllLeases => (
            view.authorize_all_leases(author),
            model.authorize_all_leases(author),
        ),
        Question::Anyone => (
            view.authorize_anyone(author),
            model.authorize_anyone(author),
        ),
        Question::Admin => (view.authorize_admin(author), model.authorize_admin(author)),
        Question::User(name) => (
            view.authorize_user(author, name),
            model.authorize_user(author, name),
        ),
        Question::Role(name) => (
            view.authorize_role(author, name),
            model.authorize_role(author, name),
        ),
    };
    assert_eq!(found, expected, "{author:?}: {question:?}");
}
