//! The product's points: how often a run comes to each, and who loses its power at which.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use madsim::task::NodeId;
use quorate_core::probe::{self, Point};
use tokio::sync::oneshot;

use crate::{history::What, recorder::Recorder};

/// What happens at a point: a member loses its power. Whether it had any.
type Trap = Box<dyn FnOnce() -> bool + Send>;

/// What comes of the points of one run. Clones share it.
#[derive(Clone, Default)]
pub struct Points(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    passed: BTreeMap<Point, u64>,
    armed: Vec<Armed>,
}

/// A trap, until it has sprung.
struct Armed {
    fault: u64,
    node: NodeId,
    point: Point,
    /// So many passages are let go.
    passages: u64,
    trap: Trap,
    sprung: oneshot::Sender<bool>,
}

impl Points {
    /// Watches the points for the rest of the process.
    pub fn watch() -> Self {
        let points = Self::default();
        let seen = points.clone();
        probe::watch(move |point| seen.pass(point));
        points
    }

    /// Has `trap` called when `node` comes to `point`, the first `passages` times not counted. The
    /// receiver hears what it gave. `fault` is the number by which to [`Self::disarm`].
    pub fn arm(
        &self,
        fault: u64,
        (node, point): (NodeId, Point),
        passages: u64,
        trap: impl FnOnce() -> bool + Send + 'static,
    ) -> oneshot::Receiver<bool> {
        let (sprung, hears) = oneshot::channel();
        self.inner().armed.push(Armed {
            fault,
            node,
            point,
            passages,
            trap: Box::new(trap),
            sprung,
        });
        hears
    }

    /// What has not sprung by now will not.
    pub fn disarm(&self, fault: u64) {
        self.inner().armed.retain(|armed| armed.fault != fault);
    }

    /// Writes down what was passed, and how often.
    pub fn record(&self, recorder: &Recorder) {
        for (point, times) in &self.inner().passed {
            recorder.push(What::Passed {
                point: point.name().to_owned(),
                times: *times,
            });
        }
    }

    fn pass(&self, point: Point) {
        let sprung = {
            let mut inner = self.inner();
            *inner.passed.entry(point).or_default() += 1;
            inner.spring(madsim::plugin::node(), point)
        };
        // Without the lock: what happens now may pass points itself.
        if let Some(armed) = sprung {
            let _ = armed.sprung.send((armed.trap)());
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().expect("nobody panics with this lock held")
    }
}

impl Inner {
    fn spring(&mut self, node: NodeId, point: Point) -> Option<Armed> {
        let is_here = |armed: &Armed| armed.node == node && armed.point == point;
        let at = self.armed.iter().position(is_here)?;
        let armed = &mut self.armed[at];
        if armed.passages > 0 {
            armed.passages -= 1;
            return None;
        }
        Some(self.armed.remove(at))
    }
}
