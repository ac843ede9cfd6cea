//! Every workload against a member in this process, so that the generator and the server stay fit for
//! each other. How fast it is does not matter here.

use std::{
    net::SocketAddr,
    sync::{Arc, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use quorate_load::{
    Load, LoadError, Target, Workload, call,
    call::Call,
    idle::Idle,
    run, run_while, silent,
    watch::{Crowd, Watched, Watchers},
};
use quorate_server::{
    config::Config,
    disk::memory::MemoryDisk,
    server::{self, Hooks, Tuning},
};

const KEYS: u64 = 250;

/// A member on a port of the kernel's choice; stops when it is dropped.
struct Member {
    addr: SocketAddr,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Member {
    fn start() -> Self {
        let (sender, started) = mpsc::channel();
        let (stop, stopped) = tokio::sync::oneshot::channel();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async move {
                let server = serve().await;
                sender.send(server.client_addrs()[0]).expect("awaited");
                let _ = stopped.await;
                server.stop().await;
            });
        });
        Self {
            addr: started.recv().expect("it starts"),
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    fn target(&self) -> Target {
        Target {
            endpoints: vec![self.addr.to_string()],
            pids: vec![std::process::id()],
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(matches!(ended, Some(Ok(()))) || thread::panicking());
    }
}

async fn serve() -> server::Server {
    let config = Config::from_flags([
        "--listen-client-urls=http://127.0.0.1:0",
        "--advertise-client-urls=http://clients:2379",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--initial-advertise-peer-urls=http://one:2380",
        "--initial-cluster=default=http://one:2380",
    ]);
    let hooks = Hooks {
        observer: None,
        traffic: None,
        on_fatal: Arc::new(|reason| panic!("the member cannot go on: {reason}")),
    };
    let disk = Arc::new(MemoryDisk::new(|_| 0));
    let tuning = Tuning::production().expect("random numbers");
    let config = config.expect("valid flags");
    let started = server::start(&config, disk, tuning, hooks).await;
    started.expect("it starts")
}

/// A load that ends soon.
fn short(workload: Workload) -> Load {
    Load {
        seconds: 0.05,
        warmup: 0.0,
        keys: KEYS,
        batch: 100,
        ..Load::new(workload, 4)
    }
}

#[test]
fn every_workload_is_answered_without_an_error() {
    let member = Member::start();
    let loaded = run(&member.target(), &short(Workload::Load)).expect("it loads");
    assert_eq!((loaded.quiet.items, loaded.quiet.operations()), (KEYS, 3));
    for workload in [
        Workload::Put,
        Workload::PutSeq,
        Workload::Range,
        Workload::RangeSer,
        Workload::Mixed,
        Workload::Cas,
        Workload::LeaseGrant,
        Workload::LeaseKeepalive,
    ] {
        let outcome = run(&member.target(), &short(workload)).expect("it runs");
        assert_eq!(outcome.quiet.first_error, None, "{workload:?}");
        assert_eq!(outcome.disturbed.operations(), 0, "{workload:?}");
    }
}

#[test]
fn calls_beside_a_load_are_answered() {
    let member = Member::start();
    let endpoint = member.addr.to_string();
    run(&member.target(), &short(Workload::Load)).expect("it loads");
    call::serves(&endpoint).expect("it serves");
    let outcome = run_while(&member.target(), &short(Workload::Put), |timeline| {
        timeline.disturb();
        for call in [Call::RangeAll, Call::CountAll, Call::Compact] {
            call.ask(&endpoint)?;
        }
        timeline.leave_alone();
        Ok(())
    });
    let outcome = outcome.expect("it runs");
    assert_eq!(outcome.disturbed.first_error, None);
}

#[test]
fn nobody_listening_is_an_error_with_the_endpoint() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = taken.local_addr().expect("it is bound").to_string();
    drop(taken);
    let target = Target {
        endpoints: vec![endpoint.clone()],
        pids: Vec::new(),
    };
    match run(&target, &short(Workload::Put)) {
        Err(LoadError::Connect { endpoint: told, .. }) => assert_eq!(told, endpoint),
        other => panic!("{:?}", other.map(|outcome| outcome.quiet.operations())),
    }
}

#[test]
fn watchers_hear_of_every_put_beside_clients_that_do_not_read() {
    let member = Member::start();
    let endpoint = member.addr.to_string();
    let crowd = |watchers_per_stream, watched| Crowd {
        connections: 2,
        streams: 5,
        watchers_per_stream,
        watched,
    };
    let _silent = [true, false].map(|wide| silent::watch(&endpoint, wide).expect("it listens"));
    let _idle = Idle::open(&endpoint, 10).expect("it serves");
    let all = Watchers::start(&endpoint, crowd(1, Watched::All)).expect("they watch");
    let own = Watchers::start(&endpoint, crowd(50, Watched::Own)).expect("they watch");
    let load = Load {
        keys: KEYS,
        batch: 10,
        stamped: true,
        ..Load::new(Workload::Load, 4)
    };
    run(&member.target(), &load).expect("it serves");
    // Five watchers of all keys, and one of each key.
    for (watchers, expected) in [(all, 5 * KEYS), (own, KEYS)] {
        let events = watchers.take_at_least(expected, Duration::from_secs(60));
        let events = events.expect("they come");
        assert_eq!((events.operations(), events.errors), (expected, 0));
        assert!(events.max_us() < 60e6, "{} µs", events.max_us());
    }
}
