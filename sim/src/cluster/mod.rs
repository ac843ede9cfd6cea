//! The cluster under test: members on nodes of their own, each with its disk and its clock.

mod auth;
mod holdings;
pub mod logging;
mod member;
mod observer;
mod options;
mod points;
mod reference;
mod traffic;

pub use self::points::Points;
pub use member::Member;
pub use options::{client_authority, ip as member_ip};

use self::reference::{Outcomes, Reference};
use crate::{history::What, plan::Plan, recorder::Recorder};

/// All members.
pub struct Cluster {
    members: Vec<Member>,
    points: Points,
}

impl Cluster {
    /// Starts all members of `plan`'s cluster.
    pub fn start(plan: &Plan, recorder: &Recorder) -> Self {
        let numbers = 1..=plan.cluster.members;
        recorder.push(What::Cluster {
            members: numbers.clone().collect(),
        });
        let (reference, outcomes) = (Reference::new(), Outcomes::default());
        let members = numbers
            .map(|number| Member::start(plan, number, recorder, &reference, &outcomes))
            .collect();
        Self {
            members,
            points: Points::watch(),
        }
    }

    /// What comes of the product's points.
    pub fn points(&self) -> &Points {
        &self.points
    }

    /// Number of members.
    pub fn len(&self) -> u64 {
        self.members.len() as u64
    }

    /// Whether there are none, which no plan asks for.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The member with this number.
    pub fn member(&self, number: u64) -> &Member {
        &self.members[number as usize - 1]
    }

    /// All members with their numbers.
    pub fn members(&self) -> impl Iterator<Item = (u64, &Member)> {
        (1..).zip(&self.members)
    }

    /// Whether nothing waits in any of these members.
    pub fn is_at_rest(&self, members: &[u64]) -> bool {
        let mut servers = members
            .iter()
            .filter_map(|number| self.member(*number).server());
        servers.all(|server| holdings::is_at_rest(&server))
    }

    /// Records how full these members' queues are and were.
    pub fn tell_fills(&self, members: &[u64], recorder: &Recorder) {
        for &number in members {
            if let Some(server) = self.member(number).server() {
                holdings::tell_fills(number, &server, recorder);
            }
        }
    }

    /// Who leads in the newest term that anybody leads in.
    pub fn leader(&self) -> Option<u64> {
        let terms = self
            .members()
            .filter_map(|(number, member)| Some((member.leading_term()?, number)));
        terms.max().map(|(_, number)| number)
    }
}
