//! Links that are cut, held or slow. Faults may overlap: a link works again when all that touch it
//! are over.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use madsim::{net::NetSim, task::NodeId};
use quorate_server::wire::{set_link_delay, set_link_held};

/// From one address to another.
type Link = (IpAddr, IpAddr);

/// Directed links between nodes. Clones are the same.
#[derive(Clone, Default)]
pub struct Links(Arc<Mutex<Broken>>);

#[derive(Default)]
struct Broken {
    /// How many faults cut each link.
    cuts: BTreeMap<(NodeId, NodeId), u64>,
    /// How many faults have each link hold back what it is given.
    holds: BTreeMap<Link, u64>,
    /// Which faults delay each link, and by how much.
    delays: BTreeMap<Link, BTreeMap<u64, Duration>>,
}

impl Links {
    fn broken(&self) -> MutexGuard<'_, Broken> {
        self.0.lock().expect("nobody panics with this lock held")
    }

    /// Lets nothing through from now on.
    pub fn cut(&self, links: &[(NodeId, NodeId)]) {
        let mut broken = self.broken();
        for &(from, to) in links {
            *broken.cuts.entry((from, to)).or_default() += 1;
            NetSim::current().clog_link(from, to);
        }
    }

    /// Undoes one [`Self::cut`] of the same links.
    pub fn mend(&self, links: &[(NodeId, NodeId)]) {
        let mut broken = self.broken();
        for link in links {
            let cuts = broken.cuts.get_mut(link).expect("what is mended was cut");
            *cuts -= 1;
            if *cuts == 0 {
                NetSim::current().unclog_link(link.0, link.1);
            }
        }
    }

    /// Holds back what is sent from now on.
    pub fn hold(&self, (from, to): Link) {
        *self.broken().holds.entry((from, to)).or_default() += 1;
        set_link_held(from, to, true);
    }

    /// Undoes one [`Self::hold`] of the same link.
    pub fn release(&self, (from, to): Link) {
        let mut broken = self.broken();
        let holds = broken.holds.get_mut(&(from, to));
        let holds = holds.expect("what is released was held");
        *holds -= 1;
        if *holds == 0 {
            set_link_held(from, to, false);
        }
    }

    /// Fault `fault` delays links.
    pub fn begin_delay(&self, fault: u64, links: &[Link], delay: Duration) {
        for link in links {
            self.change_delays(*link, |delays| delays.insert(fault, delay));
        }
    }

    /// The fault is over.
    pub fn end_delay(&self, fault: u64, links: &[Link]) {
        for link in links {
            self.change_delays(*link, |delays| delays.remove(&fault));
        }
    }

    fn change_delays<T>(
        &self,
        (from, to): Link,
        change: impl FnOnce(&mut BTreeMap<u64, Duration>) -> T,
    ) {
        let mut broken = self.broken();
        let delays = broken.delays.entry((from, to)).or_default();
        change(delays);
        let longest = delays.values().max().copied().unwrap_or_default();
        set_link_delay(from, to, longest);
    }
}
