//! A single member, of Quorate or of etcd, with the flags of a scenario.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use quorate_tests::scenario::{Settings, TokenKind};

use super::caller::Caller;
use crate::harness::{Cluster, Peers, QUORATE, eventually};

/// A single member is ready within this time, on a slow and busy machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// Makes the tokens of `--auth-token=jwt` without a pair of keys.
const JWT_SECRET: &str = "no secret outside of tests";

/// Which server is asked.
#[derive(Clone)]
pub(crate) enum Program {
    Quorate,
    Etcd(Peers),
}

impl Program {
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Quorate => "Quorate over gRPC",
            Self::Etcd(_) => "etcd over gRPC",
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Quorate => Path::new(QUORATE),
            Self::Etcd(peers) => &peers.etcd,
        }
    }

    /// The flags for a scenario's settings, those that are not the default.
    fn flags(&self, settings: &Settings, directory: &Path) -> Vec<String> {
        let default = Settings::default();
        let mut flags = Vec::new();
        if settings.max_txn_ops != default.max_txn_ops {
            flags.push(format!("--max-txn-ops={}", settings.max_txn_ops));
        }
        if settings.max_request_bytes != default.max_request_bytes {
            flags.push(format!(
                "--max-request-bytes={}",
                settings.max_request_bytes
            ));
        }
        if settings.progress_notify_interval != default.progress_notify_interval {
            let interval = settings.progress_notify_interval.as_millis();
            let prefix = match self {
                Self::Quorate => "",
                Self::Etcd(_) => "experimental-",
            };
            flags.push(format!(
                "--{prefix}watch-progress-notify-interval={interval}ms"
            ));
        }
        if settings.tokens == TokenKind::Jwt {
            let secret = directory.join("jwt-secret");
            fs::write(&secret, JWT_SECRET).expect("writable");
            let secret = secret.display();
            flags.push(format!(
                "--auth-token=jwt,sign-method=HS256,priv-key={secret},ttl=10m"
            ));
        }
        flags
    }
}

/// A running single member. Dropping it kills it; its directory stays.
pub(crate) struct Server {
    cluster: Cluster,
    caller: Caller,
}

impl Server {
    /// Starts a member with an empty directory, and waits until it serves.
    pub(crate) async fn start(
        program: &Program,
        directory: &Path,
        settings: &Settings,
        further: &[&str],
    ) -> Self {
        let place: PathBuf = directory.join(program.name().replace(' ', "-"));
        fs::create_dir_all(&place).expect("writable");
        let mut flags = program.flags(settings, &place);
        flags.push("--log-level=error".to_owned());
        // Else each user that is added and each login takes a tenth of a second.
        flags.push("--bcrypt-cost=4".to_owned());
        flags.extend(further.iter().map(|&flag| flag.to_owned()));
        let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
        let ports = vec![(crate::harness::Port::free(), crate::harness::Port::free())];
        let mut cluster = Cluster::new(program.path(), &place, ports, &flags);
        cluster.members[0].start();
        let caller = Caller::new(cluster.members[0].client_port());
        let server = Self { cluster, caller };
        server.serves().await;
        server
    }

    /// Ends the member in order and starts it again.
    pub(crate) async fn restart(&mut self) {
        let member = &mut self.cluster.members[0];
        let status = member.stop().await;
        // etcd ends by the signal itself.
        assert!(status.code().is_none_or(|code| code == 0), "{status}");
        member.start();
        self.caller = Caller::new(member.client_port());
        self.serves().await;
    }

    async fn serves(&self) {
        let what = "the server serves";
        eventually(what, START_LIMIT, async || {
            self.caller.is_served().await.then_some(())
        })
        .await;
    }

    pub(crate) fn caller(&self) -> &Caller {
        &self.caller
    }
}
