//! What is done to whole members: to their processes, and to their clocks.

use std::time::Duration;

use madsim::time::sleep;

use super::Injector;
use crate::plan::Target;

impl Injector {
    pub(super) async fn power_failure(&self, down: Duration) {
        let all: Vec<u64> = self.cluster.members().map(|(number, _)| number).collect();
        self.crash(&all, down).await;
    }

    /// Those that have no power already are left to the fault that took it.
    pub(super) async fn crash(&self, members: &[u64], down: Duration) {
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

    /// The process stands still, with its connections open; what it is sent waits for it.
    pub(super) async fn pause(&self, target: Target, time: Duration) {
        let number = self.resolve(target);
        let member = self.cluster.member(number);
        self.recorder.fault(format!("n{number} stands still"));
        member.pause();
        sleep(time).await;
        member.resume();
        self.recorder.fault(format!("n{number} goes on"));
    }

    pub(super) fn change_clock_rate(&self, target: Target, ppm: i64) {
        let member = self.cluster.member(self.resolve(target));
        member.set_clock_rate(ppm);
    }

    pub(super) fn jump_wall_clock(&self, target: Target, wall_ms: i64) {
        let number = self.resolve(target);
        self.recorder
            .fault(format!("wall clock of n{number} jumps by {wall_ms} ms"));
        self.cluster.member(number).jump_wall_clock(wall_ms);
    }

    pub(super) fn skip_clock(&self, target: Target, by_ms: u64) {
        let number = self.resolve(target);
        self.recorder
            .fault(format!("clock of n{number} skips {by_ms} ms"));
        self.cluster.member(number).skip_clock(by_ms);
    }
}
