//! Planted bugs, each of which the oracles must find: what shows that a green run means something.
//!
//! They exist in builds for the simulator only and are chosen when such a build is started, so no
//! program that could serve anybody can have one.

use clap::ValueEnum;

use crate::plan::Focus;

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Mutant {
    /// openraft's default: a leader that restarts goes on leading in the same term, although it
    /// has lost what it had written and not yet synced. It then writes other entries under the
    /// positions and the term that followers already know.
    LeaderRestore,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::LeaderRestore];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::LeaderRestore => "leader-restore",
        }
    }

    /// The bug as the server knows it.
    #[cfg(madsim)]
    pub fn bug(self) -> quorate_server::planted::Bug {
        match self {
            Self::LeaderRestore => quorate_server::planted::Bug::LeaderRestore,
        }
    }

    /// The faults that bring it out.
    pub fn focus(self) -> Focus {
        match self {
            Self::LeaderRestore => Focus::Crashes,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::Mutant;

    #[test]
    fn every_mutant_is_listed_under_its_name() {
        assert_eq!(Mutant::ALL, Mutant::value_variants());
        for mutant in Mutant::ALL {
            assert_eq!(Mutant::from_str(mutant.name(), false), Ok(mutant));
        }
    }
}
