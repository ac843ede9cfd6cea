//! Servers under test: one process or three, in fresh directories, on free ports of loopback.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use tokio::net::TcpSocket;

use super::interrupt::{Running, Scratch};
use crate::{LoadError, Target, call, run::runtime};

/// A cluster serves, and a process ends, within this time.
const PATIENCE: Duration = Duration::from_secs(120);
const POLL_INTERVAL: Duration = Duration::from_millis(2);

/// How much of a server's log is shown when it ends.
const LAST_WORDS_BYTES: usize = 600;

/// What all servers are started with: no workload may end at the size quota, which is 2 GiB.
const FLAGS: &[&str] = &["--quota-backend-bytes=34359738368", "--log-level=error"];

/// A block of `stat`, bytes.
const BLOCK_BYTES: u64 = 512;

/// A program that takes etcd's flags.
#[derive(Clone, Debug)]
pub(super) struct Program {
    /// The heading of its columns.
    pub(super) name: String,
    pub(super) path: PathBuf,
}

impl Program {
    /// Not Quorate, so without checkpoints.
    pub(super) fn is_etcd(&self) -> bool {
        self.name == "etcd"
    }
}

/// Members of one cluster. Dropping it kills them and removes their data.
pub(super) struct Cluster {
    program: Program,
    members: Vec<Member>,
    scratch: Scratch,
}

struct Member {
    name: String,
    ports: Ports,
    initial_cluster: String,
    process: Option<Running>,
}

impl Cluster {
    /// Starts `count` members in the directory, which must not exist, and waits until all serve.
    pub(super) fn start(
        program: &Program,
        directory: PathBuf,
        count: usize,
    ) -> Result<Self, LoadError> {
        let scratch = Scratch::create(directory)?;
        let ports: Result<Vec<_>, _> = (0..count).map(|_| Ports::free()).collect();
        let ports = ports?;
        let name = |index: usize| format!("m{}", index + 1);
        let named = ports.iter().enumerate();
        let named = named.map(|(index, ports)| format!("{}={}", name(index), url(ports.peer)));
        let initial_cluster = named.collect::<Vec<_>>().join(",");
        let members = ports.into_iter().enumerate().map(|(index, ports)| Member {
            name: name(index),
            ports,
            initial_cluster: initial_cluster.clone(),
            process: None,
        });
        let mut cluster = Self {
            program: program.clone(),
            members: members.collect(),
            scratch,
        };
        cluster.launch(&[])?;
        cluster.wait_until(call::serves)?;
        Ok(cluster)
    }

    /// Where to send a load, and whose CPU it costs.
    pub(super) fn target(&self) -> Target {
        let pid = |member: &Member| member.process.as_ref().map(|process| process.pid);
        Target {
            endpoints: self.members.iter().map(Member::endpoint).collect(),
            pids: self.members.iter().filter_map(pid).collect(),
        }
    }

    /// Host and port of the first member.
    pub(super) fn endpoint(&self) -> String {
        self.members
            .first()
            .map(Member::endpoint)
            .unwrap_or_default()
    }

    /// The data directory of the first member.
    pub(super) fn data_dir(&self) -> PathBuf {
        let first = self.members.first().map(|member| member.name.as_str());
        self.scratch.path().join(first.unwrap_or_default())
    }

    /// What the first member takes of the disk, bytes.
    pub(super) fn disk_bytes(&self) -> u64 {
        allocated_bytes(&self.data_dir())
    }

    /// Stops all members in order, and starts them with more flags. The time from the start of the
    /// processes until the first member answers a linearizable read.
    pub(super) fn restart(&mut self, flags: &[&str]) -> Result<Duration, LoadError> {
        for member in &mut self.members {
            if let Some(process) = member.process.take() {
                process.terminate()?;
                let name = format!("the end of {}", member.name);
                poll(&name, || Ok(process.ended().map(drop)))?;
            }
        }
        let start = Instant::now();
        self.launch(flags)?;
        self.wait_until(call::read_first)?;
        Ok(start.elapsed())
    }

