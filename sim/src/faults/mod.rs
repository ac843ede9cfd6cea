//! Breaks what the plan says, when it says so, and mends it again.

mod disks;
mod links;
mod losses;
mod members;
mod network;
mod operations;
mod points;

use std::{sync::Arc, time::Duration};

use madsim::{
    task::NodeId,
    time::{TimeHandle, sleep},
};
use tokio::sync::Mutex;

pub use links::Links;

use disks::Operation;

use crate::{
    cluster::Cluster,
    plan::{Fault, Plan, Target},
    recorder::Recorder,
    workload::Session,
};

/// What faults work on; clones are the same.
#[derive(Clone)]
pub struct Injector {
    cluster: Arc<Cluster>,
    links: Links,
    clients: NodeId,
    recorder: Recorder,
    election: Duration,
    /// What was broken by asking the cluster is mended by this time of the run, or never.
    patience: Duration,
}

impl Injector {
    /// For the cluster of `plan`, with clients on that node.
    pub fn new(plan: &Plan, cluster: Arc<Cluster>, clients: NodeId, recorder: Recorder) -> Self {
        let schedule = &plan.schedule;
        Self {
            cluster,
            links: Links::default(),
            clients,
            recorder,
            election: Duration::from_millis(plan.cluster.election_ms),
            patience: Duration::from_millis(schedule.run_ms + schedule.quiet_ms),
        }
    }

    /// Carries the whole schedule out; `operator` is the client that asks for compactions and the like. When
    /// this returns, everything is mended and the time of the schedule is over.
    pub async fn run(&self, plan: &Plan, operator: &Arc<Mutex<Session>>) {
        let mut faults = Vec::new();
        for (number, timed) in (1..).zip(&plan.schedule.faults) {
            sleep_until_ms(timed.at_ms).await;
            let (injector, fault) = (self.clone(), timed.fault.clone());
            let operator = operator.clone();
            faults.push(madsim::task::spawn(async move {
                injector.inject(number, fault, &operator).await;
            }));
        }
        sleep_until_ms(plan.schedule.run_ms).await;
        for fault in faults {
            let _ = fault.await;
        }
    }

    async fn inject(&self, number: u64, fault: Fault, operator: &Mutex<Session>) {
        use Operation::{Sync, Write};
        let time = Duration::from_millis(fault.lasts_ms());
        let ms = Duration::from_millis;
        match fault {
            Fault::Crash { target, .. } => self.crash(&[self.resolve(target)], time).await,
            Fault::CrashAt(crash) => self.crash_at(number, &crash).await,
            Fault::PowerFailure { .. } => self.power_failure(time).await,
            Fault::Pause { target, .. } => self.pause(target, time).await,

            Fault::Isolate {
                target, clients, ..
            } => self.isolate(target, clients, time).await,
            Fault::Split { group, .. } => self.split(&group, time).await,
            Fault::Ring { order, .. } => self.ring(&order, time).await,
            Fault::OneWay { from, to, .. } => self.one_way(from, to, time).await,
            Fault::Hold { from, to, .. } => self.hold(from, to, time).await,
            Fault::Delay {
                from, to, delay_ms, ..
            } => self.delay(number, (from, to), delay_ms, time).await,
            Fault::SlowLink {
                target, delay_ms, ..
            } => self.slow_link(number, target, delay_ms, time).await,
            Fault::Cut { target, clients } => self.cut(target, clients),

            Fault::ClockRate { target, ppm } => self.change_clock_rate(target, ppm),
            Fault::ClockJump { target, wall_ms } => self.jump_wall_clock(target, wall_ms),
            Fault::ClockSkip { target, by_ms } => self.skip_clock(target, by_ms),

            Fault::SlowFsync {
                target, fsync_us, ..
            } => self.slow_fsync(number, target, fsync_us, time).await,
            Fault::FailFsync { target, power, .. } => self.fail(target, Sync, power, time).await,
            Fault::FailWrite { target, power, .. } => self.fail(target, Write, power, time).await,
            Fault::StallFsync { target, .. } => self.stall_fsync(target, time).await,
            Fault::FullDisk {
                target, room_bytes, ..
            } => self.fill_disk(target, room_bytes, time).await,
            Fault::BitRot { target, .. } => self.rot(target, time).await,
            Fault::WipeDisk {
                target,
                down_ms,
                for_ms,
            } => self.wipe(target, ms(down_ms), ms(for_ms)).await,

            Fault::Defragment { target } => self.defragment(target),
            Fault::ChangeRoles { target } => self.change_roles(number, target, operator).await,
            Fault::ChangeAuth { target, step } => self.change_auth(target, &step, operator).await,
            Fault::Alarm { target, alarm, .. } => self.alarm(target, alarm, time, operator).await,
            Fault::TransferLeader { to } => self.transfer_leader(to).await,
            Fault::Compact { keep } => self.compact(keep, operator).await,
        }
    }

    fn resolve(&self, target: Target) -> u64 {
        target.resolve(self.cluster.len(), self.cluster.leader())
    }
}

/// Sleeps until this time of the run.
pub async fn sleep_until_ms(at_ms: u64) {
    let left = Duration::from_millis(at_ms).saturating_sub(TimeHandle::current().elapsed());
    if !left.is_zero() {
        sleep(left).await;
    }
}
