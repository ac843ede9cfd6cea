//! Links that are cut or slow. Faults may overlap: a link works again when all that touch it are
//! over.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use madsim::{net::NetSim, task::NodeId};
use quorate_server::wire::set_link_delay;

use crate::cluster::member_ip;

/// Directed links between nodes. Clones are the same.
#[derive(Clone, Default)]
pub struct Links(Arc<Mutex<Broken>>);

#[derive(Default)]
struct Broken {
    /// How many faults cut each link.
    cuts: BTreeMap<(NodeId, NodeId), u64>,
    /// Which faults delay each link between members, and by how much.
    delays: BTreeMap<(u64, u64), BTreeMap<u64, Duration>>,
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

    /// Fault `fault` delays a link between two members.
    pub fn begin_delay(&self, fault: u64, link: (u64, u64), delay: Duration) {
        self.change_delays(link, |delays| delays.insert(fault, delay));
    }

    /// The fault is over.
    pub fn end_delay(&self, fault: u64, link: (u64, u64)) {
        self.change_delays(link, |delays| delays.remove(&fault));
    }

    fn change_delays<T>(
        &self,
        link: (u64, u64),
        change: impl FnOnce(&mut BTreeMap<u64, Duration>) -> T,
    ) {
        let mut broken = self.broken();
        let delays = broken.delays.entry(link).or_default();
        change(delays);
        let longest = delays.values().max().copied().unwrap_or_default();
        set_link_delay(member_ip(link.0), member_ip(link.1), longest);
    }
}
