//! Planted bugs, each of which the oracles must find: what shows that a green run means something.
//!
//! They exist in builds for the simulator only and are chosen when such a build is started, so no
//! program that could serve anybody can have one. [`quorate_core::planted`] lists them.

pub use quorate_core::planted::Bug as Mutant;

use crate::plan::Focus;

/// The bug of this name.
///
/// # Errors
/// There is none; says which there are.
pub fn parse(name: &str) -> Result<Mutant, String> {
    let found = Mutant::ALL.iter().find(|mutant| mutant.name() == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
        format!("no such bug; there are {}", names.join(", "))
    })
}

/// The faults that bring a bug out. Most need none in particular.
pub fn focus(mutant: Mutant) -> Focus {
    match mutant {
        Mutant::LeaderRestore | Mutant::VoteNotSynced => Focus::Crashes,
        _ => Focus::Everything,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Mutant, parse};

    #[test]
    fn every_bug_has_a_name_of_its_own() {
        for mutant in Mutant::ALL {
            assert_eq!(parse(mutant.name()), Ok(*mutant));
        }
        let names: BTreeSet<&str> = Mutant::ALL.iter().map(|mutant| mutant.name()).collect();
        assert_eq!(names.len(), Mutant::ALL.len());
        let refused = parse("none").expect_err("there is none of this name");
        assert!(refused.contains("leader-restore"), "{refused}");
    }
}
