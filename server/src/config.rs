//! What a member is told to be: flags, checked together and put into the terms of the server.

use std::{collections::BTreeMap, iter, net::SocketAddr, path::PathBuf, time::Duration};

use crate::{
    auth::{AuthConfig, AuthConfigError},
    cli::{self, Invocation, Options, UrlList},
    url::{Scheme, Url, UrlError},
};

mod cluster;

pub use cluster::{ClusterError, ClusterState, InitialCluster, InitialMember};

/// Largest request of a client unless configured, bytes.
pub const DEFAULT_MAX_REQUEST_BYTES: usize = 1536 * 1024;

/// Most operations in a transaction unless configured.
pub const DEFAULT_MAX_TXN_OPS: usize = 128;

/// The quota on the size of the data unless configured, bytes.
pub const DEFAULT_QUOTA_BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// Longest election timeout: above it a cluster would seem dead after the loss of its leader.
const ELECTION_TIMEOUT_MAX_MS: u64 = 50_000;

/// Fewest heartbeats that must fit into an election timeout.
const HEARTBEATS_PER_ELECTION_TIMEOUT: u64 = 5;

const DEFAULT_CLIENT_URL: &str = "http://localhost:2379";
const DEFAULT_PEER_URL: &str = "http://localhost:2380";

/// The configuration of one member. It has been checked: ids are derived, addresses can be bound
/// as far as their form tells, intervals go together.
#[derive(Clone, Debug)]
pub struct Config {
    /// This member's name.
    pub name: String,
    /// Where its data is; created if it does not exist.
    pub data_dir: PathBuf,
    /// Where clients are served.
    pub listen_client_addrs: Vec<SocketAddr>,
    /// Where other members are served.
    pub listen_peer_addrs: Vec<SocketAddr>,
    /// What clients are told to dial.
    pub advertise_client_urls: Vec<Url>,
    /// The members at the first start, this one among them.
    pub cluster: InitialCluster,
    /// Time between two heartbeats of a leader.
    pub heartbeat_interval: Duration,
    /// Time without a leader before an election.
    pub election_timeout: Duration,
    /// Applied entries after which a checkpoint is due even if the log's size does not ask for it.
    pub snapshot_count: Option<u64>,
    /// Size of the data at which writes stop with an alarm, bytes; `None` is no limit.
    pub quota_bytes: Option<u64>,
    /// Largest request of a client, bytes.
    pub max_request_bytes: usize,
    /// Most operations in a transaction.
    pub max_txn_ops: usize,
    /// How clients prove who they are.
    pub auth: AuthConfig,
}

/// Why flags do not go together: etcd's text where it has one, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A name that could not stand in `--initial-cluster`.
    #[error("--name {0:?} must not be empty or contain ',' or '='; choose another")]
    Name(String),
    /// A listen URL by name.
    #[error("{error}; give --{flag} an IP address or localhost")]
    Listen {
        /// The flag.
        flag: &'static str,
        /// What is wrong with its URL.
        error: UrlError,
    },
    /// An advertised URL that nobody can dial.
    #[error("--{flag} {:?} must be \"host:port\" ({error}); add the host", .url.as_str())]
    Advertise {
        /// The flag.
        flag: &'static str,
        /// Its URL.
        url: Url,
        /// What is wrong with it.
        error: UrlError,
    },
    /// A URL that asks for TLS.
    #[error("--{flag} has {url}, but TLS is not supported yet; use an http:// URL")]
    Tls {
        /// The flag.
        flag: &'static str,
        /// Its URL.
        url: Url,
    },
    /// Two listeners on one address.
    #[error("--{one} and --{other} both listen on {addr}; give each URL an address of its own")]
    ListenTwice {
        /// The flag that has the address.
        one: &'static str,
        /// The flag that has it again.
        other: &'static str,
        /// The address.
        addr: SocketAddr,
    },
    /// Clients would be sent to the default address, where nobody listens.
    #[error(
        "--advertise-client-urls is required when --listen-client-urls is set explicitly; add the \
         URLs by which clients reach this member"
    )]
    AdvertiseMissing,
    /// An interval of nothing.
    #[error("--{0} must be >0 (set to 0ms); leave it out for the default")]
    Zero(&'static str),
    /// An election would begin although the leader lives.
    #[error(
        "--election-timeout[{election_ms}ms] should be at least as 5 times as \
         --heartbeat-interval[{heartbeat_ms}ms]; raise the one or lower the other"
    )]
    ElectionTooShort {
        /// The election timeout.
        election_ms: u64,
        /// The heartbeat interval.
        heartbeat_ms: u64,
    },
    /// A cluster that waits for minutes.
    #[error(
        "--election-timeout[{0}ms] is too long, and should be set less than \
         {ELECTION_TIMEOUT_MAX_MS}ms; lower it"
    )]
    ElectionTooLong(u64),
    /// How clients prove who they are is not said.
    #[error(transparent)]
    Auth(#[from] AuthConfigError),
    /// The members do not go together.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
}

