//! What stays broken when everything else is mended.

use std::time::Duration;

use madsim::time::{TimeHandle, sleep};
use tokio::sync::Mutex;

use super::{Injector, network::both_ways, operations::LATE_ALARM};
use crate::{
    plan::{AlarmName, Breakage, Loss, Plan},
    workload::Session,
};

/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(1_000_000);

impl Injector {
    /// Breaks for good what `plan` gives up, and says so.
    pub fn give_up(&self, plan: &Plan) {
        for &Loss { member, how } in &plan.schedule.lost {
            match how {
                Breakage::Down => {
                    self.cluster.member(member).crash();
                    self.recorder
                        .fault(format!("n{member} loses its power, for good"));
                }
                Breakage::CutOff => {
                    let mut others = self.others(&[member]);
                    others.push(self.clients);
                    self.links.cut(&both_ways(&[self.node(member)], &others));
                    self.recorder.fault(format!(
                        "n{member} cut off from members and clients, for good"
                    ));
                }
                Breakage::StalledDisk => {
                    let disk = self.cluster.member(member).disk();
                    disk.stall_until(TimeHandle::current().elapsed() + FOR_EVER);
                    self.recorder
                        .fault(format!("disk of n{member} breaks: no sync ends any more"));
                }
            }
        }
    }

    /// A member that had no space when it was lost cannot take its alarm back: that is for the
    /// operator. Once more when nothing that the member has said can arrive any more.
    pub async fn disarm_the_lost(&self, plan: &Plan, operator: &Mutex<Session>) {
        for again in [false, true] {
            if again {
                sleep(LATE_ALARM + 2 * self.election).await;
            }
            for loss in &plan.schedule.lost {
                if let Some(member_id) = self.cluster.member(loss.member).member_id() {
                    self.disarm(AlarmName::NoSpace, member_id, operator).await;
                }
            }
        }
    }
}
