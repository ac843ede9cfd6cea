//! Alarms: what is wrong with the cluster, and what it refuses because of it (contract api.md §9.1,
//! §9.3).

/// What an alarm is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlarmKind {
    /// A member is out of space: nothing is accepted that takes more of it (corner case 168).
    NoSpace,
    /// Members differ in what they hold: nothing is changed any more (corner case 171).
    Corrupt,
}

/// An alarm of one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Alarm {
    /// What it is about.
    pub kind: AlarmKind,
    /// The member it was raised for. Any number, as in etcd (corner case 170).
    pub member_id: u64,
}

/// What to do with an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlarmAction {
    /// Raise it. Without effect if it is there.
    Activate,
    /// Clear it. Without effect if it is not there.
    Deactivate,
}
