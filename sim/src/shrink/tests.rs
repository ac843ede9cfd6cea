//! Shrinking against predicates that stand for the simulator: what they ask for must be left, and
//! nothing else.

use std::collections::BTreeSet;

use super::{Quiet, Shrunk, Size, Tried, fingerprint, members, shrink};
use crate::{
    fnv::fnv1a,
    plan::{Fault, Focus, Plan, Stream, Target},
};

/// Seeds of the plans that are shrunk.
const SEEDS: std::ops::Range<u64> = 0..15;

/// More candidates than shrinking may ever need.
const MANY: u64 = 20_000;

/// Shrinks `plan` by `fails`, and sees that every candidate is sound and new.
fn shrink_by(plan: &Plan, mut fails: impl FnMut(&Plan) -> bool) -> Shrunk {
    let mut judged = BTreeSet::from([fingerprint(plan)]);
    let shrunk = shrink(plan, Quiet::MayShrink, |plans| {
        assert!(!plans.is_empty());
        for (at, plan) in plans.iter().enumerate() {
            assert_eq!(plan.check(), Ok(()));
            assert!(judged.insert(fingerprint(plan)), "tried twice:\n{plan}");
            assert!((judged.len() as u64) < MANY, "this does not end");
            if fails(plan) {
                return Tried::Fails(at);
            }
        }
        Tried::NoneFails
    });
    assert!(shrunk.complete);
    shrunk
}

fn kinds(plan: &Plan) -> Vec<&'static str> {
    let faults = plan.schedule.faults.iter();
    faults.map(|timed| timed.fault.kind()).collect()
}

/// What a made-up bug needs: kinds of fault, each so many times, and clients.
#[derive(Debug)]
struct Needs {
    kinds: Vec<&'static str>,
    clients: u64,
    watchers: u64,
    members: u64,
}

impl Needs {
    /// Something that `plan` has.
    fn draw(plan: &Plan, stream: &mut Stream) -> Self {
        let mut kinds = kinds(plan);
        while kinds.len() > 3 {
            let at = stream.between(0, kinds.len() as u64 - 1);
            kinds.remove(at as usize);
        }
        Self {
            kinds,
            clients: stream.between(0, plan.workload.clients),
            watchers: stream.between(0, plan.workload.watchers),
            members: stream.between(1, plan.cluster.members),
        }
    }

    fn are_met_by(&self, plan: &Plan) -> bool {
        let mut left = kinds(plan);
        let all = self.kinds.iter().all(|kind| {
            let found = left.iter().position(|other| other == kind);
            found.map(|at| left.remove(at)).is_some()
        });
        all && plan.workload.clients >= self.clients
            && plan.workload.watchers >= self.watchers
            && plan.cluster.members >= self.members
    }
}

#[test]
fn nothing_is_left_but_what_the_bug_needs() {
    for seed in SEEDS {
        let plan = Plan::generate(seed, Focus::Everything);
        let needs = Needs::draw(&plan, &mut Stream::new(seed, "test/needs"));
        let small = shrink_by(&plan, |plan| needs.are_met_by(plan)).plan;
        assert!(needs.are_met_by(&small), "seed {seed}: {needs:?}\n{small}");
        assert_eq!(small.check(), Ok(()));
        let (workload, left) = (&small.workload, small.schedule.faults.len());
        assert_eq!(left, needs.kinds.len(), "seed {seed}: {needs:?}\n{small}");
        assert_eq!(
            (workload.clients, workload.watchers, workload.lease_holders),
            (needs.clients, needs.watchers, 0),
            "seed {seed}"
        );
        assert_eq!(workload.keys, 1);
        assert!(small.cluster.clock_ppm.iter().all(|ppm| *ppm == 0));
        assert!(small.schedule.run_ms <= plan.schedule.run_ms);
    }
}

#[test]
fn no_single_fault_can_be_left_out_of_what_is_left() {
    for seed in SEEDS {
        // Which faults matter depends on the others, in no way that makes sense.
        let whimsical = |plan: &Plan| {
            let kinds = kinds(plan).join(" ");
            plan.schedule.faults.len() > 2 && fnv1a(kinds.as_bytes()).is_multiple_of(3)
        };
        let plan = Plan::generate(seed, Focus::Everything);
        if !whimsical(&plan) {
            continue;
        }
        let small = shrink_by(&plan, whimsical).plan;
        assert!(whimsical(&small));
        for at in 0..small.schedule.faults.len() {
            let mut smaller = small.clone();
            smaller.schedule.faults.remove(at);
            assert!(!whimsical(&smaller), "seed {seed}: {at} of\n{small}");
        }
    }
}