impl Config {
    /// Checks the flags and completes them.
    pub fn new(options: Options) -> Result<Self, ConfigError> {
        check_name(&options.name)?;
        let (heartbeat_interval, election_timeout) = check_intervals(&options)?;
        let urls = Urls::new(&options)?;
        let cluster = InitialCluster::new(
            &options.name,
            &urls.advertise_peer,
            options
                .initial_cluster
                .as_deref()
                .filter(|text| !text.is_empty()),
            options.initial_cluster_token,
            options.initial_cluster_state,
        )?;
        let data_dir = options.data_dir.filter(|path| !path.is_empty());
        Ok(Self {
            data_dir: data_dir
                .unwrap_or_else(|| format!("{}.etcd", options.name))
                .into(),
            name: options.name,
            listen_client_addrs: urls.listen_client,
            listen_peer_addrs: urls.listen_peer,
            advertise_client_urls: urls.advertise_client,
            cluster,
            heartbeat_interval,
            election_timeout,
            snapshot_count: options.snapshot_count.filter(|entries| *entries > 0),
            quota_bytes: match options.quota_backend_bytes {
                0 => Some(DEFAULT_QUOTA_BYTES),
                bytes => u64::try_from(bytes).ok(),
            },
            max_request_bytes: options.max_request_bytes,
            max_txn_ops: options.max_txn_ops,
            auth: AuthConfig::new(
                &options.auth_token,
                options.auth_token_ttl,
                options.bcrypt_cost,
            )?,
        })
    }

    /// The configuration that these flags give in an empty environment. For tests and simulations;
    /// the error is the line that the server would print.
    pub fn from_flags<'a>(flags: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let arguments = iter::once("quorate").chain(flags);
        match cli::parse(arguments, &BTreeMap::new()).map_err(|error| error.to_string())? {
            Invocation::Run { options, .. } => {
                Self::new(*options).map_err(|error| error.to_string())
            }
            Invocation::Print(text) => Err(format!("the flags only print:\n{text}")),
        }
    }
}

fn check_name(name: &str) -> Result<(), ConfigError> {
    if name.is_empty() || name.contains([',', '=']) {
        return Err(ConfigError::Name(name.to_owned()));
    }
    Ok(())
}

fn check_intervals(options: &Options) -> Result<(Duration, Duration), ConfigError> {
    let (heartbeat_ms, election_ms) = (options.heartbeat_interval, options.election_timeout);
    if heartbeat_ms == 0 {
        return Err(ConfigError::Zero("heartbeat-interval"));
    }
    if election_ms == 0 {
        return Err(ConfigError::Zero("election-timeout"));
    }
    if election_ms < heartbeat_ms.saturating_mul(HEARTBEATS_PER_ELECTION_TIMEOUT) {
        return Err(ConfigError::ElectionTooShort {
            election_ms,
            heartbeat_ms,
        });
    }
    if election_ms > ELECTION_TIMEOUT_MAX_MS {
        return Err(ConfigError::ElectionTooLong(election_ms));
    }
    Ok((
        Duration::from_millis(heartbeat_ms),
        Duration::from_millis(election_ms),
    ))
}

/// The URLs of all flags but `--initial-cluster`, with their defaults.
struct Urls {
    listen_client: Vec<SocketAddr>,
    listen_peer: Vec<SocketAddr>,
    advertise_client: Vec<Url>,
    advertise_peer: Vec<Url>,
}

impl Urls {
    fn new(options: &Options) -> Result<Self, ConfigError> {
        let listen_client_given = given(&options.listen_client_urls);
        let advertise_client_given = given(&options.advertise_client_urls);
        if listen_client_given.is_some() && advertise_client_given.is_none() {
            return Err(ConfigError::AdvertiseMissing);
        }
        let or_default = |urls: Option<Vec<Url>>, default| {
            urls.unwrap_or_else(|| vec![Url::parse(default).expect("a default URL is well-formed")])
        };
        let urls = Self {
            listen_client: bind_addrs(
                "listen-client-urls",
                &or_default(listen_client_given, DEFAULT_CLIENT_URL),
            )?,
            listen_peer: bind_addrs(
                "listen-peer-urls",
                &or_default(given(&options.listen_peer_urls), DEFAULT_PEER_URL),
            )?,
            advertise_client: advertised(
                "advertise-client-urls",
                or_default(advertise_client_given, DEFAULT_CLIENT_URL),
            )?,
            advertise_peer: advertised(
                "initial-advertise-peer-urls",
                or_default(
                    given(&options.initial_advertise_peer_urls),
                    DEFAULT_PEER_URL,
                ),
            )?,
        };
        urls.check_each_listens_alone()?;
        Ok(urls)
    }

    fn check_each_listens_alone(&self) -> Result<(), ConfigError> {
        let mut seen = BTreeMap::new();
        let client = self
            .listen_client
            .iter()
            .map(|addr| ("listen-client-urls", *addr));
        let peer = self
            .listen_peer
            .iter()
            .map(|addr| ("listen-peer-urls", *addr));
        // Port 0 is another port each time.
        for (other, addr) in client.chain(peer).filter(|(_, addr)| addr.port() != 0) {
            if let Some(one) = seen.insert(addr, other) {
                return Err(ConfigError::ListenTwice { one, other, addr });
            }
        }
        Ok(())
    }
}

fn given(urls: &Option<UrlList>) -> Option<Vec<Url>> {
    urls.clone().and_then(UrlList::into_given)
}

fn bind_addrs(flag: &'static str, urls: &[Url]) -> Result<Vec<SocketAddr>, ConfigError> {
    let bind_addr = |url: &Url| {
        require_plain(flag, url)?;
        url.bind_addr()
            .map_err(|error| ConfigError::Listen { flag, error })
    };
    urls.iter().map(bind_addr).collect()
}

fn advertised(flag: &'static str, urls: Vec<Url>) -> Result<Vec<Url>, ConfigError> {
    for url in &urls {
        require_plain(flag, url)?;
        url.require_host().map_err(|error| ConfigError::Advertise {
            flag,
            url: url.clone(),
            error,
        })?;
    }
    Ok(urls)
}

fn require_plain(flag: &'static str, url: &Url) -> Result<(), ConfigError> {
    match url.scheme() {
        Scheme::Http => Ok(()),
        Scheme::Https => Err(ConfigError::Tls {
            flag,
            url: url.clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
