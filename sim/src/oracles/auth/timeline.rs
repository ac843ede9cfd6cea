//! The auth states that the log went through, when each began, and what bounds who can have seen it.

use std::collections::BTreeMap;

use super::{super::Finding, rights::Rights};
use crate::history::{AuthChange, History, Operation, Request, What};

/// All states, in the order of the log. A *stage* is a position in it.
pub(super) struct Timeline {
    stages: Vec<Stage>,
    /// When which stage was known to have begun: an acknowledgement, or a later stage's. In the order of
    /// time, and of stages.
    known: Vec<(u64, usize)>,
}

/// One auth state.
pub(super) struct Stage {
    pub(super) rights: Rights,
    /// The log position of the change that made it; 0 for the first.
    pub(super) index: u64,
    change: Option<AuthChange>,
    /// When a member first had it, nanoseconds.
    since_ns: u64,
    /// The record of the change.
    pub(super) record: Option<usize>,
}

impl Timeline {
    pub(super) fn of(history: &History, operations: &[Operation<'_>]) -> Result<Self, Finding> {
        let mut changes: BTreeMap<u64, (usize, u64, &AuthChange)> = BTreeMap::new();
        for (record, entry) in history.records().iter().enumerate() {
            let What::AuthChanged { index, change } = &entry.what else {
                continue;
            };
            let first = changes
                .entry(*index)
                .or_insert((record, entry.at_ns, change));
            if first.2 != change {
                let text = format!("members saw different changes at log position {index}");
                return Finding::err(text, [first.0, record]);
            }
        }
        let mut rights = Rights::new();
        let mut stages = vec![Stage {
            rights: rights.clone(),
            index: 0,
            change: None,
            since_ns: 0,
            record: None,
        }];
        for (index, (record, since_ns, change)) in changes {
            rights.apply(change);
            stages.push(Stage {
                rights: rights.clone(),
                index,
                change: Some(change.clone()),
                since_ns,
                record: Some(record),
            });
        }
        let mut timeline = Self {
            stages,
            known: Vec::new(),
        };
        timeline.known = timeline.acknowledged(operations)?;
        Ok(timeline)
    }

    /// The stage that each acknowledged change has made: the first one that it can be.
    fn acknowledged(&self, operations: &[Operation<'_>]) -> Result<Vec<(u64, usize)>, Finding> {
        let mut known = Vec::new();
        for operation in operations {
            let (Request::Auth(change), Some((return_ns, _))) =
                (operation.request, operation.acknowledged())
            else {
                continue;
            };
            let change = change.without_password();
            let made = self.stages.iter().position(|stage| {
                stage.change.as_ref() == Some(&change)
                    && (operation.invoke_ns..=return_ns).contains(&stage.since_ns)
            });
            let Some(stage) = made else {
                let text = format!(
                    "op{} was acknowledged, but nobody has applied it",
                    operation.id
                );
                return Finding::err(text, operation.records());
            };
            known.push((return_ns, stage));
        }
        known.sort_unstable();
        let mut newest = 0;
        for (_, stage) in &mut known {
            newest = newest.max(*stage);
            *stage = newest;
        }
        Ok(known)
    }

    pub(super) fn get(&self, stage: usize) -> &Stage {
        &self.stages[stage]
    }

    /// The log position at which the stage after `stage` begins.
    pub(super) fn next_index(&self, stage: usize) -> u64 {
        self.stages
            .get(stage + 1)
            .map_or(u64::MAX, |next| next.index)
    }

    /// The stage that was acknowledged before `at_ns`.
    pub(super) fn floor(&self, at_ns: u64) -> usize {
        let before = self.known.partition_point(|known| known.0 < at_ns);
        before.checked_sub(1).map_or(0, |at| self.known[at].1)
    }

    /// The newest stage that anybody had at `at_ns`.
    pub(super) fn newest(&self, at_ns: u64) -> usize {
        self.stages.partition_point(|stage| stage.since_ns <= at_ns) - 1
    }

    /// The stage at which the entry at this log position was applied.
    pub(super) fn at_index(&self, index: u64) -> usize {
        self.stages
            .partition_point(|stage| stage.index < index)
            .max(1)
            - 1
    }

    /// The log position of the change by which a simple token of `user`, known from `index` on, ends.
    pub(super) fn token_end(&self, user: &str, index: u64) -> u64 {
        let ends = |stage: &&Stage| match &stage.change {
            Some(AuthChange::Disable) => true,
            Some(
                AuthChange::UserDelete { user: other }
                | AuthChange::UserPassword { user: other, .. },
            ) => other == user,
            _ => false,
        };
        let later = self.stages.iter().filter(|stage| stage.index > index);
        later
            .filter(ends)
            .map(|stage| stage.index)
            .next()
            .unwrap_or(u64::MAX)
    }
}
