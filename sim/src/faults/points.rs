//! Members that lose their power at a point of their program.

use std::time::Duration;

use madsim::time::{sleep, timeout};

use super::Injector;
use crate::plan::CrashAt;

impl Injector {
    pub(super) async fn crash_at(&self, fault: u64, crash: &CrashAt) {
        let (number, point) = (self.resolve(crash.target), crash.point);
        let (cluster, recorder) = (self.cluster.clone(), self.recorder.clone());
        let trap = move || {
            // What runs at this moment goes on up to where it waits next; without power its disk
            // does nothing any more.
            let crashes = cluster.member(number).crash();
            if crashes {
                recorder.fault(format!("n{number} loses its power: at {}", point.name()));
            }
            crashes
        };
        let points = self.cluster.points();
        let place = (self.cluster.member(number).node(), point);
        let sprung = points.arm(fault, place, crash.passages, trap);
        let sprung = timeout(Duration::from_millis(crash.within_ms), sprung).await;
        points.disarm(fault);
        if matches!(sprung, Ok(Ok(true))) {
            sleep(Duration::from_millis(crash.down_ms)).await;
            self.recorder.fault(format!("n{number} starts again"));
            self.cluster.member(number).restart();
        }
    }
}
