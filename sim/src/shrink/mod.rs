//! From a plan that fails to a smaller one that fails in the same way.
//!
//! Plans are data, so nothing here knows the simulator: [`shrink`] proposes candidates, and the
//! caller says which of them still fails. An edit that makes the plan simpler is kept when the
//! result fails, and all edits are tried again until none helps ([`edits`] has them).
//!
//! Every candidate may be judged at the same time as the others of its batch, yet what is kept does
//! not depend on which is judged first: it is always the first one of the batch that fails.

mod edits;
mod members;
mod size;
mod tree;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use size::Size;

use crate::{
    fnv::fnv1a,
    plan::{Plan, SEED_MAX},
};
use edits::{EDITS, Edit};

/// Most candidates of a batch: enough for many cores, and little to write down in vain.
const BATCH: usize = 32;

/// How many other seeds are tried with each edit, one round after the other. An edit moves all that
/// comes after it in time, and a bug that needs two things to meet is then missed by chance; with
/// another seed they meet again.
const OTHER_SEEDS: [u64; 3] = [0, 3, 8];

/// What came of a batch of candidates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The first candidate that fails, by its position.
    Fails(usize),
    /// All are well, or fail in another way.
    NoneFails,
    /// There is no time left to try them.
    TimeUp,
}

/// How shrinking ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shrunk {
    /// The smallest plan found; it fails.
    pub plan: Plan,
    /// Whether every edit of it was tried, in vain. Otherwise the time was up.
    pub complete: bool,
}

/// Whether the time to recover may become shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quiet {
    /// It stays: what fails is that the cluster does not recover in time.
    Stays,
    /// It may, down to what correct clusters get along with.
    MayShrink,
}

/// Makes `plan`, which fails, as small as it can while `fails` finds that it still does. Each
/// candidate is a sound plan that was not tried before; those of a batch are in order of preference.
pub fn shrink(plan: &Plan, quiet: Quiet, fails: impl FnMut(&[Plan]) -> Tried) -> Shrunk {
    let mut shrinker = Shrinker {
        best: plan.clone(),
        tried: BTreeSet::from([fingerprint(plan)]),
        quiet,
        fails,
    };
    let complete = shrinker.run().is_ok();
    Shrunk {
        plan: shrinker.best,
        complete,
    }
}

/// There is no time left.
struct TimeUp;

struct Shrinker<F> {
    /// The smallest plan that is known to fail.
    best: Plan,
    /// Fingerprints of all plans that were tried.
    tried: BTreeSet<u64>,
    quiet: Quiet,
    fails: F,
}

/// A candidate, and the position of the edit that made it.
struct Candidate {
    edit: usize,
    plan: Plan,
}

impl<F: FnMut(&[Plan]) -> Tried> Shrinker<F> {
    fn run(&mut self) -> Result<(), TimeUp> {
        let mut round = 0;
        while let Some(&seeds) = OTHER_SEEDS.get(round) {
            let smaller = self.round(seeds)?;
            // What has become smaller is first tried without other seeds: that is quicker.
            round = if smaller { 0 } else { round + 1 };
        }
        Ok(())
    }

    /// Tries each kind of edit until it does not help any more; whether any did.
    fn round(&mut self, other_seeds: u64) -> Result<bool, TimeUp> {
        let mut smaller = false;
        for edits in EDITS {
            while self.sweep(&edits(&self.best), other_seeds)? {
                smaller = true;
            }
        }
        Ok(smaller)
    }

    /// Tries `edits` one after the other, each on what the ones before it have left.
    fn sweep(&mut self, edits: &[Edit], other_seeds: u64) -> Result<bool, TimeUp> {
        let (mut next, mut smaller) = (0, false);
        while next < edits.len() {
            let (batch, after) = self.batch(edits, next, other_seeds);
            next = after;
            if batch.is_empty() {
                continue;
            }
            let (origins, plans): (Vec<usize>, Vec<Plan>) = batch
                .into_iter()
                .map(|candidate| (candidate.edit, candidate.plan))
                .unzip();
            let tried = (self.fails)(&plans);
            let known = match tried {
                Tried::Fails(at) => at + 1,
                Tried::NoneFails => plans.len(),
                Tried::TimeUp => return Err(TimeUp),
            };
            self.tried.extend(plans[..known].iter().map(fingerprint));
            if let Tried::Fails(at) = tried {
                self.best = plans.into_iter().nth(at).expect("a candidate of the batch");
                next = origins[at] + 1;
                smaller = true;
            }
        }
        Ok(smaller)
    }

    /// Candidates by the edits from `next` on, and the position of the first edit that is left.
    fn batch(&self, edits: &[Edit], mut next: usize, other_seeds: u64) -> (Vec<Candidate>, usize) {
        let mut seen = BTreeSet::new();
        let mut batch = Vec::new();
        while next < edits.len() && batch.len() < BATCH {
            if let Some(plan) = self.edited(&edits[next]) {
                for other in 0..=other_seeds {
                    let mut plan = plan.clone();
                    plan.seed = (self.best.seed + other) % SEED_MAX;
                    let fingerprint = fingerprint(&plan);
                    if !self.tried.contains(&fingerprint) && seen.insert(fingerprint) {
                        batch.push(Candidate { edit: next, plan });
                    }
                }
            }
            next += 1;
        }
        (batch, next)
    }

    /// The best plan after `edit`, where that is another one and sound.
    fn edited(&self, edit: &Edit) -> Option<Plan> {
        let plan = edit(&self.best)?;
        let kept =
            self.quiet == Quiet::MayShrink || plan.schedule.quiet_ms == self.best.schedule.quiet_ms;
        (kept && plan != self.best && plan.check().is_ok()).then_some(plan)
    }
}

fn fingerprint(plan: &Plan) -> u64 {
    fnv1a(plan.to_string().as_bytes())
}
