//! Breaks what the plan says, when it says so, and mends it again.

mod disks;
mod links;
mod operations;
mod points;

use std::{sync::Arc, time::Duration};

use madsim::{
    task::NodeId,
    time::{TimeHandle, sleep},
};

pub use links::Links;

use disks::Operation;

use crate::{
    cluster::Cluster,
    plan::{Fault, Plan, Span, Target},
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
}

impl Injector {
    /// For this cluster, with clients on that node.
    pub fn new(cluster: Arc<Cluster>, clients: NodeId, recorder: Recorder) -> Self {
        Self {
            cluster,
            links: Links::default(),
            clients,
            recorder,
        }
    }

    /// Carries the whole schedule out; `operator` is the client that asks for compactions and the like. When
    /// this returns, everything is mended and the time of the schedule is over.
    pub async fn run(self, plan: &Plan, operator: Session) {
        let operator = Arc::new(tokio::sync::Mutex::new(operator));
        let mut faults = Vec::new();
        for (number, timed) in (1..).zip(&plan.schedule.faults) {
            sleep_until_ms(timed.at_ms).await;
            let (injector, fault) = (self.clone(), timed.fault.clone());
            let operator = operator.clone();
            faults.push(madsim::task::spawn(async move {
                injector.inject(number, fault, operator).await;
            }));
        }
        sleep_until_ms(plan.schedule.run_ms).await;
        for fault in faults {
            let _ = fault.await;
        }
    }

    async fn inject(self, number: u64, fault: Fault, operator: Arc<tokio::sync::Mutex<Session>>) {
        let time = Duration::from_millis(fault.lasts_ms());
        match fault {
            Fault::Crash { target, .. } => {
                let victim = self.resolve(target);
                self.crash(&[victim], time).await;
            }
            Fault::CrashAt(crash) => self.crash_at(number, &crash).await,
            Fault::PowerFailure { .. } => {
                let all: Vec<u64> = self.cluster.members().map(|(number, _)| number).collect();
                self.crash(&all, time).await;
            }
            Fault::Isolate {
                target, clients, ..
            } => self.isolate(self.resolve(target), clients, time).await,
            Fault::Split { group, .. } => self.split(&group, time).await,
            Fault::OneWay { from, to, .. } => {
                let (from, to) = (self.resolve(from), self.resolve(to));
                let links = [(self.node(from), self.node(to))];
                let text = format!("nothing arrives from n{from} at n{to}");
                self.cut(&links, &text, time).await;
            }
            Fault::Delay {
                from, to, delay_ms, ..
            } => {
                self.delay(number, self.resolve(from), self.resolve(to), delay_ms, time)
                    .await;
            }
            Fault::ClockRate { target, ppm } => {
                self.cluster
                    .member(self.resolve(target))
                    .set_clock_rate(ppm);
            }
            Fault::ClockJump { target, wall_ms } => {
                let member = self.resolve(target);
                self.recorder
                    .fault(format!("wall clock of n{member} jumps by {wall_ms} ms"));
                self.cluster.member(member).jump_wall_clock(wall_ms);
            }
            Fault::SlowFsync {
                target, fsync_us, ..
            } => {
                self.slow_fsync(number, self.resolve(target), fsync_us, time)
                    .await;
            }
            Fault::FailFsync { target, power, .. } => {
                self.fail(self.resolve(target), Operation::Sync, power, time)
                    .await;
            }
            Fault::FailWrite { target, power, .. } => {
                self.fail(self.resolve(target), Operation::Write, power, time)
                    .await;
            }
            Fault::StallFsync { target, .. } => self.stall_fsync(self.resolve(target), time).await,
            Fault::FullDisk {
                target, room_bytes, ..
            } => {
                self.fill_disk(self.resolve(target), room_bytes, time).await;
            }
            Fault::BitRot { target, .. } => self.rot(self.resolve(target), time).await,
            Fault::Pause { target, .. } => self.pause(self.resolve(target), time).await,
            Fault::Defragment { target } => self.defragment(self.resolve(target)),
            Fault::ChangeRoles { target } => {
                let at = self.resolve(target);
                self.change_roles(number, at, &operator).await;
            }
            Fault::ChangeAuth { target, step } => {
                let at = self.resolve(target);
                let mut operator = operator.lock().await;
                operator.go_to(at);
                operator.administer(&step).await;
            }
            Fault::TransferLeader { to } => self.transfer_leader(self.resolve(to)).await,
            Fault::Compact { keep } => self.compact(keep, &operator).await,
        }
    }

