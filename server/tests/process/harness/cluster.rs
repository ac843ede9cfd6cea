//! Members that form a cluster: real processes that can be stopped, killed and started again.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
    time::Duration,
};

use quorate_server::proto::etcdserverpb::StatusResponse;

use super::{Client, Port, Process, QUORATE, eventually};

/// A cluster with a majority elects a leader in a few election timeouts; a slow, busy machine
/// needs more.
const ELECTION_LIMIT: Duration = Duration::from_secs(30);

/// A member that was started serves and has caught up within this time.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(30);

/// A member that was told to stop has ended within this time.
const STOP_LIMIT: Duration = Duration::from_secs(20);

/// How a member is started.
pub(crate) struct MemberSpec {
    pub(crate) program: PathBuf,
    pub(crate) name: String,
    pub(crate) directory: PathBuf,
    /// `--initial-cluster`.
    pub(crate) initial_cluster: String,
    pub(crate) flags: Vec<String>,
}

/// One member, running or not. Its ports are held until it is dropped.
pub(crate) struct Member {
    spec: MemberSpec,
    client_port: Port,
    peer_port: Port,
    client: Client,
    process: Option<Process>,
}

impl Member {
    /// A member that is not started yet.
    pub(crate) fn new(spec: MemberSpec, client_port: Port, peer_port: Port) -> Self {
        let client = Client::new(client_port.number());
        Self {
            spec,
            client_port,
            peer_port,
            client,
            process: None,
        }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) fn client_url(&self) -> String {
        self.client_port.url()
    }

    pub(crate) fn client_port(&self) -> u16 {
        self.client_port.number()
    }

    /// The memory that its process takes, bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let process = self.process.as_ref().expect("it is running");
        process.resident_bytes()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.spec.directory.join(&self.spec.name)
    }

    /// What it has logged in all its runs.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.spec.directory.join(format!("{}.log", self.spec.name))
    }

    /// The command line.
    pub(crate) fn command(&self) -> Command {
        let (client, peer) = (self.client_port.url(), self.peer_port.url());
        let mut command = Command::new(&self.spec.program);
        command
            .env_clear()
            .arg(format!("--name={}", self.spec.name));
        command.arg(format!("--data-dir={}", self.data_dir().display()));
        command.arg(format!("--listen-client-urls={client}"));
        command.arg(format!("--advertise-client-urls={client}"));
        command.arg(format!("--listen-peer-urls={peer}"));
        command.arg(format!("--initial-advertise-peer-urls={peer}"));
        command.arg(format!("--initial-cluster={}", self.spec.initial_cluster));
        command.args(&self.spec.flags);
        command
    }

    /// Starts it; does not wait until it serves.
    pub(crate) fn start(&mut self) {
        assert!(self.process.is_none(), "{} is running", self.spec.name);
        self.process = Some(Process::spawn(&mut self.command(), &self.log_path()));
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("it is running").kill();
    }

    /// `kill -9`, and starts it again while the system still takes the killed process apart.
    pub(crate) fn kill_and_start_at_once(&mut self) {
        let old = self.process.take().expect("it is running");
        old.begin_to_kill();
        self.start();
    }

    /// Ends it in order, by SIGTERM.
    pub(crate) async fn stop(&mut self) -> ExitStatus {
        self.end_by("TERM").await
    }

    /// Sends the signal of this name without "SIG", and waits for the end.
    pub(crate) async fn end_by(&mut self, signal: &str) -> ExitStatus {
        let process = self.process.take().expect("it is running");
        process.signal(signal);
        process.end(STOP_LIMIT).await
    }

    /// Starts it; the last line that it logs before it ends by itself, with 1.
    pub(crate) async fn is_refused(&mut self) -> String {
        self.start();
        let process = self.process.take().expect("it was started");
        let status = process.end(CATCH_UP_LIMIT).await;
        let log = self.log();
        assert_eq!(status.code(), Some(1), "{log}");
        log.lines().last().unwrap_or_default().to_owned()
    }

    /// Waits until its log holds this text.
    pub(crate) async fn says(&self, text: &str) {
        let what = format!("{} says {text:?}", self.spec.name);
        eventually(&what, CATCH_UP_LIMIT, async || {
            self.log().contains(text).then_some(())
        })
        .await;
    }

    /// Stops its time: it neither works nor ends.
    pub(crate) fn freeze(&self) {
        self.process.as_ref().expect("it is running").signal("STOP");
    }

    /// Lets its time go on.
    pub(crate) fn thaw(&self) {
        self.process.as_ref().expect("it is running").signal("CONT");
    }

    fn is_running(&self) -> bool {
        self.process.is_some()
    }

    /// Its own view, if it serves. A process that has ended by itself is a failure.
    pub(crate) async fn status(&self) -> Option<StatusResponse> {
        let ended = self.process.as_ref().and_then(Process::ended);
        assert!(
            ended.is_none(),
            "{} has ended: {}",
            self.spec.name,
            ended.expect("it has")
        );
        self.client.status().await.ok()
    }

    /// Waits until it serves and knows a leader.
    pub(crate) async fn serves(&self) -> StatusResponse {
        let what = format!("{} serves", self.spec.name);
        eventually(&what, ELECTION_LIMIT, async || {
            self.status().await.filter(|status| status.leader != 0)
        })
        .await
    }

    /// Waits until it has applied the entry at `index`.
    pub(crate) async fn has_applied(&self, index: u64) -> StatusResponse {
        let what = format!("{} applies entry {index}", self.spec.name);
        eventually(&what, CATCH_UP_LIMIT, async || {
            self.status()
                .await
                .filter(|status| status.raft_applied_index >= index)
        })
        .await
    }
}

