//! One member: the server library on a simulated node, with a disk that outlives it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use madsim::{runtime::Handle, task::NodeId, time::sleep};
use quorate_server::{
    clock,
    config::Config,
    node::Node,
    raft::Traffic,
    server::{self, Hooks, Tuning},
};

use super::{
    holdings, logging,
    observer::ApplyObserver,
    options::{config, ip, tuning},
    reference::{Outcomes, Reference},
    traffic::MemberTraffic,
};
use crate::{disk::SimDisk, history::What, plan::Plan, recorder::Recorder};

/// How often a member is asked whether it leads.
const LEADER_POLL: Duration = Duration::from_millis(5);

/// A member with what surrounds it.
pub struct Member {
    number: u64,
    node: NodeId,
    life: Arc<Life>,
    clock: Mutex<Rates>,
    /// How many faults have it stand still.
    pauses: Mutex<u64>,
}

/// What the member's processes are started with, one after the other, and what they leave behind.
struct Life {
    number: u64,
    config: Config,
    tuning: Tuning,
    disk: SimDisk,
    recorder: Recorder,
    reference: Reference,
    outcomes: Outcomes,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The process that runs now.
    server: Option<Arc<Node>>,
    /// The number by which the cluster knows it, once a process of its has run.
    member_id: Option<u64>,
    /// Times that it has been started: what an earlier process says is of no interest.
    starts: u64,
    /// Why it has stopped by itself. It stays down, unless it is excused.
    halted: Option<String>,
    /// Faults that go on and are a reason to stop.
    excuses: u64,
    /// How many there have been.
    excuses_ever: u64,
    /// Whether there was one when it stopped.
    excused: bool,
}

#[derive(Clone, Copy, Default)]
struct Rates {
    ppm: i64,
    wall_offset_ms: i64,
}

impl Member {
    /// Starts member `number` of the cluster of `plan` on an empty disk.
    pub(super) fn start(
        plan: &Plan,
        number: u64,
        recorder: &Recorder,
        reference: &Reference,
        outcomes: &Outcomes,
    ) -> Self {
        let life = Arc::new(Life {
            number,
            config: config(plan, number),
            tuning: tuning(plan, number),
            disk: SimDisk::new(plan.seed, number, plan.cluster.fsync_us),
            recorder: recorder.clone(),
            reference: reference.clone(),
            outcomes: outcomes.clone(),
            state: Mutex::default(),
        });
        let born = life.clone();
        let node = Handle::current()
            .create_node()
            .name(format!("n{number}"))
            .ip(ip(number))
            .init(move || born.clone().run())
            .build();
        logging::name(node.id(), number);
        let member = Self {
            number,
            node: node.id(),
            life,
            clock: Mutex::default(),
            pauses: Mutex::default(),
        };
        let ppm = plan.cluster.clock_ppm[number as usize - 1];
        member.set_clock_rate(ppm);
        member
    }

    /// Its simulated node.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// Its disk.
    pub fn disk(&self) -> &SimDisk {
        &self.life.disk
    }

    /// The server that runs on it now, if there is one.
    pub fn server(&self) -> Option<Arc<Node>> {
        self.life.state().server.clone()
    }

    /// The number by which the cluster knows it, once it has run.
    pub fn member_id(&self) -> Option<u64> {
        self.life.state().member_id
    }

    /// The term in which it leads, by its own opinion.
    pub fn leading_term(&self) -> Option<u64> {
        let server = self.server()?;
        (server.leader() == Some(server.member_id())).then(|| server.term())
    }

    /// Cuts the power: its process is gone, its disk keeps what was synced. False where it has
    /// none already.
    pub fn crash(&self) -> bool {
        let mut state = self.life.state();
        if state.server.is_none() && !self.is_starting(&state) {
            return false;
        }
        state.server = None;
        state.starts += 1;
        drop(state);
        Handle::current().kill(self.node);
        self.life.disk.crash();
        true
    }

    /// Gives power back. A member that had stopped by itself stays down.
    pub fn restart(&self) {
        if !self.is_down() {
            Handle::current().restart(self.node);
        }
    }

    /// A fault begins that it may have to stop for.
    pub fn excuse(&self) {
        let mut state = self.life.state();
        state.excuses += 1;
        state.excuses_ever += 1;
    }

    /// How many such faults there have been.
    pub fn excuses_ever(&self) -> u64 {
        self.life.state().excuses_ever
    }

    /// Whether such a fault goes on.
    pub fn is_excused(&self) -> bool {
        self.life.state().excuses > 0
    }

    /// Its process ends, without a power failure, where it has one.
    pub fn end(&self) {
        let mut state = self.life.state();
        if state.server.take().is_none() && !self.is_starting(&state) {
            return;
        }
        state.starts += 1;
        state.halted = Some("it was ended".into());
        state.excused = true;
        drop(state);
        Handle::current().kill(self.node);
    }