    async fn isolate(&self, victim: u64, clients: bool, time: Duration) {
        let mut others = self.others(&[victim]);
        let mut text = format!("n{victim} cut off from members");
        if clients {
            others.push(self.clients);
            text += " and clients";
        }
        let links = both_ways(&[self.node(victim)], &others);
        self.cut(&links, &text, time).await;
    }

    async fn split(&self, group: &[u64], time: Duration) {
        let nodes: Vec<NodeId> = group.iter().map(|member| self.node(*member)).collect();
        let links = both_ways(&nodes, &self.others(group));
        let names: Vec<String> = group.iter().map(|member| format!("n{member}")).collect();
        let text = format!("{} cut off from the rest", names.join(" "));
        self.cut(&links, &text, time).await;
    }

    fn resolve(&self, target: Target) -> u64 {
        target.resolve(self.cluster.len(), self.cluster.leader())
    }

    fn node(&self, member: u64) -> NodeId {
        self.cluster.member(member).node()
    }

    fn others(&self, group: &[u64]) -> Vec<NodeId> {
        let rest = self
            .cluster
            .members()
            .filter(|(number, _)| !group.contains(number));
        rest.map(|(_, member)| member.node()).collect()
    }

    /// Those that have no power already are left to the fault that took it.
    async fn crash(&self, members: &[u64], down: Duration) {
        let mut victims = Vec::new();
        for &number in members {
            if self.cluster.member(number).crash() {
                self.recorder.fault(format!("n{number} loses its power"));
                victims.push(number);
            }
        }
        sleep(down).await;
        for number in victims {
            self.recorder.fault(format!("n{number} starts again"));
            self.cluster.member(number).restart();
        }
    }

    async fn cut(&self, links: &[(NodeId, NodeId)], text: &str, time: Duration) {
        self.recorder.fault(text);
        self.links.cut(links);
        sleep(time).await;
        self.links.mend(links);
        self.recorder.fault(format!("{text}: mended"));
    }

    async fn delay(&self, number: u64, from: u64, to: u64, delay_ms: u64, time: Duration) {
        self.recorder
            .fault(format!("{delay_ms} ms delay from n{from} to n{to}"));
        self.links
            .begin_delay(number, (from, to), Duration::from_millis(delay_ms));
        sleep(time).await;
        self.links.end_delay(number, (from, to));
        self.recorder
            .fault(format!("no delay from n{from} to n{to}"));
    }

    async fn slow_fsync(&self, number: u64, member: u64, fsync_us: Span, time: Duration) {
        self.recorder
            .fault(format!("fsync of n{member} takes {fsync_us} us"));
        let disk = self.cluster.member(member).disk();
        disk.begin_slow(number, fsync_us);
        sleep(time).await;
        disk.end_slow(number);
        self.recorder.fault(format!("fsync of n{member} is mended"));
    }
}

/// All links between the two groups.
fn both_ways(one: &[NodeId], other: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b)));
    pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
}

/// Sleeps until this time of the run.
pub async fn sleep_until_ms(at_ms: u64) {
    let left = Duration::from_millis(at_ms).saturating_sub(TimeHandle::current().elapsed());
    if !left.is_zero() {
        sleep(left).await;
    }
}