/// The members of one cluster.
pub(crate) struct Cluster {
    pub(crate) members: Vec<Member>,
}

impl Cluster {
    /// Starts `count` members of Quorate, and waits until all know the leader and each other.
    pub(crate) async fn start(directory: &Path, count: usize, flags: &[&str]) -> Self {
        Self::start_program(Path::new(QUORATE), directory, count, flags).await
    }

    /// The same with another program that takes etcd's flags.
    pub(crate) async fn start_program(
        program: &Path,
        directory: &Path,
        count: usize,
        flags: &[&str],
    ) -> Self {
        let ports = (0..count).map(|_| (Port::free(), Port::free())).collect();
        Self::start_on(program, directory, ports, flags).await
    }

    /// The same on given ports, for clients and for peers.
    pub(crate) async fn start_on(
        program: &Path,
        directory: &Path,
        ports: Vec<(Port, Port)>,
        flags: &[&str],
    ) -> Self {
        let mut cluster = Self::new(program, directory, ports, flags);
        cluster.members.iter_mut().for_each(Member::start);
        cluster.serves().await;
        cluster
    }

    /// Members that are not started yet, on given ports, for clients and for peers.
    pub(crate) fn new(
        program: &Path,
        directory: &Path,
        ports: Vec<(Port, Port)>,
        flags: &[&str],
    ) -> Self {
        let name = |index: usize| format!("m{}", index + 1);
        let named = ports.iter().enumerate();
        let named = named.map(|(index, (_, peer))| format!("{}={}", name(index), peer.url()));
        let initial_cluster = named.collect::<Vec<_>>().join(",");
        let member = |(index, (client, peer))| {
            let spec = MemberSpec {
                program: program.to_owned(),
                name: name(index),
                directory: directory.to_owned(),
                initial_cluster: initial_cluster.clone(),
                flags: flags.iter().map(|&flag| flag.to_owned()).collect(),
            };
            Member::new(spec, client, peer)
        };
        Self {
            members: ports.into_iter().enumerate().map(member).collect(),
        }
    }

    /// Waits until all members know the leader and each other.
    async fn serves(&self) {
        self.leader().await;
        for member in &self.members {
            member.serves().await;
        }
        eventually(
            "all members are known by name",
            ELECTION_LIMIT,
            async || {
                let known = self.members[0].client.member_list().await.ok()?;
                known
                    .iter()
                    .all(|member| !member.name.is_empty())
                    .then_some(())
            },
        )
        .await;
    }

    /// A client of each member.
    pub(crate) fn clients(&self) -> Vec<Client> {
        self.members
            .iter()
            .map(|member| member.client.clone())
            .collect()
    }

    /// The members that run.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_running())
    }

    /// Waits until a running member says that it leads, and as many running members as make a
    /// majority agree; its place in `members`.
    pub(crate) async fn leader(&self) -> usize {
        eventually("a leader", ELECTION_LIMIT, async || self.leader_now().await).await
    }

    async fn leader_now(&self) -> Option<usize> {
        let mut leading = None;
        let mut said = Vec::new();
        for (index, member) in self
            .members
            .iter()
            .enumerate()
            .filter(|(_, m)| m.is_running())
        {
            let Some(status) = member.status().await else {
                continue;
            };
            let id = status.header.map_or(0, |header| header.member_id);
            if status.leader == id {
                leading = leading.max(Some((status.raft_term, index, id)));
            }
            said.push((status.raft_term, status.leader));
        }
        let (term, index, id) = leading?;
        let agree = said.iter().filter(|said| **said == (term, id)).count();
        (agree > self.members.len() / 2).then_some(index)
    }

    /// Waits until all members have applied what the leader has now.
    pub(crate) async fn converges(&self) {
        let leader = self.leader().await;
        let index = self.members[leader].serves().await.raft_applied_index;
        for member in &self.members {
            member.has_applied(index).await;
        }
    }

    /// Ends all members; their ports, which nobody else gets in between.
    pub(crate) fn into_ports(self) -> Vec<(Port, Port)> {
        let ports = |member: Member| (member.client_port, member.peer_port);
        self.members.into_iter().map(ports).collect()
    }
}
