//! Fuzz targets: what holds whatever bytes come in.
//!
//! Each is a function of bytes that panics where something does not hold. It lives here once, for
//! the coverage-guided fuzzer in `core/fuzz` and for the ordinary test that goes with every build.
//!
//! * [`COMMAND`]: log entries.
//! * [`CHECKPOINT`]: checkpoints, and what can be done with a state that came out of one.
//! * [`APPLY`]: whole runs, beside the model.

mod apply;
mod checkpoint;
mod command;
mod mutate;
mod offspring;
mod pieces;
mod random;
mod step;

pub use self::random::Random;

/// A target. See [`TARGETS`].
pub struct Target {
    /// What it is called on the command line and where its inputs are kept.
    pub name: &'static str,
    /// Puts it to the test; whether the input was more than refused.
    ///
    /// # Panics
    ///
    /// If something does not hold.
    pub run: fn(&[u8]) -> bool,
    /// An input that is accepted, to begin with.
    pub seed: fn(&mut Random) -> Vec<u8>,
    /// For inputs that consist of pieces: one more of them.
    piece: Option<fn(&mut Random) -> Vec<u8>>,
}

/// Bytes as encoded commands and as proposals.
pub const COMMAND: Target = Target {
    name: "command",
    run: command::run,
    seed: command::seed,
    piece: None,
};

/// Bytes as checkpoints, with and without right checksums around them.
pub const CHECKPOINT: Target = Target {
    name: "checkpoint",
    run: checkpoint::run,
    seed: checkpoint::seed,
    piece: None,
};

/// Bytes as a run of the state machine.
pub const APPLY: Target = Target {
    name: "apply",
    run: apply::run,
    seed: apply::seed,
    piece: Some(step::random),
};

/// All there are.
pub const TARGETS: [&Target; 3] = [&COMMAND, &CHECKPOINT, &APPLY];

impl Target {
    /// Changes an input here and there. What comes out has a good chance to be still accepted.
    pub fn mutate(&self, input: &mut Vec<u8>, random: &mut Random) {
        mutate::mutate(input, self.piece, random);
    }
}
