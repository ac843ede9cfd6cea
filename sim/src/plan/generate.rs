//! From a seed to a plan.

use clap::ValueEnum;

use super::{
    AlarmName, Auth, Cluster, CrashAt, Fault, Knobs, Plan, Schedule, Span, Stream, Target,
    TimedFault, Workload, disk_faults, loss, outages,
};

/// Fastest and slowest clock of a plan, parts per million off true time.
const CLOCK_PPM_MAX: i64 = 200_000;

/// How long clients work, milliseconds.
const RUN_MS: Span = Span(8_000, 30_000);

/// How long a correct cluster may take to recover when nothing breaks any more, milliseconds, and
/// at least so many election timeouts: elections, backed-off connections, a snapshot over a slow
/// link, leases that run out.
const QUIET_MS: u64 = 30_000;
const QUIET_ELECTIONS: u64 = 12;

/// The longest election timeout, milliseconds. Clients work for so many of them at least: where
/// nobody leads most of the time, little is examined.
const ELECTION_MS_MAX: u64 = 3_000;
const RUN_ELECTIONS: u64 = 5;

/// An election timeout is at least so many times what the slowest message and sync take: who is
/// replaced before it can act never leads.
const ELECTION_STEPS: u64 = 10;

/// Time before the first fault, for the members to find each other, milliseconds.
pub(super) const WARM_UP_MS: u64 = 1_500;

/// What the faults of a plan are drawn from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Focus {
    /// A random subset of everything.
    #[default]
    Everything,
    /// Slow disks and short crashes: what is written but not yet synced is lost all the time.
    Crashes,
}

impl Plan {
    /// The plan of a seed (at most [`super::SEED_MAX`]).
    pub fn generate(seed: u64, focus: Focus) -> Self {
        let cluster = cluster(&mut Stream::new(seed, "plan/cluster"), focus);
        let knobs = Knobs::generate(&mut Stream::new(seed, "plan/knobs"));
        let workload = Workload::generate(&mut Stream::new(seed, "plan/workload"));
        let mut schedule = schedule(&mut Stream::new(seed, "plan/faults"), focus, &cluster);
        let mut auth = None;
        if focus == Focus::Everything {
            let stream = &mut Stream::new(seed, "plan/disk-faults");
            let broken = disk_faults::generate(stream, cluster.members, schedule.run_ms);
            schedule.faults.extend(broken);
            let stream = &mut Stream::new(seed, "plan/outages");
            let outages = outages::generate(stream, cluster.members, schedule.run_ms);
            schedule.faults.extend(outages);
            let stream = &mut Stream::new(seed, "plan/auth");
            let (members, keys) = (cluster.members, workload.keys);
            if let Some((users, steps)) = Auth::generate(stream, members, keys, schedule.run_ms) {
                auth = Some(users);
                schedule.faults.extend(steps);
            }
            schedule.faults.sort_by_key(|fault| fault.at_ms);
            let stream = &mut Stream::new(seed, "plan/losses");
            schedule.lost = loss::generate(stream, cluster.members);
        }
        Self {
            seed,
            cluster,
            knobs,
            workload,
            auth,
            schedule,
        }
    }
}

fn cluster(stream: &mut Stream, focus: Focus) -> Cluster {
    let members = stream.pick(&[1, 3, 3, 3, 3, 3, 3, 5, 5, 5]);
    let members = if focus == Focus::Crashes { 3 } else { members };
    let heartbeat_ms = stream.pick(&[20, 50, 100, 100, 200, 200, 500]);
    let link_min = stream.magnitude(50, 2_000);
    let link_us = Span(link_min, link_min * stream.pick(&[1, 3, 10]));
    let fsync_min = stream.magnitude(50, 1_000);
    let fsync_max = fsync_min * stream.pick(&[1, 4, 20]);
    let fsync_max = if focus == Focus::Crashes {
        8_000
    } else {
        fsync_max
    };
    let skewed = stream.chance(50);
    let rate = |_| if skewed { ppm(stream) } else { 0 };
    let clock_ppm = (0..members).map(rate).collect();
    let drawn_ms = (heartbeat_ms * stream.between(5, 20)).min(ELECTION_MS_MAX);
    let step_ms = (link_us.max() + fsync_max).div_ceil(1_000);
    Cluster {
        members,
        heartbeat_ms,
        election_ms: drawn_ms.max(ELECTION_STEPS * step_ms),
        clock_ppm,
        link_us,
        fsync_us: Span(fsync_min, fsync_max),
    }
}

/// A clock rate, the extremes as likely as all between them.
fn ppm(stream: &mut Stream) -> i64 {
    if stream.chance(50) {
        stream.pick(&[-CLOCK_PPM_MAX, CLOCK_PPM_MAX])
    } else {
        signed(stream, CLOCK_PPM_MAX)
    }
}

