//! A member to test, and how a scenario reaches it.

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::mpsc;
use tonic::{Code, Status};

use crate::{
    clock,
    config::Config,
    disk::memory::MemoryDisk,
    proto::etcdserverpb::{
        cluster_client::ClusterClient, kv_client::KvClient, lease_client::LeaseClient,
        maintenance_client::MaintenanceClient, watch_client::WatchClient, *,
    },
    server::{self, Hooks, Server, Tuning},
    storage::{Directory, LogOptions, Owner, StorageError},
    wire::{Channel, ChannelOptions},
};

/// Longest time for a scenario.
const SCENARIO_TIMEOUT: Duration = Duration::from_secs(60);

/// The member under test.
pub(super) struct Member {
    pub(super) server: Server,
    pub(super) addr: SocketAddr,
}

impl Member {
    async fn start(ip: &str, port: u16, flags: &[&str]) -> Self {
        let client_url = format!("--listen-client-urls=http://{ip}:{port}");
        let peer_url = format!("--listen-peer-urls=http://{ip}:{port}").replace("2379", "2380");
        let mut all = vec![
            client_url.as_str(),
            "--advertise-client-urls=http://clients:2379",
        ];
        all.extend([
            peer_url.as_str(),
            "--initial-advertise-peer-urls=http://one:2380",
        ]);
        all.extend(flags);
        let config = Config::from_flags(all).expect("valid flags");
        let disk = Arc::new(MemoryDisk::new(|_| 0));
        take_part(&config, disk.clone()).await;
        let hooks = Hooks {
            observer: None,
            traffic: None,
            on_fatal: Arc::new(|reason| panic!("the member cannot go on: {reason}")),
        };
        let tuning = Tuning::production().expect("random numbers");
        let server = server::start(&config, disk, tuning, hooks)
            .await
            .expect("it starts");
        let addr = *server.client_addrs().first().expect("a port for clients");
        Self { server, addr }
    }

    pub(super) fn channel(&self) -> Channel {
        let authority = self
            .addr
            .to_string()
            .parse()
            .expect("an address is an authority");
        Channel::new(authority, ChannelOptions::for_clients())
    }

    pub(super) fn kv(&self) -> KvClient<Channel> {
        KvClient::new(self.channel())
    }

    pub(super) fn watch(&self) -> WatchClient<Channel> {
        WatchClient::new(self.channel())
    }

    pub(super) fn lease(&self) -> LeaseClient<Channel> {
        LeaseClient::new(self.channel())
    }

    pub(super) fn cluster(&self) -> ClusterClient<Channel> {
        ClusterClient::new(self.channel())
    }

    pub(super) fn maintenance(&self) -> MaintenanceClient<Channel> {
        MaintenanceClient::new(self.channel())
    }

    async fn leads(&self) {
        while self.server.node().leader().is_none() {
            clock::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A member that has been let into its cluster does not wait for others.
async fn take_part(config: &Config, disk: Arc<MemoryDisk>) {
    let owner = Owner {
        member_id: config.cluster.member_id,
        cluster_id: config.cluster.cluster_id,
        name: config.name.clone(),
    };
    let directory = Directory::claim(disk, &owner, 1).await.expect("it is new");
    let on_fatal = Arc::new(|error: &StorageError| panic!("{error}"));
    let storage = directory.open(LogOptions::new(1), on_fatal).await;
    storage
        .expect("it is new")
        .log
        .close()
        .await
        .expect("it closes");
}

/// Runs a scenario against the only member of a cluster, once it leads.
pub(super) fn run<F>(scenario: impl FnOnce(Member) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    run_member(
        &["--initial-cluster=default=http://one:2380"],
        |member| async move {
            member.leads().await;
            scenario(member).await;
        },
    );
}

/// The same where hashing a password takes next to no time.
pub(super) fn run_with_cheap_passwords<F>(scenario: impl FnOnce(Member) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    run_member(
        &[
            "--initial-cluster=default=http://one:2380",
            "--bcrypt-cost=4",
        ],
        |member| async move {
            member.leads().await;
            scenario(member).await;
        },
    );
}

/// Runs a scenario against a member whose two peers are not there.
pub(super) fn run_one_of_three<F>(scenario: impl FnOnce(Member) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send + 'static,
{
    let three = "--initial-cluster=default=http://one:2380,b=http://two:2380,c=http://three:2380";
    run_member(&[three], scenario);
}

#[cfg(not(madsim))]
fn run_member<F>(flags: &[&str], scenario: impl FnOnce(Member) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let member = Member::start("127.0.0.1", 0, flags).await;
        clock::timeout(SCENARIO_TIMEOUT, scenario(member))
            .await
            .expect("in time");
    });
}

#[cfg(madsim)]
fn run_member<F>(flags: &[&'static str], scenario: impl FnOnce(Member) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    use madsim::runtime::{Handle, Runtime};

    clock::reset_clocks();
    let flags = flags.to_vec();
    Runtime::with_seed_and_config(1, Default::default()).block_on(async move {
        let handle = Handle::current();
        let server = handle
            .create_node()
            .name("server")
            .ip([10, 0, 0, 1].into())
            .build();
        let client = handle
            .create_node()
            .name("client")
            .ip([10, 0, 0, 2].into())
            .build();
        let member = server.spawn(async move { Member::start("10.0.0.1", 2379, &flags).await });
        let member = member.await.expect("the member starts");
        let scenario = clock::timeout(SCENARIO_TIMEOUT, client.spawn(scenario(member)));
        scenario.await.expect("in time").expect("no panic");
    });
}

/// A request stream that stays open as long as its sender.
pub(super) fn requests<T: Send + 'static>()
-> (mpsc::Sender<T>, impl Stream<Item = T> + Send + 'static) {
    let (sender, mut receiver) = mpsc::channel(64);
    (
        sender,
        futures_util::stream::poll_fn(move |cx| receiver.poll_recv(cx)),
    )
}

pub(super) fn put(key: &'static str, value: impl Into<Bytes>) -> PutRequest {
    PutRequest {
        key: key.into(),
        value: value.into(),
        ..Default::default()
    }
}

pub(super) fn get(key: &'static str) -> RangeRequest {
    RangeRequest {
        key: key.into(),
        ..Default::default()
    }
}

pub(super) fn delete(key: &'static str) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: key.into(),
        ..Default::default()
    }
}

/// The header's revision.
pub(super) fn revision(header: Option<&ResponseHeader>) -> i64 {
    header.expect("a header").revision
}

/// Asserts that a call was refused with this code and text.
pub(super) fn assert_refused<T>(result: Result<T, Status>, code: Code, text: &str) {
    let status = result.err().expect("a refusal");
    assert_eq!((status.code(), status.message()), (code, text));
}
