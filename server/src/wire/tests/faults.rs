//! What only the simulated network can do to a connection: cuts, crashes, and how many packets a
//! call costs.

use std::{
    future::Future,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use madsim::{
    net::NetSim,
    runtime::{Handle, NodeHandle, Runtime},
    task::NodeId,
};
use tonic::{Code, Request, Status};

use super::{Fixture, channel, eventually, service::Probe};
use crate::{
    clock,
    proto::etcdserverpb::{kv_client::KvClient, *},
    wire::{Channel, reset_connections, set_link_held},
};

const SERVER: ([u8; 4], u16) = ([10, 0, 0, 1], 2379);

struct Nodes {
    server: NodeHandle,
    client: NodeHandle,
    probe: Arc<Mutex<Option<Probe>>>,
}

impl Nodes {
    fn start() -> Self {
        let handle = Handle::current();
        let probe = Arc::new(Mutex::new(None));
        let shown = probe.clone();
        let server = handle.create_node().name("server").ip(SERVER.0.into());
        let server = server.init(move || {
            let shown = shown.clone();
            async move {
                let fixture = Fixture::start(SocketAddr::from(SERVER)).await;
                *shown.lock().unwrap() = Some(fixture.probe.clone());
                fixture.served.await.expect("it never ends by itself");
            }
        });
        let client = handle
            .create_node()
            .name("client")
            .ip([10, 0, 0, 2].into())
            .build();
        Self {
            server: server.build(),
            client,
            probe,
        }
    }

    fn channel(&self) -> Channel {
        channel(SocketAddr::from(SERVER))
    }

    /// One call from the client's node; its outcome and how long it took.
    async fn call(&self, channel: &Channel, key: &'static str) -> (Result<(), Status>, Duration) {
        self.call_within(channel, key, Duration::from_secs(100))
            .await
    }

    async fn call_within(
        &self,
        channel: &Channel,
        key: &'static str,
        timeout: Duration,
    ) -> (Result<(), Status>, Duration) {
        let mut kv = KvClient::new(channel.clone());
        let call = self.client.spawn(async move {
            let before = clock::now();
            let mut request = Request::new(RangeRequest {
                key: key.into(),
                ..Default::default()
            });
            request.set_timeout(timeout);
            (kv.range(request).await.map(drop), before.elapsed())
        });
        call.await.expect("no panic")
    }
}

fn simulate<F: Future<Output = ()>>(scenario: impl FnOnce(Nodes) -> F) {
    clock::reset_clocks();
    Runtime::with_seed_and_config(1, Default::default()).block_on(async move {
        let nodes = Nodes::start();
        eventually(|| nodes.probe.lock().unwrap().is_some()).await;
        scenario(nodes).await;
    });
}

fn cut(a: NodeId, b: NodeId) {
    NetSim::current().clog_link(a, b);
    NetSim::current().clog_link(b, a);
}

fn heal(a: NodeId, b: NodeId) {
    NetSim::current().unclog_link(a, b);
    NetSim::current().unclog_link(b, a);
}

#[test]
fn a_call_costs_few_packets() {
    simulate(|nodes| async move {
        let channel = nodes.channel();
        nodes
            .call(&channel, "a")
            .await
            .0
            .expect("the first call dials");
        let before = NetSim::current().stat().msg_count;
        for _ in 0..100 {
            nodes.call(&channel, "a").await.0.expect("an answer");
        }
        let packets = NetSim::current().stat().msg_count - before;
        assert!(packets <= 600, "100 calls cost {packets} packets");
    });
}

#[test]
fn a_dial_over_a_cut_link_takes_its_full_time_and_heals() {
    simulate(|nodes| async move {
        cut(nodes.client.id(), nodes.server.id());
        let channel = nodes.channel();
        let (outcome, took) = nodes.call(&channel, "a").await;
        let status = outcome.expect_err("nothing passes");
        assert_eq!(status.code(), Code::Unavailable);
        assert!(
            status.message().ends_with("no answer in time"),
            "{}",
            status.message()
        );
        assert!(took >= Duration::from_secs(5) && took < Duration::from_millis(5_100));

        heal(nodes.client.id(), nodes.server.id());
        clock::sleep(Duration::from_millis(20)).await;
        nodes.call(&channel, "a").await.0.expect("dialled again");
    });
}

#[test]
fn a_short_deadline_does_not_break_off_the_dial_for_others() {
    simulate(|nodes| async move {
        let channel = nodes.channel();
        let (outcome, _) = nodes
            .call_within(&channel, "a", Duration::from_millis(1))
            .await;
        assert_eq!(
            outcome.expect_err("too short").code(),
            Code::DeadlineExceeded
        );
        let (outcome, took) = nodes.call(&channel, "a").await;
        outcome.expect("the dial went on");
        assert!(took < Duration::from_millis(100));
    });
}

#[test]
fn a_silent_peer_is_given_up_by_keep_alive() {
    simulate(|nodes| async move {
        let channel = nodes.channel();
        nodes.call(&channel, "a").await.0.expect("connected");
        cut(nodes.client.id(), nodes.server.id());
        let (outcome, took) = nodes
            .call_within(&channel, "a", Duration::from_secs(1))
            .await;
        assert_eq!(
            outcome.expect_err("nothing passes").code(),
            Code::DeadlineExceeded
        );
        assert!(took >= Duration::from_secs(1));
        let (outcome, took) = nodes.call(&channel, "a").await;
        assert_eq!(
            outcome.expect_err("nothing passes").code(),
            Code::Unavailable
        );
        assert!(took <= Duration::from_secs(7), "keep-alive took {took:?}");
        heal(nodes.client.id(), nodes.server.id());
        clock::sleep(Duration::from_secs(2)).await;
        nodes.call(&channel, "a").await.0.expect("healed");
    });
}

#[test]
fn news_of_a_death_waits_behind_a_partition() {
    simulate(|nodes| async move {
        let channel = nodes.channel();
        nodes.call(&channel, "a").await.0.expect("connected");
        let pending = nodes.call(&channel, "never");
        let mut pending = std::pin::pin!(pending);
        let second = Duration::from_secs(1);
        clock::timeout(second, &mut pending)
            .await
            .expect_err("it never answers");
        cut(nodes.client.id(), nodes.server.id());
        Handle::current().kill(nodes.server.id());
        clock::timeout(second, &mut pending)
            .await
            .expect_err("nobody can have told");
        heal(nodes.client.id(), nodes.server.id());
        let (outcome, _) = clock::timeout(2 * second, pending)
            .await
            .expect("now it is told");
        assert_eq!(
            outcome.expect_err("the server is dead").code(),
            Code::Unavailable
        );
    });
}

#[test]
fn a_crash_is_unavailable_and_a_restart_is_found_again() {
    simulate(|nodes| async move {
        let channel = nodes.channel();
        nodes.call(&channel, "a").await.0.expect("connected");
        Handle::current().kill(nodes.server.id());
        for _ in 0..3 {
            let (outcome, _) = nodes.call(&channel, "a").await;
            assert_eq!(outcome.expect_err("it is dead").code(), Code::Unavailable);
        }
        Handle::current().restart(nodes.server.id());
        while nodes.call(&channel, "a").await.0.is_err() {
            clock::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn a_client_that_dies_leaves_no_handler_behind() {
    simulate(|nodes| async move {
        let channel = nodes.channel();
        let probe = nodes.probe.lock().unwrap().clone().expect("it runs");
        let mut kv = KvClient::new(channel);
        nodes.client.spawn(async move {
            let never = RangeRequest {
                key: "never".into(),
                ..Default::default()
            };
            drop(kv.range(never).await);
        });
        eventually(|| probe.live() == 1).await;
        Handle::current().kill(nodes.client.id());
        eventually(|| probe.live() == 0).await;
    });
}

#[test]
fn what_a_link_holds_back_arrives_when_it_lets_go() {
    simulate(|nodes| async move {
        let channel = nodes.channel();
        let (client, server) = ([10, 0, 0, 2].into(), SERVER.0.into());
        nodes.call(&channel, "a").await.0.expect("connected");
        for (from, to) in [(client, server), (server, client)] {
            set_link_held(from, to, true);
            let mut held = std::pin::pin!(nodes.call(&channel, "a"));
            clock::timeout(Duration::from_secs(1), &mut held)
                .await
                .expect_err("it hangs");
            set_link_held(from, to, false);
            let before = clock::now();
            held.await.0.expect("the same connection goes on");
            assert!(before.elapsed() < Duration::from_millis(50));
        }
    });
}

#[test]
fn a_reset_breaks_the_calls_under_way_and_no_later_ones() {
    simulate(|nodes| async move {
        let channel = nodes.channel();
        nodes.call(&channel, "a").await.0.expect("connected");
        let mut pending = std::pin::pin!(nodes.call(&channel, "never"));
        clock::timeout(Duration::from_secs(1), &mut pending)
            .await
            .expect_err("it never answers");
        reset_connections(SERVER.0.into(), [10, 0, 0, 2].into());
        let broken = clock::timeout(Duration::from_millis(50), pending).await;
        let (outcome, _) = broken.expect("it breaks at once");
        assert_eq!(outcome.expect_err("it is broken").code(), Code::Unavailable);
        let probe = nodes.probe.lock().unwrap().clone().expect("it runs");
        eventually(|| probe.live() == 0).await;
        nodes.call(&channel, "a").await.0.expect("dialled again");
    });
}
