//! Leaders that die at any point, replaced ones that do not know it, and time that passes between
//! them: no lease is offered before its time to live has passed since its last acknowledged
//! keep-alive, and every lease is offered in the end.
//!
//! The world has a real time, which no keeper sees. A leader's cluster time starts at the last
//! stamp in the log and runs like real time from there.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::{
    command::Renewal,
    kv::LeaseId,
    lease::{KeepAlive, LeaseChange, LeaseKeeper},
};

const GRACE_MS: u64 = 1_000;

#[derive(Clone, Debug)]
enum Step {
    /// Real time passes.
    Pass {
        ms: u64,
    },
    Grant {
        lease: i64,
        ttl_s: i64,
    },
    /// Some other entry, with its stamp.
    Write,
    /// To the leader, or to one that was replaced and does not know it yet.
    KeepAlive {
        lease: i64,
        replaced: bool,
    },
    /// The leader proposes a batch of renewals.
    Propose {
        max: usize,
    },
    /// The outcome of a batch: applied, or lost.
    Resolve {
        applied: bool,
    },
    /// Expiries are proposed, and applied or lost.
    Expire {
        max: usize,
        applied: bool,
    },
    /// The leader is replaced; what it had in flight may still be in the log of the next one.
    Replace {
        after_ms: u64,
        in_log: bool,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let lease = 1..4i64;
    prop_oneof![
        6 => prop_oneof![1..300u64, 300..3_000u64].prop_map(|ms| Step::Pass { ms }),
        2 => Just(Step::Write),
        2 => (lease.clone(), 1..12i64).prop_map(|(lease, ttl_s)| Step::Grant { lease, ttl_s }),
        6 => (lease, prop::bool::weighted(0.2))
            .prop_map(|(lease, replaced)| Step::KeepAlive { lease, replaced }),
        3 => (1..4usize).prop_map(|max| Step::Propose { max }),
        3 => prop::bool::weighted(0.8).prop_map(|applied| Step::Resolve { applied }),
        3 => (1..4usize, prop::bool::weighted(0.7))
            .prop_map(|(max, applied)| Step::Expire { max, applied }),
        1 => (0..4_000u64, any::<bool>())
            .prop_map(|(after_ms, in_log)| Step::Replace { after_ms, in_log }),
    ]
}

/// A leader's view of things.
struct Leader {
    keeper: LeaseKeeper,
    /// Its cluster time at real time `since_ms`.
    start_ms: u64,
    since_ms: u64,
    in_flight: Vec<Vec<Renewal>>,
}

impl Leader {
    fn now_ms(&self, real_ms: u64) -> u64 {
        self.start_ms + (real_ms - self.since_ms)
    }
}

/// What is replicated, and what clients know.
struct World {
    real_ms: u64,
    /// The last stamp in the log.
    stamp_ms: u64,
    /// TTL and last replicated renewal of each lease.
    table: BTreeMap<LeaseId, (i64, u64)>,
    leader: Leader,
    replaced: Option<Leader>,
    /// Real time of the last acknowledgement that each lease's client has got.
    acknowledged: BTreeMap<LeaseId, u64>,
    /// How a new leader sees a table entry's renewal. Other than the identity, this breaks it.
    remembers: fn(i64, u64) -> u64,
}

impl World {
    fn new(remembers: fn(i64, u64) -> u64) -> Self {
        let keeper = LeaseKeeper::default();
        Self {
            real_ms: 1_000_000,
            stamp_ms: 100_000,
            table: BTreeMap::new(),
            leader: Leader {
                keeper,
                start_ms: 100_000,
                since_ms: 1_000_000,
                in_flight: vec![],
            },
            replaced: None,
            acknowledged: BTreeMap::new(),
            remembers,
        }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Pass { ms } => self.real_ms += ms,
            Step::Grant { lease, ttl_s } => self.grant(lease, ttl_s),
            Step::Write => self.stamp_ms = self.leader.now_ms(self.real_ms),
            Step::KeepAlive { lease, replaced } => self.keep_alive(lease, replaced)?,
            Step::Propose { max } => {
                let batch = self.leader.keeper.poll_renewals(max);
                self.leader.in_flight.push(batch);
            }
            Step::Resolve { applied } => self.resolve(applied),
            Step::Expire { max, applied } => drop(self.expire(max, applied)?),
            Step::Replace { after_ms, in_log } => self.replace(after_ms, in_log),
        }
        self.leader.keeper.invariant_lists().map_err(str::to_owned)
    }

    fn apply(&mut self, change: LeaseChange) {
        let now_ms = self.leader.now_ms(self.real_ms);
        match change {
            LeaseChange::Granted { id, ttl_s, at_ms } => {
                self.table.insert(id, (ttl_s, at_ms));
            }
            LeaseChange::Renewed { id, renewed_at_ms } => {
                let Some((_, renewed_ms)) = self.table.get_mut(&id) else {
                    return;
                };
                *renewed_ms = renewed_at_ms.max(*renewed_ms);
            }
            LeaseChange::Ended { id } => drop(self.table.remove(&id)),
        }
        self.stamp_ms = now_ms;
        self.leader.keeper.apply(&change, now_ms);
    }

    fn grant(&mut self, lease: i64, ttl_s: i64) {
        let id = LeaseId::new(lease).unwrap();
        if !self.table.contains_key(&id) {
            let at_ms = self.leader.now_ms(self.real_ms);
            self.apply(LeaseChange::Granted { id, ttl_s, at_ms });
            self.acknowledged.insert(id, self.real_ms);
        }
    }