/// A number from `-max` to `max`.
fn signed(stream: &mut Stream, max: i64) -> i64 {
    stream.between(0, 2 * max.unsigned_abs()).cast_signed() - max
}

fn schedule(stream: &mut Stream, focus: Focus, cluster: &Cluster) -> Schedule {
    let run_ms = stream.within(RUN_MS);
    let run_ms = run_ms.max(RUN_ELECTIONS * cluster.election_ms);
    let menu = Menu::draw(stream, focus, cluster.members);
    let gap_ms = stream.magnitude(100, 1_500);
    let mut faults = Vec::new();
    let mut at_ms = WARM_UP_MS;
    while !menu.is_empty() {
        at_ms += stream.between(gap_ms / 2, gap_ms * 2);
        let fault = menu.fault(stream, cluster.members);
        let fault = TimedFault { at_ms, fault };
        if at_ms >= run_ms {
            break;
        }
        if fault.over_ms() <= run_ms {
            // One after the other mostly; at times the next one begins while this one lasts.
            at_ms = if stream.chance(70) {
                fault.over_ms()
            } else {
                at_ms
            };
            faults.push(fault);
        }
    }
    Schedule {
        run_ms,
        quiet_ms: QUIET_MS.max(QUIET_ELECTIONS * cluster.election_ms),
        lost: Vec::new(),
        faults,
    }
}

/// The kinds of fault that a plan draws from.
#[derive(Clone, Copy)]
enum Dish {
    Crash,
    CrashAt,
    PowerFailure,
    Isolate,
    Links(Links),
    SlowLink,
    Cut,
    ClockRate,
    ClockJump,
    ClockSkip,
    SlowFsync,
    Pause,
    Defragment,
    ChangeRoles,
    Alarm,
    TransferLeader,
    Compact,
}

/// What goes wrong between some members and others.
#[derive(Clone, Copy)]
enum Links {
    Split,
    Ring,
    OneWay,
    Hold,
    Delay,
}

/// Faults of one member alone, and faults that need another one.
const ALONE: [Dish; 13] = [
    Dish::Crash,
    Dish::CrashAt,
    Dish::PowerFailure,
    Dish::ClockRate,
    Dish::ClockJump,
    Dish::ClockSkip,
    Dish::SlowFsync,
    Dish::Pause,
    Dish::Cut,
    Dish::Defragment,
    Dish::ChangeRoles,
    Dish::Alarm,
    Dish::Compact,
];
const TOGETHER: [Dish; 8] = [
    Dish::Isolate,
    Dish::Links(Links::Split),
    Dish::Links(Links::Ring),
    Dish::Links(Links::OneWay),
    Dish::Links(Links::Hold),
    Dish::Links(Links::Delay),
    Dish::SlowLink,
    Dish::TransferLeader,
];

/// A random subset of the kinds, with very different weights: a plan that does everything a
/// little never does one thing often enough.
struct Menu {
    dishes: Vec<Dish>,
    weights: Vec<u64>,
    /// Longest time that a fault lasts, milliseconds.
    longest_ms: u64,
}

impl Menu {
    fn draw(stream: &mut Stream, focus: Focus, members: u64) -> Self {
        let mut menu = Self {
            dishes: Vec::new(),
            weights: Vec::new(),
            longest_ms: stream.pick(&[300, 1_000, 3_000, 8_000]),
        };
        let together: &[Dish] = if members > 1 { &TOGETHER } else { &[] };
        for &dish in ALONE.iter().chain(together) {
            let weight = 1 << stream.between(0, 4);
            if stream.chance(55) {
                menu.dishes.push(dish);
                menu.weights.push(weight);
            }
        }
        if focus == Focus::Crashes {
            menu.dishes = vec![Dish::Crash, Dish::PowerFailure, Dish::SlowFsync];
            menu.weights = vec![6, 1, 1];
            menu.longest_ms = 100;
        }
        menu
    }

    fn is_empty(&self) -> bool {
        self.dishes.is_empty()
    }

