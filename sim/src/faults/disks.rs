//! Disks that fail, stall, are full or rot.
//!
//! A member whose disk fails has to end, and may: it is excused, and starts again when the fault
//! is over.

use std::time::Duration;

use madsim::time::{TimeHandle, sleep};

use super::Injector;
use crate::{
    cluster::Member,
    disk::{Failure, Rot},
    plan::{Span, Target},
};

/// How often a member that starts is asked whether it has.
const START_POLL: Duration = Duration::from_millis(10);

/// A member that could not write something while its disk was full may end so much later.
const LATE_END: Duration = Duration::from_secs(1);

/// How a member says that it does not go on without its directory.
const REPLACED: &str = "with another data directory";

/// What fails.
#[derive(Clone, Copy)]
pub(super) enum Operation {
    Sync,
    Write,
}

impl Injector {
    pub(super) async fn fail(&self, target: Target, what: Operation, power: bool, time: Duration) {
        let number = self.resolve(target);
        let member = self.cluster.member(number);
        member.excuse();
        let name = match what {
            Operation::Sync => {
                member.disk().fail_next_sync();
                "sync"
            }
            Operation::Write => {
                member.disk().fail_next_write();
                "write"
            }
        };
        self.disk_breaks(number, &format!("the next {name} fails"));
        sleep(time).await;
        let failure = member.disk().end_failure();
        assert!(
            failure != Failure::Log || member.is_down() || member.server().is_none(),
            "n{number} goes on after its log could not be written"
        );
        // What is noticed only when the file is needed ends the member some day: better now.
        if failure != Failure::None {
            member.end();
        }
        self.disk_is_well(number);
        self.start_again(member, number, power);
    }

    pub(super) async fn stall_fsync(&self, target: Target, time: Duration) {
        let number = self.resolve(target);
        self.disk_breaks(number, &format!("no sync ends for {} ms", time.as_millis()));
        let disk = self.cluster.member(number).disk();
        disk.stall_until(TimeHandle::current().elapsed() + time);
        sleep(time).await;
        self.disk_is_well(number);
    }

    pub(super) async fn fill_disk(&self, target: Target, room_bytes: u64, time: Duration) {
        let number = self.resolve(target);
        let member = self.cluster.member(number);
        member.excuse();
        self.disk_breaks(number, &format!("{room_bytes} bytes are left"));
        member.disk().set_room_bytes(Some(room_bytes));
        sleep(time).await;
        member.disk().set_room_bytes(None);
        self.disk_is_well(number);
        sleep(LATE_END).await;
        while member.server().is_none() && !member.is_down() {
            sleep(START_POLL).await;
        }
        self.start_again(member, number, false);
    }

    /// Not where it has no power already, or where it may not be in the cluster yet: one that nobody
    /// knows cannot be told from a new one. Nor where something else is done to its disk.
    pub(super) async fn wipe(&self, target: Target, down: Duration, time: Duration) {
        let number = self.resolve(target);
        let member = self.cluster.member(number);
        if member.is_excused() || !self.is_known(number) || !member.crash() {
            return;
        }
        member.excuse();
        let excuses = member.excuses_ever();
        self.recorder.fault(format!("n{number} loses its power"));
        sleep(down).await;
        let files = member.disk().take_away();
        self.disk_breaks(number, "its directory is gone");
        self.recorder.fault(format!("n{number} starts again"));
        member.restart();
        sleep(time).await;
        assert!(
            member.server().is_none(),
            "n{number} takes part without its directory"
        );
        // It has refused, or found nobody to ask, or its new disk has failed as well.
        if let Some(reason) = member.reason_of_end() {
            let alone = member.excuses_ever() == excuses;
            assert!(
                !alone || reason.contains(REPLACED),
                "n{number} has lost its directory and says only: {reason}"
            );
        }
        member.end();
        member.disk().put_back(files);
        self.disk_is_well(number);
        self.start_again(member, number, false);
    }

    /// Whether another member knows by the log which directory the member has.
    fn is_known(&self, number: u64) -> bool {
        let Some(server) = self.cluster.member(number).server() else {
            return false;
        };
        let mut others = self.cluster.members().filter(|(other, _)| *other != number);
        others.any(|(_, other)| {
            let known = other
                .server()
                .and_then(|o| o.instance_of(server.member_id()));
            known.is_some_and(|instance| instance != 0)
        })
    }

    /// Not where it has no power already.
    pub(super) async fn rot(&self, target: Target, down: Duration) {
        let number = self.resolve(target);
        let member = self.cluster.member(number);
        if !member.crash() {
            return;
        }
        self.recorder.fault(format!("n{number} loses its power"));
        sleep(down).await;
        let rot = member.disk().rot();
        if let Some(Rot { name, offset, .. }) = &rot {
            self.disk_breaks(number, &format!("a bit of {name} flips at {offset}"));
        }
        let busy = member.is_excused();
        member.excuse();
        let excuses = member.excuses_ever();
        self.recorder.fault(format!("n{number} starts again"));
        member.restart();
        while member.server().is_none() && !member.is_down() {
            sleep(START_POLL).await;
        }
        if let (Some(rot), Some(reason)) = (rot, member.reason_of_end()) {
            // What is damaged is named, so that the operator knows what to put back; unless it was
            // not the damage that has ended it, but something else that is done to its disk.
            let alone = !busy && member.excuses_ever() == excuses;
            assert!(
                !alone || reason.contains("log-") || reason.contains("checkpoint"),
                "n{number} has rotten and says only: {reason}"
            );
            member.disk().flip(&rot);
            self.disk_is_well(number);
        }
        self.start_again(member, number, false);
    }

    pub(super) async fn slow_fsync(
        &self,
        fault: u64,
        target: Target,
        fsync_us: Span,
        time: Duration,
    ) {
        let number = self.resolve(target);
        self.recorder
            .fault(format!("fsync of n{number} takes {fsync_us} us"));
        let disk = self.cluster.member(number).disk();
        disk.begin_slow(fault, fsync_us);
        sleep(time).await;
        disk.end_slow(fault);
        self.recorder.fault(format!("fsync of n{number} is mended"));
    }

    fn start_again(&self, member: &Member, number: u64, power: bool) {
        if member.pardon(power) {
            self.recorder.fault(format!("n{number} starts again"));
        }
    }

    fn disk_breaks(&self, number: u64, how: &str) {
        self.recorder
            .fault(format!("disk of n{number} breaks: {how}"));
    }

    fn disk_is_well(&self, number: u64) {
        self.recorder.fault(format!("disk of n{number} is well"));
    }
}
