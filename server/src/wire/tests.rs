//! The wire, end to end. Each scenario is one function that runs on loopback in the normal build
//! and between two simulated nodes in the simulated one.

#[cfg(madsim)]
mod faults;
mod scenarios;
mod service;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use http::uri::Authority;
use service::Probe;

use super::*;
use crate::{
    clock,
    runtime::{JoinHandle, Signal, Workers, spawn},
};

/// Longest time for a scenario.
const SCENARIO_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that runs, seen from a client.
struct Fixture {
    addr: SocketAddr,
    probe: Probe,
    stop: Signal,
    served: JoinHandle<()>,
}

impl Fixture {
    /// Serves the test service at `addr`.
    async fn start(addr: SocketAddr) -> Self {
        let listener = Listener::bind(addr).await.expect("a free port");
        let addr = listener.local_addr();
        let (probe, stop) = (Probe::default(), Signal::new());
        let workers = Workers::start(std::num::NonZeroUsize::MIN).expect("a worker");
        let options = ServeOptions {
            grace: Duration::from_secs(1),
            ..Default::default()
        };
        let served = spawn(serve(
            listener,
            Arc::new(service::services(&probe)),
            workers,
            stop.clone(),
            options,
        ));
        Self {
            addr,
            probe,
            stop,
            served,
        }
    }

    fn channel(&self) -> Channel {
        channel(self.addr)
    }
}

fn channel(addr: SocketAddr) -> Channel {
    let authority: Authority = addr
        .to_string()
        .parse()
        .expect("an address is an authority");
    Channel::new(authority, ChannelOptions::default())
}

/// Waits until `condition` holds; the scenario's deadline bounds it.
async fn eventually(condition: impl Fn() -> bool) {
    while !condition() {
        clock::sleep(Duration::from_millis(2)).await;
    }
}

#[cfg(not(madsim))]
fn run<F: Future<Output = ()> + Send + 'static>(scenario: impl FnOnce(Fixture) -> F) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let fixture = Fixture::start(SocketAddr::from(([127, 0, 0, 1], 0))).await;
        clock::timeout(SCENARIO_TIMEOUT, scenario(fixture))
            .await
            .expect("in time");
    });
}

#[cfg(madsim)]
fn run<F: Future<Output = ()> + Send + 'static>(scenario: impl FnOnce(Fixture) -> F) {
    use madsim::runtime::{Handle, Runtime};

    clock::reset_clocks();
    let addr = SocketAddr::from(([10, 0, 0, 1], 2379));
    Runtime::with_seed_and_config(1, Default::default()).block_on(async move {
        let handle = Handle::current();
        let server = handle.create_node().name("server").ip(addr.ip()).build();
        let client = handle
            .create_node()
            .name("client")
            .ip([10, 0, 0, 2].into())
            .build();
        let fixture = server
            .spawn(Fixture::start(addr))
            .await
            .expect("the server starts");
        let scenario = clock::timeout(SCENARIO_TIMEOUT, client.spawn(scenario(fixture)));
        scenario.await.expect("in time").expect("no panic");
    });
}

macro_rules! scenarios {
    ($($name:ident),* $(,)?) => {
        $(
            #[test]
            fn $name() {
                run(scenarios::$name);
            }
        )*
    };
}

scenarios! {
    unary_calls_carry_answers_and_errors,
    big_messages_pass,
    a_server_stream_is_read_to_its_end,
    a_slow_reader_holds_the_server_back,
    half_close_leaves_the_other_half_open,
    a_deadline_ends_the_call_on_both_sides,
    dropping_a_call_cancels_its_handler,
    http_routes_share_the_port,
    a_refused_dial_is_unavailable_and_backs_off,
    a_stop_lets_calls_finish_and_refuses_new_ones,
    a_stop_cuts_streams_after_the_grace,
}

// The next server must be on the first one's node; `faults.rs` restarts that node instead.
#[cfg(not(madsim))]
scenarios! {
    a_channel_survives_its_server,
}
