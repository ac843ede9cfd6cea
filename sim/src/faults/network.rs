//! Who reaches whom, and how fast.

use std::{net::IpAddr, time::Duration};

use madsim::{task::NodeId, time::sleep};
use quorate_server::wire::reset_connections;

use super::Injector;
use crate::{
    cluster::member_ip,
    plan::{Target, ring_gaps},
    run::CLIENTS_IP,
};

impl Injector {
    pub(super) async fn isolate(&self, target: Target, clients: bool, time: Duration) {
        let victim = self.resolve(target);
        let mut others = self.others(&[victim]);
        let mut text = format!("n{victim} cut off from members");
        if clients {
            others.push(self.clients);
            text += " and clients";
        }
        let links = both_ways(&[self.node(victim)], &others);
        self.cut_links(&links, &text, time).await;
    }

    pub(super) async fn split(&self, group: &[u64], time: Duration) {
        let nodes: Vec<NodeId> = group.iter().map(|member| self.node(*member)).collect();
        let links = both_ways(&nodes, &self.others(group));
        let text = format!("{} cut off from the rest", names(group));
        self.cut_links(&links, &text, time).await;
    }

    pub(super) async fn ring(&self, order: &[u64], time: Duration) {
        let gaps = ring_gaps(order).into_iter();
        let links: Vec<_> = gaps
            .flat_map(|(a, b)| both_ways(&[self.node(a)], &[self.node(b)]))
            .collect();
        let text = format!("{} cut off from all but their neighbours", names(order));
        self.cut_links(&links, &text, time).await;
    }

    pub(super) async fn one_way(&self, from: Target, to: Target, time: Duration) {
        let (from, to) = (self.resolve(from), self.resolve(to));
        let links = [(self.node(from), self.node(to))];
        let text = format!("nothing arrives from n{from} at n{to}");
        self.cut_links(&links, &text, time).await;
    }

    async fn cut_links(&self, links: &[(NodeId, NodeId)], text: &str, time: Duration) {
        self.recorder.fault(text);
        self.links.cut(links);
        sleep(time).await;
        self.links.mend(links);
        self.recorder.fault(format!("{text}: mended"));
    }

    pub(super) async fn hold(&self, from: Target, to: Target, time: Duration) {
        let (from, to) = (self.resolve(from), self.resolve(to));
        let link = (member_ip(from), member_ip(to));
        let text = format!("what n{from} sends to n{to} hangs");
        self.recorder.fault(text.clone());
        self.links.hold(link);
        sleep(time).await;
        self.recorder.fault(format!("{text} no more"));
        self.links.release(link);
    }

    pub(super) async fn delay(
        &self,
        fault: u64,
        (from, to): (Target, Target),
        delay_ms: u64,
        time: Duration,
    ) {
        let (from, to) = (self.resolve(from), self.resolve(to));
        let text = format!("delay from n{from} to n{to}");
        let links = [(member_ip(from), member_ip(to))];
        self.delay_links(fault, &links, &text, delay_ms, time).await;
    }

    pub(super) async fn slow_link(
        &self,
        fault: u64,
        target: Target,
        delay_ms: u64,
        time: Duration,
    ) {
        let victim = self.resolve(target);
        let (ip, text) = (member_ip(victim), format!("delay around n{victim}"));
        let links: Vec<_> = self
            .neighbours(victim, true)
            .into_iter()
            .flat_map(|other| [(ip, other), (other, ip)])
            .collect();
        self.delay_links(fault, &links, &text, delay_ms, time).await;
    }

    async fn delay_links(
        &self,
        fault: u64,
        links: &[(IpAddr, IpAddr)],
        text: &str,
        delay_ms: u64,
        time: Duration,
    ) {
        self.recorder.fault(format!("{delay_ms} ms {text}"));
        let delay = Duration::from_millis(delay_ms);
        self.links.begin_delay(fault, links, delay);
        sleep(time).await;
        self.links.end_delay(fault, links);
        self.recorder.fault(format!("no {text}"));
    }

    pub(super) fn cut(&self, target: Target, clients: bool) {
        let victim = self.resolve(target);
        let whose = if clients {
            "members and clients"
        } else {
            "members"
        };
        let text = format!("connections of n{victim} with {whose} break");
        self.recorder.fault(text);
        for other in self.neighbours(victim, clients) {
            reset_connections(member_ip(victim), other);
        }
    }

    /// The addresses of the other members, and with `clients` theirs.
    fn neighbours(&self, victim: u64, clients: bool) -> Vec<IpAddr> {
        let members = self.cluster.members().map(|(number, _)| number);
        let others = members.filter(|number| *number != victim);
        let clients = clients.then_some(CLIENTS_IP.into());
        others.map(member_ip).chain(clients).collect()
    }

    pub(super) fn node(&self, member: u64) -> NodeId {
        self.cluster.member(member).node()
    }

    pub(super) fn others(&self, group: &[u64]) -> Vec<NodeId> {
        let rest = self
            .cluster
            .members()
            .filter(|(number, _)| !group.contains(number));
        rest.map(|(_, member)| member.node()).collect()
    }
}

fn names(members: &[u64]) -> String {
    let names: Vec<String> = members.iter().map(|member| format!("n{member}")).collect();
    names.join(" ")
}

/// All links between the two groups.
pub(super) fn both_ways(one: &[NodeId], other: &[NodeId]) -> Vec<(NodeId, NodeId)> {
    let pairs = one.iter().flat_map(|a| other.iter().map(move |b| (*a, *b)));
    pairs.flat_map(|(a, b)| [(a, b), (b, a)]).collect()
}
