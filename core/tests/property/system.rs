//! Two replicas and the model, taken through one run. One replica compacts physically and starts
//! over from its checkpoint now and then; the other never does. Nothing may tell them apart.

use bytes::Bytes;
use quorate_core::{
    Command, Entry, Restore, StateMachine, View,
    auth::Author,
    kv::{Event, KeyRange},
    request::RangeRequest,
};

use crate::{model::Model, steps::Step};

pub(crate) struct System {
    replica: StateMachine,
    never_swept: StateMachine,
    model: Model,
    index: u64,
    term: u64,
    /// Views that must not change, with the state hash and the model of their time.
    kept: Vec<(View, u64, Model)>,
}

impl System {
    pub(crate) fn new() -> Self {
        Self {
            replica: StateMachine::new(),
            never_swept: StateMachine::new(),
            model: Model::new(),
            index: 0,
            term: 1,
            kept: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, step: Step) {
        match step {
            Step::Apply {
                later_ms,
                new_term,
                command,
            } => {
                self.term += u64::from(new_term);
                self.apply(later_ms, command);
            }
            Step::Range(request) => {
                assert_eq!(self.replica.range(&request), self.model.range(&request));
                assert_eq!(self.never_swept.range(&request), self.model.range(&request));
            }
            Step::ReadTxn(request) => {
                assert_eq!(
                    self.replica.read_txn(&request),
                    self.model.read_txn(&request)
                );
            }
            Step::History { from } => {
                check_history(&self.replica, &self.model, from);
                check_history(&self.never_swept, &self.model, from);
            }
            Step::Sweep { keys_max } => {
                self.replica.compact_step(keys_max);
                self.replica.validate();
            }
            Step::Restore => self.restore(),
            Step::KeepView => {
                let view = self.replica.view();
                let hash = view.state_hash();
                self.kept.push((view, hash, self.model.clone()));
            }
            Step::Skip => {
                self.index += 1;
                self.replica.skip(self.index, self.term);
                self.never_swept.skip(self.index, self.term);
            }
        }
    }

    /// Looks at everything once more.
    pub(crate) fn finish(mut self) {
        check_all(&self.never_swept, &self.model);
        while self.replica.compact_step(3) {}
        self.replica.validate();
        assert_eq!(self.replica.state_hash(), self.never_swept.state_hash());
        check_all(&self.replica, &self.model);
        self.restore();
        check_all(&self.replica, &self.model);
        for (view, hash, model) in &self.kept {
            assert_eq!(view.state_hash(), *hash, "a view never changes");
            check_all(view, model);
        }
    }

    fn apply(&mut self, later_ms: u64, command: Command) {
        self.index += 1;
        self.model.time_ms += later_ms;
        let (result, events) = self.model.apply(&command, self.term);
        let entry = Entry {
            index: self.index,
            term: self.term,
            time_ms: self.model.time_ms,
            author: Author::Anonymous,
            command,
        };
        let applied = self.replica.apply(entry.clone());
        assert_eq!(applied, self.never_swept.apply(entry), "replicas agree");
        assert_eq!(applied.result, result);
        assert_eq!(*applied.events, *events);
        assert_eq!(applied.revision, self.model.revision);
        assert_eq!(applied.time_ms, self.model.time_ms);
        self.replica.validate();
    }

    /// One replica starts over from what the other would send it.
    fn restore(&mut self) {
        let checkpoint: Vec<Bytes> = self.replica.checkpoint().collect();
        let other: Vec<Bytes> = self.never_swept.checkpoint().collect();
        assert_eq!(
            checkpoint, other,
            "checkpoints do not depend on physical progress"
        );
        let mut restore = Restore::new();
        for chunk in &checkpoint {
            restore.feed(chunk).unwrap();
        }
        let restored = restore.finish().unwrap();
        restored.validate();
        assert_eq!(restored.state_hash(), self.replica.state_hash());
        assert_eq!(restored.checkpoint().collect::<Vec<_>>(), checkpoint);
        self.replica = restored;
    }
}

/// Compares everything that can be read.
fn check_all(view: &View, model: &Model) {
    assert_eq!(view.revision(), model.revision);
    assert_eq!(view.compact_revision(), model.compact_revision);
    assert_eq!(view.time_ms(), model.time_ms);
    assert_eq!(view.cluster_version(), model.cluster_version.as_deref());
    assert!(view.member_attributes().eq(model.members.values()));
    let leases = model
        .leases
        .iter()
        .map(|(id, (ttl_s, renewed_at_ms))| (*id, *ttl_s, *renewed_at_ms));
    assert!(view.leases().eq(leases));
    for &id in model.leases.keys() {
        assert_eq!(view.lease(id), model.lease(id));
    }
    let everything = KeyRange::From(Bytes::from_static(b"\0"));
    for revision in 0..=model.revision + 1 {
        let mut request = RangeRequest::new(everything.clone());
        request.revision = revision;
        let request = quorate_core::Valid::<RangeRequest>::check(request).unwrap();
        assert_eq!(view.range(&request), model.range(&request));
    }
    for from in -1..=model.revision + 1 {
        check_history(view, model, from);
    }
}

fn check_history(view: &View, model: &Model, from: i64) {
    let history = view.history(from).map(|history| {
        history
            .map(|(main, events)| (main, events.to_vec()))
            .collect::<Vec<(i64, Vec<Event>)>>()
    });
    assert_eq!(history, model.history(from));
}
