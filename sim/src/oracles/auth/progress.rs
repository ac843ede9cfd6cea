//! How far each member was.

use std::collections::BTreeMap;

use crate::history::{History, What};

/// What each member had applied, by its own records.
pub(super) struct Progress {
    /// For each member, over time: from when on it had applied what. It falls where a process starts.
    members: BTreeMap<u64, Vec<(u64, u64)>>,
}

impl Progress {
    pub(super) fn of_members(history: &History) -> Self {
        let mut members: BTreeMap<u64, Vec<(u64, u64)>> = BTreeMap::new();
        for entry in history.records() {
            let (member, index) = match entry.what {
                What::Applied { member, index, .. } => (member, index),
                What::Started { member } => (member, 0),
                _ => continue,
            };
            members
                .entry(member)
                .or_default()
                .push((entry.at_ns, index));
        }
        Self { members }
    }

    /// The log position up to which `member` had applied everything at any time from `since_ns` to
    /// `until_ns`, at least.
    pub(super) fn of(&self, member: u64, since_ns: u64, until_ns: u64) -> u64 {
        let Some(steps) = self.members.get(&member) else {
            return 0;
        };
        let first = steps.partition_point(|step| step.0 < since_ns).max(1) - 1;
        let during = steps[first..].iter().take_while(|step| step.0 <= until_ns);
        during.map(|step| step.1).min().unwrap_or(0)
    }
}
