//! Everything that is drawn at random, out of a seed.

use std::cell::RefCell;

use proptest::{
    prelude::*,
    strategy::ValueTree,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use quorate_core::{Command, auth::Author};

use crate::{
    Model,
    transitions::{Who, command, who},
};

/// About the revision at which commands are drawn.
const REVISION: i64 = 12;

/// See the module. The same seed gives the same draws.
pub struct Random(TestRunner);

impl Random {
    /// Begins with a seed.
    pub fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let config = ProptestConfig {
            failure_persistence: None,
            // Random transactions often write a key twice.
            max_local_rejects: u32::MAX,
            ..ProptestConfig::default()
        };
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        Self(TestRunner::new_with_rng(config, rng))
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0.rng().random_range(0..end)
    }

    /// As many bytes as asked for.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.rng().fill(&mut bytes[..]);
        bytes
    }

    /// A command, with few keys, leases and users to choose from.
    pub(super) fn command(&mut self) -> Command {
        // Strategies take long to build.
        thread_local! {
            static BUILT: RefCell<Option<BoxedStrategy<Command>>> = RefCell::default();
        }
        let strategy = BUILT.with_borrow_mut(|built| {
            built
                .get_or_insert_with(|| command(REVISION).boxed())
                .clone()
        });
        self.draw(&strategy)
    }

    /// Who asks. Of a user's token it says by how many changes it is behind.
    pub(super) fn author(&mut self) -> Author {
        match self.draw(&who()) {
            Who::User { name, behind } => Author::User {
                name,
                auth_revision: behind,
            },
            who => who.author(&Model::new()),
        }
    }

    fn draw<S: Strategy>(&mut self, strategy: &S) -> S::Value {
        let drawn = strategy.new_tree(&mut self.0);
        drawn.expect("nothing is rejected for good").current()
    }
}
