//! Alarms: what is wrong with the cluster, and what it refuses because of it (contract api.md §9.1,
//! §9.3).

use imbl::OrdSet;

use crate::{
    command::Command,
    error::Error,
    planted::{Bug, is_planted},
    request::{Op, TxnRequest},
};

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

/// The alarms that are raised. Cloning is O(1).
#[derive(Clone, Debug, Default)]
pub(crate) struct AlarmSet(OrdSet<Alarm>);

impl AlarmSet {
    /// Raises or clears an alarm. Gives it back, unless one was to be cleared that is not there.
    pub(crate) fn apply(&mut self, action: AlarmAction, alarm: Alarm) -> Option<Alarm> {
        match action {
            AlarmAction::Activate => {
                self.0.insert(alarm);
                Some(alarm)
            }
            AlarmAction::Deactivate => self.0.remove(&alarm),
        }
    }

    /// Adds an alarm out of a checkpoint. `false` if it is not behind all others.
    #[must_use]
    pub(crate) fn restore(&mut self, alarm: Alarm) -> bool {
        let ascends = self.0.get_max().is_none_or(|last| *last < alarm);
        self.0.insert(alarm);
        ascends
    }

    /// The alarms, by kind and then by member.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Alarm> {
        self.0.iter().copied()
    }

    /// Whether a command may be tried in spite of the alarms.
    ///
    /// # Errors
    ///
    /// [`Error::Corrupt`], then [`Error::NoSpace`].
    pub(crate) fn check(&self, command: &Command) -> Result<(), Error> {
        if self.0.is_empty() {
            return Ok(());
        }
        if self.is_raised(AlarmKind::Corrupt) && changes_keys(command) {
            return Err(Error::Corrupt);
        }
        let ignored = is_planted(Bug::AlarmIgnored);
        if self.is_raised(AlarmKind::NoSpace) && command.takes_space() && !ignored {
            return Err(Error::NoSpace);
        }
        Ok(())
    }

    fn is_raised(&self, kind: AlarmKind) -> bool {
        let of_member = |member_id| Alarm { kind, member_id };
        let mut raised = self.0.range(of_member(0)..=of_member(u64::MAX));
        raised.next().is_some()
    }
}

/// Keys, their history, and the leases that end them.
fn changes_keys(command: &Command) -> bool {
    match command {
        Command::Put(_)
        | Command::DeleteRange(_)
        | Command::Txn(_)
        | Command::Compact { .. }
        | Command::LeaseGrant { .. }
        | Command::LeaseRevoke { .. }
        | Command::LeaseExpire { .. } => true,
        Command::LeaseRenew { .. }
        | Command::Alarm { .. }
        | Command::Auth(_)
        | Command::Authenticate { .. }
        | Command::MemberAttributes(_)
        | Command::ClusterVersion { .. } => false,
    }
}

impl Command {
    /// Whether it is refused while a member is out of space.
    pub fn takes_space(&self) -> bool {
        match self {
            Self::Put(_) | Self::LeaseGrant { .. } => true,
            Self::Txn(request) => puts(request),
            _ => false,
        }
    }
}

/// Whether a transaction could put a key: in either branch, and in those nested in it.
fn puts(request: &TxnRequest) -> bool {
    let mut ops = request.success.iter().chain(&request.failure);
    ops.any(|op| match op {
        Op::Put(_) => true,
        Op::Txn(nested) => puts(nested),
        Op::Range(_) | Op::DeleteRange(_) => false,
    })
}

#[cfg(test)]
mod tests;
