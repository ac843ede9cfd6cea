//! How big a plan is, in one line for people.

use crate::plan::Plan;

/// What makes a plan big.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    faults: u64,
    members: u64,
    clients: u64,
    watchers: u64,
    lease_holders: u64,
    contenders: u64,
    operations: u64,
    keys: u64,
    run_ms: u64,
}

impl Size {
    /// The size of `plan`.
    pub fn of(plan: &Plan) -> Self {
        let workload = &plan.workload;
        let used = workload
            .weights
            .as_array()
            .into_iter()
            .filter(|weight| *weight > 0);
        Self {
            faults: plan.schedule.faults.len() as u64,
            members: plan.cluster.members,
            clients: workload.clients,
            watchers: workload.watchers,
            lease_holders: workload.lease_holders,
            contenders: workload.contenders,
            operations: used.count() as u64,
            keys: workload.keys,
            run_ms: plan.schedule.run_ms,
        }
    }

    /// What has become less from here to `smaller`: `faults 41 → 6, clients 5 → 2, run 21 s → 4 s`.
    pub fn down_to(&self, smaller: &Self) -> String {
        let counts = [
            ("faults", self.faults, smaller.faults),
            ("members", self.members, smaller.members),
            ("clients", self.clients, smaller.clients),
            ("watchers", self.watchers, smaller.watchers),
            ("lease holders", self.lease_holders, smaller.lease_holders),
            ("contenders", self.contenders, smaller.contenders),
            ("kinds of operation", self.operations, smaller.operations),
            ("keys", self.keys, smaller.keys),
        ];
        let mut parts: Vec<String> = counts
            .into_iter()
            .filter(|(_, from, to)| from != to)
            .map(|(name, from, to)| format!("{name} {from} → {to}"))
            .collect();
        if self.run_ms != smaller.run_ms {
            parts.push(format!(
                "run {} → {}",
                seconds(self.run_ms),
                seconds(smaller.run_ms)
            ));
        }
        if parts.is_empty() {
            "details only".into()
        } else {
            parts.join(", ")
        }
    }
}

fn seconds(ms: u64) -> String {
    format!("{:.1} s", ms as f64 / 1e3)
}