    fn launch(&mut self, flags: &[&str]) -> Result<(), LoadError> {
        for member in &mut self.members {
            let mut command = member.command(&self.program, self.scratch.path(), flags)?;
            member.process = Some(Running::start(&mut command)?);
        }
        Ok(())
    }

    fn wait_until(&self, ready: fn(&str) -> Result<(), LoadError>) -> Result<(), LoadError> {
        for member in &self.members {
            let what = format!("the start of {} ({})", member.name, self.program.name);
            poll(&what, || {
                self.check_running(member)?;
                Ok(ready(&member.endpoint()).ok())
            })?;
        }
        Ok(())
    }

    fn check_running(&self, member: &Member) -> Result<(), LoadError> {
        let Some(status) = member.process.as_ref().and_then(Running::ended) else {
            return Ok(());
        };
        let log = fs::read_to_string(log_path(self.scratch.path(), &member.name));
        let log = log.unwrap_or_default();
        let mut start = log.len().saturating_sub(LAST_WORDS_BYTES);
        while !log.is_char_boundary(start) {
            start += 1;
        }
        Err(LoadError::Ended {
            name: format!("{} ({})", member.name, self.program.name),
            status: status.to_string(),
            log: log[start..].trim().to_owned(),
        })
    }
}

impl Member {
    fn endpoint(&self) -> String {
        format!("127.0.0.1:{}", self.ports.client)
    }

    fn command(
        &self,
        program: &Program,
        directory: &Path,
        flags: &[&str],
    ) -> Result<Command, LoadError> {
        let log_path = log_path(directory, &self.name);
        let opened = File::options().create(true).append(true).open(&log_path);
        let log = opened.map_err(LoadError::system(format!("open {}", log_path.display())))?;
        let (client, peer) = (url(self.ports.client), url(self.ports.peer));
        let mut command = Command::new(&program.path);
        command
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .arg(format!("--name={}", self.name))
            .arg(format!(
                "--data-dir={}",
                directory.join(&self.name).display()
            ))
            .arg(format!("--listen-client-urls={client}"))
            .arg(format!("--advertise-client-urls={client}"))
            .arg(format!("--listen-peer-urls={peer}"))
            .arg(format!("--initial-advertise-peer-urls={peer}"))
            .arg(format!("--initial-cluster={}", self.initial_cluster))
            .args(FLAGS)
            .args(flags);
        Ok(command)
    }
}

fn log_path(directory: &Path, name: &str) -> PathBuf {
    directory.join(format!("{name}.log"))
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Asks again and again.
pub(super) fn poll(
    what: &str,
    mut done: impl FnMut() -> Result<Option<()>, LoadError>,
) -> Result<(), LoadError> {
    let start = Instant::now();
    while done()?.is_none() {
        if start.elapsed() > PATIENCE {
            return Err(LoadError::Late {
                what: what.to_owned(),
                limit_s: PATIENCE.as_secs(),
            });
        }
        thread::sleep(POLL_INTERVAL);
    }
    Ok(())
}

/// Ports that the kernel chose. A socket that is bound and does not listen keeps each from everybody
/// else, while a server that allows the reuse of addresses can listen there.
struct Ports {
    client: u16,
    peer: u16,
    _held: [TcpSocket; 2],
}

impl Ports {
    fn free() -> Result<Self, LoadError> {
        let runtime = runtime()?;
        let _entered = runtime.enter();
        let bound = || {
            let socket = TcpSocket::new_v4()?;
            socket.set_reuseaddr(true)?;
            socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
            Ok((socket.local_addr()?.port(), socket))
        };
        let pair = bound().and_then(|client| Ok((client, bound()?)));
        let ((client, a), (peer, b)) = pair.map_err(LoadError::system("find a free port"))?;
        Ok(Self {
            client,
            peer,
            _held: [a, b],
        })
    }
}

/// What the files below a directory take, which is more or less than their lengths.
fn allocated_bytes(directory: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(directory) else {
        return 0;
    };
    let entries = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => allocated_bytes(&entry.path()),
        Ok(metadata) => metadata.blocks() * BLOCK_BYTES,
        Err(_) => 0,
    });
    entries.sum()
}
