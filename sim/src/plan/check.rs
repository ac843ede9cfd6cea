//! What a plan must satisfy, written by hand or generated: a run that cannot be carried out, or
//! that no correct cluster could survive, would prove nothing.

use std::collections::BTreeSet;

use super::{Fault, Plan, SEED_MAX, Span};

/// Most members of a simulated cluster.
const MEMBERS_MAX: u64 = 7;

/// Why a plan cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Plan {
    /// Checks numbers against each other, and that every fault is over when the quiet begins.
    pub fn check(&self) -> Result<(), Invalid> {
        self.check_cluster()?;
        self.check_workload()?;
        self.check_auth()?;
        self.check_faults()
    }

    fn check_cluster(&self) -> Result<(), Invalid> {
        let cluster = &self.cluster;
        require(self.seed <= SEED_MAX, || {
            format!("seed is above {SEED_MAX}")
        })?;
        require((1..=MEMBERS_MAX).contains(&cluster.members), || {
            format!("cluster.members is not within 1..{MEMBERS_MAX}")
        })?;
        require(cluster.clock_ppm.len() as u64 == cluster.members, || {
            "cluster.clock_ppm does not have one rate for each member".into()
        })?;
        require(
            cluster.clock_ppm.iter().all(|ppm| *ppm > -1_000_000),
            || "cluster.clock_ppm has a clock that stands still".into(),
        )?;
        require(cluster.heartbeat_ms > 0, || {
            "cluster.heartbeat_ms is 0".into()
        })?;
        require(cluster.election_ms >= 5 * cluster.heartbeat_ms, || {
            "cluster.election_ms is below five times cluster.heartbeat_ms".into()
        })?;
        span("cluster.link_us", cluster.link_us)?;
        span("cluster.fsync_us", cluster.fsync_us)
    }

    fn check_workload(&self) -> Result<(), Invalid> {
        let workload = &self.workload;
        require(workload.keys > 0, || "workload.keys is 0".into())?;
        require(workload.timeout_ms > 0, || {
            "workload.timeout_ms is 0".into()
        })?;
        require(
            workload.weights.as_array().iter().any(|weight| *weight > 0),
            || "workload.weights are all 0".into(),
        )?;
        require(workload.lease_ttl_s.min() > 0, || {
            "workload.lease_ttl_s begins at 0".into()
        })?;
        span("workload.value_bytes", workload.value_bytes)?;
        span("workload.think_us", workload.think_us)?;
        span("workload.lease_ttl_s", workload.lease_ttl_s)
    }

    fn check_auth(&self) -> Result<(), Invalid> {
        for timed in &self.schedule.faults {
            if let Fault::ChangeAuth { step, .. } = &timed.fault {
                require(self.auth.is_some(), || {
                    "schedule.faults change users, but there is no [auth]".into()
                })?;
                step.check().map_err(Invalid)?;
            }
        }
        let Some(auth) = &self.auth else {
            return Ok(());
        };
        require(auth.users > 0, || "auth.users is 0".into())?;
        require(auth.token_ttl_s > 0, || "auth.token_ttl_s is 0".into())?;
        require(auth.root_percent + auth.nobody_percent <= 100, || {
            "auth.root_percent and auth.nobody_percent are more than 100 together".into()
        })
    }

    fn check_faults(&self) -> Result<(), Invalid> {
        let (schedule, members) = (&self.schedule, self.cluster.members);
        require(schedule.quiet_ms > 0, || "schedule.quiet_ms is 0".into())?;
        require(
            schedule.faults.is_sorted_by_key(|fault| fault.at_ms),
            || "schedule.faults are not in the order of time".into(),
        )?;
        for timed in &schedule.faults {
            let at_ms = timed.at_ms;
            require(timed.over_ms() <= schedule.run_ms, || {
                format!(
                    "the fault at {at_ms} ms is not over when the run is: nobody may expect the \
                     cluster to recover"
                )
            })?;
            let by_role = is_damage(&timed.fault) && timed.fault.named_members().is_empty();
            require(!by_role, || {
                let kind = timed.fault.kind();
                format!("the {kind} at {at_ms} ms does not name its member by number")
            })?;
            if let Fault::Ring { order, .. } = &timed.fault {
                let mut all = order.clone();
                all.sort_unstable();
                require(all.into_iter().eq(1..=members), || {
                    format!("the ring at {at_ms} ms does not have each member once")
                })?;
            }
            let named = timed.fault.named_members();
            require(
                named.iter().all(|member| (1..=members).contains(member)),
                || format!("the fault at {at_ms} ms names a member that the cluster does not have"),
            )?;
        }
        let lost: Vec<u64> = schedule.lost.iter().map(|loss| loss.member).collect();
        require(
            lost.is_sorted_by(|one, next| one < next)
                && lost.iter().all(|member| (1..=members).contains(member)),
            || "schedule.lost does not name members of the cluster, each once, in order".into(),
        )?;
        require(lost.len() as u64 <= minority(members), || {
            "schedule.lost is more than a minority of the members".into()
        })?;
        let faults = schedule.faults.iter().map(|timed| &timed.fault);
        let damaged: BTreeSet<u64> = faults
            .filter(|fault| is_damage(fault))
            .flat_map(Fault::named_members)
            .collect();
        require(damaged.len() as u64 <= minority(members), || {
            "bit-rot and wipe-disk hit more than a minority of the members".into()
        })
    }
}