    fn fault(&self, stream: &mut Stream, members: u64) -> Fault {
        let ms = stream.magnitude(1, self.longest_ms);
        let target = target(stream, members);
        match self.dishes[stream.weighted(&self.weights)] {
            Dish::Crash => Fault::Crash {
                target,
                down_ms: ms,
            },
            Dish::CrashAt => Fault::CrashAt(CrashAt::generate(stream, target, ms)),
            Dish::PowerFailure => Fault::PowerFailure { down_ms: ms },
            Dish::Links(links) => links_fault(stream, links, members, ms),
            Dish::Isolate => Fault::Isolate {
                target,
                clients: stream.chance(30),
                for_ms: ms,
            },
            Dish::SlowLink => Fault::SlowLink {
                target,
                delay_ms: stream.magnitude(5, 300),
                for_ms: ms,
            },
            Dish::Cut => Fault::Cut {
                target,
                clients: stream.chance(50),
            },
            Dish::ClockRate => Fault::ClockRate {
                target,
                ppm: ppm(stream),
            },
            Dish::ClockJump => Fault::ClockJump {
                target,
                wall_ms: signed(stream, 3_600_000),
            },
            Dish::ClockSkip => Fault::ClockSkip {
                target,
                by_ms: stream.magnitude(10, 10_000),
            },
            Dish::SlowFsync => {
                let least = stream.magnitude(1_000, 50_000);
                Fault::SlowFsync {
                    target,
                    fsync_us: Span(least, least * stream.between(1, 4)),
                    for_ms: ms,
                }
            }
            Dish::Pause => Fault::Pause { target, for_ms: ms },
            Dish::Defragment => Fault::Defragment { target },
            Dish::ChangeRoles => Fault::ChangeRoles { target },
            Dish::Alarm => Fault::Alarm {
                target,
                alarm: stream.pick(&[AlarmName::NoSpace, AlarmName::Corrupt]),
                for_ms: ms,
            },
            Dish::TransferLeader => Fault::TransferLeader { to: target },
            Dish::Compact => Fault::Compact {
                keep: stream.magnitude(1, 200) - 1,
            },
        }
    }
}

/// A fault of links, or of groups of members.
fn links_fault(stream: &mut Stream, links: Links, members: u64, for_ms: u64) -> Fault {
    match links {
        Links::Split => Fault::Split {
            group: group(stream, members),
            for_ms,
        },
        Links::Ring => Fault::Ring {
            order: order(stream, members),
            for_ms,
        },
        Links::OneWay => {
            let (from, to) = link(stream, members);
            Fault::OneWay { from, to, for_ms }
        }
        Links::Hold => {
            let (from, to) = link(stream, members);
            Fault::Hold { from, to, for_ms }
        }
        Links::Delay => {
            let (from, to) = link(stream, members);
            let delay_ms = stream.magnitude(5, 1_000);
            Fault::Delay {
                from,
                to,
                delay_ms,
                for_ms,
            }
        }
    }
}

pub(super) fn target(stream: &mut Stream, members: u64) -> Target {
    match stream.weighted(&[4, 2, 4]) {
        0 => Target::Leader,
        1 => Target::Follower,
        _ => Target::Member(stream.between(1, members)),
    }
}

/// Two ends of a link, never the same member.
fn link(stream: &mut Stream, members: u64) -> (Target, Target) {
    let from = stream.between(1, members);
    let to = (from + stream.between(0, members - 2)) % members + 1;
    stream.pick(&[
        (Target::Leader, Target::Follower),
        (Target::Follower, Target::Leader),
        (Target::Member(from), Target::Member(to)),
    ])
}

/// At least one member and not all.
fn group(stream: &mut Stream, members: u64) -> Vec<u64> {
    let some = stream.between(1, (1 << members) - 2);
    (1..=members)
        .filter(|member| some & (1 << (member - 1)) != 0)
        .collect()
}

/// All members in any order.
fn order(stream: &mut Stream, members: u64) -> Vec<u64> {
    let mut order = Vec::new();
    for member in 1..=members {
        let at = stream.between(0, order.len() as u64) as usize;
        order.insert(at, member);
    }
    order
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Fault, Focus, Plan};

    #[test]
    fn every_generated_plan_is_sound() {
        for focus in [Focus::Everything, Focus::Crashes] {
            for seed in 0..500 {
                let plan = Plan::generate(seed, focus);
                assert_eq!(plan.check(), Ok(()), "seed {seed}");
                assert_eq!(plan, Plan::generate(seed, focus));
            }
        }
    }

    #[test]
    fn seeds_reach_every_kind_of_fault_and_leave_some_out() {
        let mut plans_with: BTreeMap<&str, usize> = BTreeMap::new();
        for seed in 0..300 {
            let plan = Plan::generate(seed, Focus::Everything);
            let mut kinds: Vec<_> = plan
                .schedule
                .faults
                .iter()
                .map(|f| f.fault.kind())
                .collect();
            kinds.sort_unstable();
            kinds.dedup();
            kinds
                .into_iter()
                .for_each(|kind| *plans_with.entry(kind).or_default() += 1);
        }
        assert_eq!(plans_with.len(), 28, "{plans_with:?}");
        for (kind, plans) in plans_with {
            assert!((30..270).contains(&plans), "{kind} in {plans} plans of 300");
        }
    }

    #[test]
    fn wall_clocks_jump_both_ways() {
        let (mut back, mut ahead) = (0, 0);
        for seed in 0..100 {
            for timed in Plan::generate(seed, Focus::Everything).schedule.faults {
                if let Fault::ClockJump { wall_ms, .. } = timed.fault {
                    back += u64::from(wall_ms < 0);
                    ahead += u64::from(wall_ms > 0);
                }
            }
        }
        assert!(back > 100 && ahead > 100, "{back} back, {ahead} ahead");
    }
}