    fn keep_alive(&mut self, lease: i64, replaced: bool) -> Result<(), String> {
        let id = LeaseId::new(lease).unwrap();
        let by = if replaced {
            self.replaced.as_mut()
        } else {
            Some(&mut self.leader)
        };
        let Some(by) = by else { return Ok(()) };
        let answer = by.keeper.keep_alive(id, by.now_ms(self.real_ms));
        if let KeepAlive::Renewed { .. } = answer {
            self.acknowledged.insert(id, self.real_ms);
            // A replaced leader does not hear of the end; it must have stopped before by itself.
            let lives = self.table.contains_key(&id);
            return lives
                .then_some(())
                .ok_or(format!("{id:?} was acknowledged after its end"));
        }
        Ok(())
    }

    fn resolve(&mut self, applied: bool) {
        if self.leader.in_flight.is_empty() {
            return;
        }
        let batch = self.leader.in_flight.remove(0);
        if applied {
            for Renewal { id, renewed_at_ms } in batch {
                self.apply(LeaseChange::Renewed { id, renewed_at_ms });
            }
        } else {
            self.leader.keeper.renewals_failed(&batch);
        }
    }

    /// Says how many were offered.
    fn expire(&mut self, max: usize, applied: bool) -> Result<usize, String> {
        let now_ms = self.leader.now_ms(self.real_ms);
        let expired = self.leader.keeper.poll_expired(now_ms, max);
        for id in &expired {
            let (ttl_s, _) = self.table.get(id).ok_or(format!("{id:?} is not there"))?;
            let lived_ms = self.real_ms - self.acknowledged[id];
            if lived_ms < ttl_s.unsigned_abs() * 1_000 {
                return Err(format!(
                    "{id:?} of {ttl_s} s is offered after {lived_ms} ms"
                ));
            }
            if applied {
                self.apply(LeaseChange::Ended { id: *id });
            }
        }
        Ok(expired.len())
    }

    fn replace(&mut self, after_ms: u64, in_log: bool) {
        if in_log {
            (0..self.leader.in_flight.len()).for_each(|_| self.resolve(true));
        }
        self.real_ms += after_ms;
        let remembers = self.remembers;
        let leases = self
            .table
            .iter()
            .map(|(id, (ttl_s, renewed_ms))| (*id, *ttl_s, remembers(*ttl_s, *renewed_ms)));
        let keeper = LeaseKeeper::take_over(leases, self.stamp_ms, GRACE_MS);
        let next = Leader {
            keeper,
            start_ms: self.stamp_ms,
            since_ms: self.real_ms,
            in_flight: Vec::new(),
        };
        self.replaced = Some(std::mem::replace(&mut self.leader, next));
    }

    /// Nobody keeps anything alive any more: all leases must end.
    fn finish(mut self) -> Result<(), String> {
        for _ in 0..40 {
            self.real_ms += 1_000;
            while self.expire(2, true)? > 0 {}
        }
        self.table
            .is_empty()
            .then_some(())
            .ok_or(format!("left over: {:?}", self.table))
    }
}

/// Runs `steps`, then lets all leases end.
fn run(steps: &[Step], remembers: fn(i64, u64) -> u64) -> Result<(), String> {
    let mut world = World::new(remembers);
    steps.iter().try_for_each(|step| world.step(step))?;
    world.finish()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_lease_is_offered_early_and_every_one_in_the_end(
        steps in prop::collection::vec(step(), 1..150),
    ) {
        prop_assert_eq!(run(&steps, |_, renewed_ms| renewed_ms), Ok(()));
    }
}

/// The last leader has acknowledged a keep-alive that it took with it.
fn acknowledged_and_died() -> Vec<Step> {
    let mut steps = vec![
        Step::Grant {
            lease: 1,
            ttl_s: 10,
        },
        Step::Pass { ms: 4_900 },
        Step::KeepAlive {
            lease: 1,
            replaced: false,
        },
        Step::Write,
        Step::Replace {
            after_ms: 0,
            in_log: false,
        },
    ];
    let pass = [
        Step::Pass { ms: 500 },
        Step::Expire {
            max: 1,
            applied: true,
        },
    ];
    steps.extend((0..40).flat_map(|_| pass.clone()));
    steps
}

#[test]
fn an_acknowledged_keep_alive_outlives_its_leader() {
    assert_eq!(
        run(&acknowledged_and_died(), |_, renewed_ms| renewed_ms),
        Ok(())
    );
}

#[test]
fn a_new_leader_that_allows_for_grace_alone_is_found_out() {
    // Taking the slack off the replicated renewal undoes what take_over adds.
    let verdict = run(&acknowledged_and_died(), |ttl_s, renewed_ms| {
        renewed_ms - ttl_s.unsigned_abs() * 500
    });
    assert!(verdict.unwrap_err().contains("is offered after"));
}

#[test]
fn a_lease_that_never_ends_is_found_out() {
    let steps = [
        Step::Grant {
            lease: 1,
            ttl_s: 10,
        },
        Step::Replace {
            after_ms: 0,
            in_log: false,
        },
    ];
    let verdict = run(&steps, |_, renewed_ms| renewed_ms + 1_000_000);
    assert!(verdict.unwrap_err().contains("left over"));
}