/// Whether a member loses what it had acknowledged.
fn is_damage(fault: &Fault) -> bool {
    matches!(fault, Fault::BitRot { .. } | Fault::WipeDisk { .. })
}

/// Most members that a cluster can do without.
pub(super) fn minority(members: u64) -> u64 {
    members.saturating_sub(1) / 2
}

fn span(name: &str, span: Span) -> Result<(), Invalid> {
    require(span.min() <= span.max(), || {
        format!("{name} ends before it begins")
    })
}

fn require(holds: bool, reason: impl FnOnce() -> String) -> Result<(), Invalid> {
    if holds {
        Ok(())
    } else {
        Err(Invalid(reason()))
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::{Breakage, Fault, Focus, Loss, Plan, Span, Target, TimedFault};

    /// Some plan that is sound.
    fn sound() -> Plan {
        let mut plan = Plan::generate(1, Focus::Crashes);
        plan.schedule.run_ms = 10_000;
        plan.schedule.faults.clear();
        plan
    }

    #[test]
    fn unsound_plans_are_refused_with_the_reason() {
        let crash = |at_ms, target| TimedFault {
            at_ms,
            fault: Fault::Crash {
                target,
                down_ms: 500,
            },
        };
        type Spoil<'a> = &'a dyn Fn(&mut Plan);
        let rot = |target| TimedFault {
            at_ms: 1,
            fault: Fault::BitRot { target, down_ms: 5 },
        };
        let loss = |member| Loss {
            member,
            how: Breakage::Down,
        };
        let wipe = |target| TimedFault {
            at_ms: 2,
            fault: Fault::WipeDisk {
                target,
                down_ms: 5,
                for_ms: 5,
            },
        };
        let ring = |order| TimedFault {
            at_ms: 1,
            fault: Fault::Ring { order, for_ms: 5 },
        };
        let breaks: [(&str, Spoil<'_>); 15] = [
            ("cluster.members", &|plan| plan.cluster.members = 0),
            ("cluster.clock_ppm", &|plan| plan.cluster.clock_ppm.clear()),
            ("cluster.election_ms", &|plan| plan.cluster.election_ms = 1),
            ("workload.keys", &|plan| plan.workload.keys = 0),
            ("workload.think_us", &|plan| {
                plan.workload.think_us = Span(2, 1)
            }),
            ("not over", &|plan| {
                plan.schedule.faults = vec![crash(9_600, Target::Leader)]
            }),
            ("a member", &|plan| {
                plan.schedule.faults = vec![crash(1, Target::Member(4))]
            }),
            ("by number", &|plan| {
                plan.schedule.faults = vec![rot(Target::Leader)];
            }),
            ("a minority", &|plan| {
                plan.schedule.faults = vec![rot(Target::Member(1)), rot(Target::Member(2))];
            }),
            ("schedule.lost is more than", &|plan| {
                plan.schedule.lost = vec![loss(1), loss(2)];
            }),
            ("schedule.lost does not name", &|plan| {
                plan.schedule.lost = vec![loss(4)];
            }),
            ("a minority", &|plan| {
                plan.schedule.faults = vec![rot(Target::Member(1)), wipe(Target::Member(2))];
            }),
            ("the wipe-disk", &|plan| {
                plan.schedule.faults = vec![wipe(Target::Follower)];
            }),
            ("each member once", &|plan| {
                plan.schedule.faults = vec![ring(vec![1, 3])];
            }),
            ("order of time", &|plan| {
                plan.schedule.faults = vec![crash(2, Target::Leader), crash(1, Target::Leader)];
            }),
        ];
        assert_eq!(sound().check(), Ok(()));
        for (reason, spoil) in breaks {
            let mut plan = sound();
            spoil(&mut plan);
            let error = plan.check().expect_err(reason).to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
