//! Planted bugs: each must be found, on a plan that is well without it.

use std::ops::ControlFlow;

use super::{
    Ending, Failure, Settings,
    many::{Run, Verdict, each},
    say,
    seeds::Seeds,
};
use crate::mutants::Mutant;

/// Tries each mutant on `seeds` until it is caught.
pub(super) fn mutants(seeds: Seeds, settings: &Settings) -> Result<Ending, Failure> {
    let mut survived = false;
    for mutant in Mutant::ALL {
        let fate = hunt(mutant, seeds, settings)?;
        say(&format!("{}  {}", mutant.name(), fate.describe()));
        survived |= !matches!(fate, Fate::Caught { .. });
    }
    Ok(Ending::found_if(survived))
}

/// What became of a mutant.
enum Fate {
    /// Found by this seed, which is well without it; the seeds tried, and the oracle's words.
    Caught {
        tried: usize,
        reason: String,
    },
    /// Found, but the same plan fails without it: what was found is not the mutant.
    Blamed {
        reason: String,
    },
    Survived {
        tried: usize,
    },
}

impl Fate {
    fn describe(&self) -> String {
        match self {
            Self::Caught { tried, reason } => format!("caught by run {tried}\n  {reason}"),
            Self::Blamed { reason } => {
                format!("NOT CAUGHT: the plan fails without it, too\n  {reason}")
            }
            Self::Survived { tried } => format!("SURVIVED {tried} runs"),
        }
    }
}

fn hunt(mutant: Mutant, seeds: Seeds, settings: &Settings) -> Result<Fate, Failure> {
    let run = |seed, planted| Run::of_seed(seed, mutant.focus(), planted);
    let numbers: Vec<u64> = seeds.iter().collect();
    let runs: Vec<Run> = numbers
        .iter()
        .map(|seed| run(*seed, Some(mutant)))
        .collect();
    let mut caught = None;
    each(&runs, settings, |at, verdict, _| match verdict {
        Verdict::Well => ControlFlow::Continue(()),
        Verdict::Found(reason) => {
            caught = Some((at, reason));
            ControlFlow::Break(())
        }
    })?;
    let Some((at, reason)) = caught else {
        return Ok(Fate::Survived { tried: runs.len() });
    };
    let mut blamed = None;
    each(&[run(numbers[at], None)], settings, |_, verdict, _| {
        if let Verdict::Found(reason) = verdict {
            blamed = Some(reason);
        }
        ControlFlow::Continue(())
    })?;
    Ok(match blamed {
        Some(reason) => Fate::Blamed { reason },
        None => Fate::Caught {
            tried: at + 1,
            reason,
        },
    })
}
