//! Bytes as a run: two replicas, one of which compacts physically and starts over from checkpoints,
//! and the model beside them.

use bytes::Bytes;
use quorate_core::{Restore, StateMachine, View};

use super::{
    pieces,
    random::Random,
    step::{self, Step},
};
use crate::{Model, assertions::state};

/// Longer inputs go without the model, which keeps a copy of everything for each revision.
const MODEL_INPUT_BYTES_MAX: usize = 8 * 1024;

/// Views kept at a time.
const KEPT_MAX: usize = 3;

/// Keys that one step of physical compaction looks at where the run does not say how many.
const SWEEP_KEYS: usize = 3;

/// See [`super::Target::run`].
pub(super) fn run(input: &[u8]) -> bool {
    let model = (input.len() <= MODEL_INPUT_BYTES_MAX).then(Model::new);
    let mut run = Run {
        swept: StateMachine::new(),
        never_swept: StateMachine::new(),
        model,
        kept: Vec::new(),
    };
    let mut is_run = false;
    for step in pieces::split(input).into_iter().filter_map(step::read) {
        is_run = true;
        run.step(step);
        run.check();
    }
    run.finish();
    is_run
}

/// Some steps.
pub(super) fn seed(random: &mut Random) -> Vec<u8> {
    let count = 1 + random.below(30);
    let pieces: Vec<Vec<u8>> = (0..count).map(|_| step::random(random)).collect();
    pieces::join(&pieces)
}

struct Run {
    /// Compacts physically.
    swept: StateMachine,
    /// Never does.
    never_swept: StateMachine,
    model: Option<Model>,
    /// Views with their state hashes.
    kept: Vec<(View, u64)>,
}

impl Run {
    fn step(&mut self, step: Step) {
        match step {
            Step::Apply(proposed) => {
                let entry = proposed.entry(&self.swept);
                let applied = self.swept.apply(entry.clone());
                assert_eq!(applied, self.never_swept.apply(entry.clone()));
                if let Some(model) = &mut self.model {
                    assert_eq!(applied, model.apply(&entry), "{entry:#?}");
                }
            }
            Step::Skip { new_term } => {
                let index = self.swept.applied_index() + 1;
                let term = step::next_term(&self.swept, new_term);
                self.swept.skip(index, term);
                self.never_swept.skip(index, term);
                if let Some(model) = &mut self.model {
                    model.skip(index, term);
                }
            }
            Step::Sweep { keys_max } => {
                self.swept.compact_step(keys_max.into());
            }
            Step::Restore => self.restore(),
            Step::KeepView => {
                if self.kept.len() < KEPT_MAX {
                    let view = self.swept.view();
                    let hash = view.state_hash();
                    self.kept.push((view, hash));
                }
            }
        }
    }

    /// One replica starts over from what the other would send it.
    fn restore(&mut self) {
        let checkpoint: Vec<Bytes> = self.never_swept.checkpoint().collect();
        assert!(self.swept.checkpoint().eq(checkpoint.iter().cloned()));
        let mut restore = Restore::new();
        for chunk in &checkpoint {
            restore.feed(chunk).expect("a checkpoint can be read");
        }
        self.swept = restore.finish().expect("a checkpoint is a state");
        assert!(self.swept.checkpoint().eq(checkpoint));
    }

    fn check(&self) {
        for view in [&self.swept, &self.never_swept] {
            view.validate();
            if let Some(model) = &self.model {
                state::check_heads(view, model);
            }
        }
    }

    fn check_all(&self) {
        self.check();
        if let Some(model) = &self.model {
            state::check_all(&self.swept, model);
            state::check_all(&self.never_swept, model);
        }
    }

    fn finish(&mut self) {
        self.check_all();
        while self.swept.compact_step(SWEEP_KEYS) {}
        self.check();
        self.restore();
        self.check_all();
        for (view, hash) in &self.kept {
            view.validate();
            assert_eq!(view.state_hash(), *hash, "a view never changes");
        }
    }
}
