//! From a plan to a history.

use std::any::Any;

use crate::{
    history::{History, Stats},
    mutants::Mutant,
    plan::Plan,
};

/// What a run gives back.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// What clients and members saw.
    pub history: History,
    /// Its figures.
    pub stats: Stats,
}

/// Why a plan was not carried out. What goes wrong *during* a run is in its history, or a panic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RunError {
    /// The program was built for the real world.
    #[error("this build has no simulated cluster: start it with `cargo sim`")]
    NotSimulated,
}

/// What is recorded beyond what the oracles need.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// Raft's messages between members.
    pub messages: bool,
}

/// Carries out `plan`, with a planted bug where asked for. The same plan gives the same history
/// in every process; a process carries out one plan in its life, on a thread that has not built a
/// hash map before.
pub fn run(plan: &Plan, mutant: Option<Mutant>) -> Result<RunResult, RunError> {
    run_recording(plan, mutant, Recording::default())
}

/// What a panic said.
pub fn message(panic: &(dyn Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("without a message")
}

/// As [`run`], recording what is asked for.
#[cfg(madsim)]
pub fn run_recording(
    plan: &Plan,
    mutant: Option<Mutant>,
    recording: Recording,
) -> Result<RunResult, RunError> {
    let history = simulated::run(plan, mutant, recording);
    Ok(RunResult {
        stats: Stats::of(&history),
        history,
    })
}

/// As above, where there is nothing to run: traces can be judged all the same.
#[cfg(not(madsim))]
pub fn run_recording(
    _plan: &Plan,
    _mutant: Option<Mutant>,
    _recording: Recording,
) -> Result<RunResult, RunError> {
    Err(RunError::NotSimulated)
}

/// Address of the node on which all clients are.
#[cfg(madsim)]
pub const CLIENTS_IP: std::net::Ipv4Addr = std::net::Ipv4Addr::new(10, 0, 1, 1);

#[cfg(madsim)]
mod simulated {
    use std::{
        panic::{AssertUnwindSafe, catch_unwind},
        sync::Arc,
        time::Duration,
    };

    use madsim::{
        Config,
        net::NetSim,
        runtime::{Handle, Runtime},
        task::spawn,
        time::{TimeHandle, sleep},
    };
    use quorate_core::planted;
    use tokio::sync::Mutex;

    use super::{CLIENTS_IP, Recording, message};
    use crate::{
        cluster::{Cluster, logging},
        faults::Injector,
        history::History,
        mutants::Mutant,
        plan::Plan,
        recorder::Recorder,
        workload::{self, Users},
    };

    /// Numbers of the clients that the run itself has; the plan's are below.
    const OPERATOR: u64 = 900;
    const FIRST_PROBE: u64 = 901;

    /// How often the run looks whether everything owed is done.
    const SETTLED_POLL: Duration = Duration::from_millis(50);

    /// A proposal that was lost on its way waits for so long, in election timeouts beside
    /// [`PATIENCE_MS`], and its member's clock may be slow.
    const PATIENCE_ELECTIONS: u64 = 4;
    const PATIENCE_MS: u64 = 8_000;

    /// At the end of a run that did not settle, members are given so long to be in step for a
    /// moment, milliseconds.
    const LAST_LOOK_MS: u64 = 2_000;

    pub(super) fn run(plan: &Plan, mutant: Option<Mutant>, recording: Recording) -> History {
        quorate_server::clock::reset_clocks();
        if let Some(mutant) = mutant {
            planted::plant(mutant);
        }
        let runtime = Runtime::with_seed_and_config(plan.seed, Config::default());
        let recorder = Recorder::new(recording);
        logging::start(&recorder);
        let course = carry_out(plan.clone(), recorder.clone());
        let course = catch_unwind(AssertUnwindSafe(|| runtime.block_on(course)));
        if let Err(panic) = course {
            recorder.panicked(message(&*panic));
            // What is left of it may panic once more on its way out.
            std::mem::forget(runtime);
        }
        recorder.finish()
    }

    async fn carry_out(plan: Plan, recorder: Recorder) {
        let core = plan.core();
        let link_us = plan.cluster.link_us;
        NetSim::current().update_config(|net| {
            let least = Duration::from_micros(link_us.min());
            net.send_latency =
                least..least.max(Duration::from_micros(link_us.max())) + Duration::from_nanos(1);
        });
        let cluster = Arc::new(Cluster::start(&plan, &recorder));
        let clients = Handle::current()
            .create_node()
            .name("clients")
            .ip(CLIENTS_IP.into())
            .build();
        let points = cluster.points().clone();
        let injector = Injector::new(&plan, cluster.clone(), clients.id(), recorder.clone());
        let work = clients.spawn(work(plan.clone(), injector, recorder.clone()));
        work.await.expect("the clients' node is never killed");
        let last_ms = elapsed_ms() + PATIENCE_MS + PATIENCE_ELECTIONS * plan.cluster.election_ms;
        while !cluster.is_at_rest(&core) && elapsed_ms() < last_ms {
            sleep(SETTLED_POLL).await;
        }
        cluster.tell_fills(&core, &recorder);
        points.record(&recorder);
    }

    /// Everything that clients and faults do, on the clients' node.
    async fn work(plan: Plan, injector: Injector, recorder: Recorder) {
        let users = Users::of(&plan);
        let clients = workload::start(&plan, &users, &recorder);
        let operator = workload::operator(&plan, OPERATOR, &users, &recorder);
        let operator = Arc::new(Mutex::new(operator));
        injector.run(&plan, &operator).await;
        injector.give_up(&plan);
        let core = plan.core();
        recorder.quiet(plan.schedule.quiet_ms, &core);
        let quiet_ms = elapsed_ms();
        let mut pending = clients;
        if !plan.schedule.lost.is_empty() {
            let plan = plan.clone();
            let disarm = async move { injector.disarm_the_lost(&plan, &operator).await };
            pending.push(spawn(disarm));
        }
        for &member in &core {
            let client = FIRST_PROBE + member;
            pending.push(spawn(workload::probe(
                client,
                member,
                plan.clone(),
                users.clone(),
                recorder.clone(),
            )));
        }
        let done = spawn(async move {
            for client in pending {
                let _ = client.await;
            }
        });
        let last_ms = quiet_ms + longest_ms(&plan);
        while !(done.is_finished() && recorder.is_settled(&core)) && elapsed_ms() < last_ms {
            sleep(SETTLED_POLL).await;
        }
    }

    /// How long after the beginning of the quiet a run may go on: the bound for the cluster's
    /// recovery, then the time of the longest lease by the slowest clock, and the bound again for
    /// its end.
    fn longest_ms(plan: &Plan) -> u64 {
        let shortest_ttl_ms = plan.cluster.election_ms * 3;
        let ttl_ms = (plan.workload.lease_ttl_s.max() * 1000).max(shortest_ttl_ms) * 2;
        2 * plan.schedule.quiet_ms + ttl_ms + LAST_LOOK_MS
    }

    fn elapsed_ms() -> u64 {
        u64::try_from(TimeHandle::current().elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
