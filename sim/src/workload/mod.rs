//! What clients do: real gRPC clients over the simulated wire, all on one node.

mod administration;
mod calls;
mod client;
mod contender;
mod convert;
mod holder;
mod keys;
mod observer;
mod probe;
mod queueing;
mod session;
mod users;
mod watcher;

use std::time::Duration;

use madsim::task::{JoinHandle, spawn};

pub use probe::probe;
pub use session::Session;
pub use users::Users;

use self::{
    client::KvClient, contender::Contender, holder::Holder, observer::Observer, watcher::Watcher,
};
use crate::{
    plan::{Plan, Stream},
    recorder::Recorder,
};

/// So many contenders have one who observes their elections.
const CONTENDERS_PER_OBSERVER: u64 = 2;

/// Starts all clients of a plan. Those who read, write, hold leases, contend and observe end with the quiet, and are
/// given back; watchers go on.
pub fn start(plan: &Plan, users: &Users, recorder: &Recorder) -> Vec<JoinHandle<()>> {
    let workload = &plan.workload;
    let mut numbers = 1..;
    let mut next = || numbers.next().expect("numbers do not end");
    let mut working = Vec::new();
    for _ in 0..workload.clients {
        let (session, stream) = client(plan, next(), users, recorder);
        working.push(spawn(
            KvClient::new(session, stream, workload, recorder.clone()).run(),
        ));
    }
    for _ in 0..workload.lease_holders {
        let (session, stream) = client(plan, next(), users, recorder);
        working.push(spawn(
            Holder::new(session, stream, workload, recorder.clone()).run(),
        ));
    }
    for _ in 0..workload.watchers {
        let (session, stream) = client(plan, next(), users, recorder);
        drop(spawn(
            Watcher::new(session, stream, workload, recorder.clone()).run(),
        ));
    }
    for _ in 0..workload.contenders {
        let (session, stream) = client(plan, next(), users, recorder);
        working.push(spawn(
            Contender::new(session, stream, workload, recorder.clone()).run(),
        ));
    }
    for _ in 0..workload.contenders / CONTENDERS_PER_OBSERVER {
        let (session, stream) = client(plan, next(), users, recorder);
        let observer = Observer::new(session, stream, recorder.clone());
        working.push(spawn(observer.run()));
    }
    working
}

/// A client with its own random stream, at some member, in the name of some user.
fn client(plan: &Plan, number: u64, users: &Users, recorder: &Recorder) -> (Session, Stream) {
    let mut stream = Stream::new(plan.seed, &format!("client/c{number}"));
    let members = plan.cluster.members;
    let timeout = Duration::from_millis(plan.workload.timeout_ms);
    let at = stream.between(1, members);
    let login = users.choose(number);
    let session = Session::new(number, members, at, timeout, login, recorder.clone());
    (session.with_window(plan.workload.window_bytes), stream)
}

/// The client that is the operator, `root` where there are users.
pub fn operator(plan: &Plan, number: u64, users: &Users, recorder: &Recorder) -> Session {
    let timeout = Duration::from_millis(plan.workload.timeout_ms);
    let login = users.root();
    Session::new(
        number,
        plan.cluster.members,
        1,
        timeout,
        login,
        recorder.clone(),
    )
}
