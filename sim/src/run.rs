//! From a plan to a history.

use crate::{
    history::{History, Stats},
    mutants::Mutant,
    plan::Plan,
};

/// What a run gives back.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// What clients and members saw.
    pub history: History,
    /// Its figures.
    pub stats: Stats,
}

/// Why a plan was not carried out. What goes wrong *during* a run is in its history, or a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The program was built for the real world.
    #[error("this build has no simulated cluster: start it with `cargo sim`")]
    NotSimulated,
}

/// Carries out `plan`, with a planted bug where asked for. The same plan gives the same history
/// in every process; a process carries out one plan in its life.
pub fn run(plan: &Plan, mutant: Option<Mutant>) -> Result<RunResult, RunError> {
    let _ = (plan, mutant);
    Err(RunError::NotSimulated)
}