    /// Such a fault is over. If it has stopped and no other one goes on, it starts again, with
    /// `power` after a power failure. Whether it does.
    pub fn pardon(&self, power: bool) -> bool {
        let mut state = self.life.state();
        state.excuses -= 1;
        if state.excuses > 0 || !std::mem::take(&mut state.excused) {
            return false;
        }
        state.halted = None;
        drop(state);
        if power {
            self.life.disk.crash();
        }
        Handle::current().restart(self.node);
        true
    }

    /// Its process stands still.
    pub fn pause(&self) {
        *self.pauses() += 1;
        Handle::current().pause(self.node);
    }

    /// Ends one [`Self::pause`]; with the last one it goes on.
    pub fn resume(&self) {
        let mut pauses = self.pauses();
        *pauses -= 1;
        if *pauses == 0 {
            Handle::current().resume(self.node);
        }
    }

    fn pauses(&self) -> std::sync::MutexGuard<'_, u64> {
        self.pauses
            .lock()
            .expect("nobody panics with this lock held")
    }

    /// Whether it has stopped by itself.
    pub fn is_down(&self) -> bool {
        self.life.state().halted.is_some()
    }

    /// Why it has stopped by itself, if it has.
    pub fn reason_of_end(&self) -> Option<String> {
        self.life.state().halted.clone()
    }

    fn is_starting(&self, state: &State) -> bool {
        state.halted.is_none() && !Handle::current().is_exit(self.node)
    }

    /// Its clock runs so much faster than true time from now on.
    pub fn set_clock_rate(&self, ppm: i64) {
        let mut rates = self.rates();
        rates.ppm = ppm;
        clock::set_node_clock(self.node, rates.ppm, rates.wall_offset_ms);
        self.life.recorder.push(What::Clock {
            member: self.number,
            rate_ppm: ppm,
        });
    }

    /// Its wall clock jumps.
    pub fn jump_wall_clock(&self, by_ms: i64) {
        let mut rates = self.rates();
        rates.wall_offset_ms = rates.wall_offset_ms.saturating_add(by_ms);
        clock::set_node_clock(self.node, rates.ppm, rates.wall_offset_ms);
    }

    /// Its clocks are further at once.
    pub fn skip_clock(&self, by_ms: u64) {
        clock::jump_node_clock(self.node, Duration::from_millis(by_ms));
        self.life.recorder.push(What::ClockSkip {
            member: self.number,
            by_ms,
        });
    }

    fn rates(&self) -> std::sync::MutexGuard<'_, Rates> {
        self.clock
            .lock()
            .expect("nobody panics with this lock held")
    }
}

impl Life {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .expect("nobody panics with this lock held")
    }

    /// One process, until it is killed.
    async fn run(self: Arc<Self>) {
        let start = self.state().starts;
        self.disk.power_on();
        self.recorder.push(What::Started {
            member: self.number,
        });
        let observer = ApplyObserver {
            member: self.number,
            recorder: self.recorder.clone(),
            reference: self.reference.clone(),
            outcomes: self.outcomes.clone(),
        };
        let traffic = MemberTraffic {
            member: self.number,
            recorder: self.recorder.clone(),
        };
        let life = self.clone();
        let hooks = Hooks {
            observer: Some(Arc::new(observer)),
            traffic: self
                .recorder
                .records_messages()
                .then(|| Arc::new(traffic) as Arc<dyn Traffic>),
            on_fatal: Arc::new(move |reason| life.halt(start, &reason)),
        };
        let disk = Arc::new(self.disk.clone());
        let started = server::start(&self.config, disk, self.tuning.clone(), hooks).await;
        let server = match started {
            Ok(server) => server,
            Err(error) => return self.halt(start, &format!("does not start: {error}")),
        };
        let node = server.node().clone();
        {
            let mut state = self.state();
            state.member_id = Some(node.member_id());
            state.server = Some(node.clone());
        }
        let told = holdings::tell(
            self.number,
            start + 1,
            node.clone(),
            self.config.clone(),
            self.recorder.clone(),
        );
        madsim::task::spawn(told);
        let mut last = None;
        loop {
            let term = (node.leader() == Some(node.member_id())).then(|| node.term());
            if let Some(term) = term.filter(|_| term != last) {
                self.recorder.push(What::Leader {
                    member: self.number,
                    term,
                });
            }
            last = term;
            sleep(LEADER_POLL).await;
        }
    }

    /// The member cannot go on: it ends at once and stays down, so that it is missed in the end.
    fn halt(&self, start: u64, reason: &str) {
        let mut state = self.state();
        if state.halted.is_some() || state.starts != start {
            return;
        }
        let reason = reason.replace('\n', " ");
        state.halted = Some(reason.clone());
        state.excused = state.excuses > 0;
        state.server = None;
        state.starts += 1;
        drop(state);
        self.recorder
            .fault(format!("n{} halts: {reason}", self.number));
        let handle = Handle::current();
        handle.kill(format!("n{}", self.number));
    }
}