#[test]
fn a_bug_that_shows_by_chance_only_is_shrunk_with_other_seeds() {
    for seed in SEEDS {
        let plan = Plan::generate(seed, Focus::Crashes);
        let mut other_seeds = false;
        let small = shrink_by(&plan, |small| {
            other_seeds |= small.seed != seed;
            let chance = fingerprint(small).is_multiple_of(4);
            chance && kinds(small).contains(&"crash") && small.workload.clients > 0
        });
        assert!(other_seeds, "seed {seed}");
        assert!(small.plan.schedule.faults.len() <= 4, "{}", small.plan);
    }
}

#[test]
fn whatever_fails_always_is_shrunk_to_nothing() {
    let plan = Plan::generate(5, Focus::Everything);
    let small = shrink_by(&plan, |_| true).plan;
    let sizes = Size::of(&plan).down_to(&Size::of(&small));
    // What the plan began with, and whether it had any of something, is the generator's affair.
    for size in sizes.split(", ") {
        let (_, least) = size.split_once(" → ").expect("from one size to another");
        let expected = match size.split(' ').next() {
            Some("members" | "kinds" | "keys") => "1",
            Some("run") => "0.0 s",
            _ => "0",
        };
        assert_eq!(least, expected, "{size}");
    }
    assert!(sizes.contains("faults"), "{sizes}");
}

#[test]
fn nothing_is_tried_when_the_time_is_up() {
    let plan = Plan::generate(3, Focus::Everything);
    for budget in [0, 1, 2, 5, 17] {
        let mut batches = 0;
        let fails = |plan: &Plan| kinds(plan).len() > 1;
        let shrunk = shrink(&plan, Quiet::MayShrink, |plans| {
            if batches == budget {
                return Tried::TimeUp;
            }
            batches += 1;
            plans
                .iter()
                .position(fails)
                .map_or(Tried::NoneFails, Tried::Fails)
        });
        assert!(!shrunk.complete);
        assert_eq!(batches, budget);
        assert!(fails(&shrunk.plan));
        assert_eq!(shrunk.plan == plan, budget == 0);
    }
}

#[test]
fn time_to_recover_is_not_cut_where_it_is_what_was_missed() {
    let plan = Plan::generate(3, Focus::Everything);
    let quiet_ms = |quiet| {
        let shrunk = shrink(&plan, quiet, |_| Tried::Fails(0));
        shrunk.plan.schedule.quiet_ms
    };
    assert_eq!(quiet_ms(Quiet::Stays), plan.schedule.quiet_ms);
    assert_eq!(quiet_ms(Quiet::MayShrink), 10_000);
}

#[test]
fn faults_of_missing_members_hit_those_that_are_left() {
    for seed in 0..300 {
        let mut plan = Plan::generate(seed, Focus::Everything);
        let damages =
            |fault: &Fault| matches!(fault, Fault::BitRot { .. } | Fault::WipeDisk { .. });
        plan.schedule.faults.retain(|timed| !damages(&timed.fault));
        for members in 1..plan.cluster.members {
            let reduced = members::reduced(&plan, members).unwrap();
            assert_eq!(reduced.check(), Ok(()), "seed {seed}\n{reduced}");
            for timed in &reduced.schedule.faults {
                match &timed.fault {
                    Fault::Split { group, .. } => {
                        assert!((1..members).contains(&(group.len() as u64)));
                    }
                    Fault::OneWay { from, to, .. } | Fault::Hold { from, to, .. } => {
                        assert_ne!(from, to);
                    }
                    Fault::Ring { order, .. } => assert_eq!(order.len() as u64, members),
                    _ => {}
                }
            }
        }
    }
    let mut plan = Plan::generate(1, Focus::Crashes);
    let crash = |target| Fault::Crash { target, down_ms: 5 };
    plan.schedule.faults.truncate(1);
    plan.schedule.faults[0].fault = crash(Target::Member(3));
    let reduced = members::reduced(&plan, 2).unwrap();
    assert_eq!(reduced.schedule.faults[0].fault, crash(Target::Member(1)));
}

#[test]
fn sizes_are_told_in_one_line() {
    let plan = Plan::generate(1, Focus::Crashes);
    let mut big = plan.clone();
    big.schedule.run_ms = 21_000;
    big.workload.clients = 5;
    let mut small = big.clone();
    small.schedule.run_ms = 4_040;
    small.workload.clients = 2;
    let line = |small| Size::of(&big).down_to(&Size::of(small));
    assert_eq!(line(&small), "clients 5 → 2, run 21.0 s → 4.0 s");
    assert_eq!(line(&big), "details only");
}
