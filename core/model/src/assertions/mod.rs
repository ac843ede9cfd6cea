//! What must be equal: after each step, and at the end of a run everything that can be read.

pub(crate) mod state;
mod watch;

use bytes::Bytes;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};
use quorate_core::{View, watch::WatchResponse};

use self::watch::Client;
use crate::{
    Model,
    system::System,
    transitions::{Reference, STREAMS, Transition, WatchStep},
};

/// Views kept at a time.
const KEPT_MAX: usize = 3;

/// A random run of the system beside the model.
pub struct Run {
    system: System,
    /// What the clients of the watch streams wait for.
    clients: Vec<Client>,
    /// Views that must not change, with the state hash and the model of their time.
    kept: Vec<(View, u64, Model)>,
}

impl StateMachineTest for Run {
    type SystemUnderTest = Self;
    type Reference = Reference;

    fn init_test(reference: &Reference) -> Self {
        let client = || Client::new(reference.watch_limits);
        Self {
            system: System::new(reference),
            clients: (0..STREAMS).map(|_| client()).collect(),
            kept: Vec::new(),
        }
    }

    fn apply(mut run: Self, reference: &Reference, transition: Transition) -> Self {
        run.step(reference, transition);
        run
    }

    fn check_invariants(run: &Self, reference: &Reference) {
        for view in run.system.views() {
            state::check_heads(view, &reference.model);
            view.validate();
        }
        assert_eq!(run.system.hub.invariant_all(), Ok(()));
    }

    fn teardown(mut run: Self, reference: <Self::Reference as ReferenceStateMachine>::State) {
        run.finish(&reference.model);
    }
}

impl Run {
    fn step(&mut self, reference: &Reference, transition: Transition) {
        let model = &reference.model;
        match transition {
            Transition::Apply(_) => {
                let (entry, expected) = reference.last.as_ref().expect("an entry was applied");
                for applied in self.system.apply(entry) {
                    assert_eq!(applied, *expected, "{entry:#?}");
                }
            }
            Transition::Skip { .. } => {
                let (index, term) = (model.applied_index(), model.applied_term());
                self.system.skip(index, term);
            }
            Transition::Range(request) => {
                for view in self.system.views() {
                    assert_eq!(view.range(&request), model.range(&request));
                }
            }
            Transition::ReadTxn(request) => {
                for view in self.system.views() {
                    assert_eq!(view.read_txn(&request), model.read_txn(&request));
                }
            }
            Transition::History { from } => {
                for view in self.system.views() {
                    state::check_history(view, model, from);
                }
            }
            Transition::HashKv { revision } => {
                for view in self.system.views() {
                    assert_eq!(view.hash_kv(revision), model.hash_kv(revision));
                }
            }
            Transition::Authorize(who, question) => {
                for view in self.system.views() {
                    state::check_question(view, model, &who.author(model), &question);
                }
            }
            Transition::Sweep { keys_max } => {
                self.system.swept.compact_step(keys_max);
            }
            Transition::Restore => self.restore(),
            Transition::KeepView => self.keep_view(model),
            Transition::Watch(step) => self.watch(step, model),
        }
    }

    /// Replicas write the same checkpoint however far they have compacted, and it holds the state.
    fn restore(&mut self) {
        let [swept, never_swept] = self.system.views();
        let checkpoint: Vec<Bytes> = never_swept.checkpoint().collect();
        assert!(swept.checkpoint().eq(checkpoint.iter().cloned()));
        let hash = swept.state_hash();
        assert_eq!(hash, never_swept.state_hash());
        self.system.restore().expect("a checkpoint can be read");
        let restored = &self.system.swept;
        assert!(restored.checkpoint().eq(checkpoint.iter().cloned()));
        assert_eq!(restored.state_hash(), hash);
    }

    fn keep_view(&mut self, model: &Model) {
        if self.kept.len() < KEPT_MAX {
            let view = self.system.swept.view();
            let hash = view.state_hash();
            self.kept.push((view, hash, model.clone()));
        }
    }

    fn watch(&mut self, step: WatchStep, model: &Model) {
        match step {
            WatchStep::Create(stream, request) => {
                self.clients[stream].ask(request.clone(), model);
                self.system.create(stream, request);
            }
            WatchStep::Cancel(stream, id) => {
                self.clients[stream].cancel(id, model);
                self.system.cancel(stream, id);
            }
            WatchStep::Poll(stream, times) => {
                let _ = (0..times).all(|_| self.poll(stream, model).is_some());
            }
            WatchStep::Progress(stream) => self.system.request_progress(stream),
            WatchStep::Tick(stream) => self.system.tick(stream),
        }
    }

    /// `None` if there was nothing to do.
    fn poll(&mut self, stream: usize, model: &Model) -> Option<Option<WatchResponse>> {
        let polled = self.system.poll(stream)?;
        if let Some(response) = &polled {
            self.clients[stream].receive(response, model);
        }
        Some(polled)
    }

    /// Everything comes to rest, and everything is looked at once more.
    fn finish(&mut self, model: &Model) {
        for stream in 0..STREAMS {
            while self.poll(stream, model).is_some() {}
            self.clients[stream].finish(model);
            self.system.request_progress(stream);
            let response = self.poll(stream, model).flatten();
            assert_eq!(response.is_some(), self.clients[stream].has_progress(model));
        }
        state::check_all(&self.system.never_swept, model);
        while self.system.swept.compact_step(3) {}
        self.system.swept.validate();
        state::check_all(&self.system.swept, model);
        self.restore();
        self.system.swept.validate();
        state::check_all(&self.system.swept, model);
        for (view, hash, model) in &self.kept {
            assert_eq!(view.state_hash(), *hash, "a view never changes");
            state::check_all(view, model);
        }
    }
}
