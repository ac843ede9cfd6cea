//! Bugs put in on purpose, to see the simulator catch them.
//!
//! They exist only in builds with `--cfg madsim`, which serve no real client: elsewhere
//! [`is_planted`] is the constant `false`, and the code behind it is gone.

/// One bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A leader that restarts resumes its office in the same term, without an election (openraft's
    /// default). If it lost its unsynced tail, it writes other entries under log ids that
    /// followers hold already, and replicas drift apart in silence.
    LeaderRestore,
}

impl Bug {
    /// All of them.
    pub const ALL: [Self; 1] = [Self::LeaderRestore];

    /// The name by which `cargo sim` selects it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::LeaderRestore => "leader-restore",
        }
    }
}

#[cfg(madsim)]
static PLANTED: std::sync::OnceLock<Bug> = std::sync::OnceLock::new();

/// Plants `bug` for the rest of the process, which runs one simulation.
#[cfg(madsim)]
pub fn plant(bug: Bug) {
    PLANTED.set(bug).expect("one bug at a time");
}

/// Whether this run has this bug.
#[cfg(madsim)]
pub fn is_planted(bug: Bug) -> bool {
    PLANTED.get() == Some(&bug)
}

/// Whether this run has this bug: never.
#[cfg(not(madsim))]
pub const fn is_planted(_bug: Bug) -> bool {
    false
}
