//! What people do with the crate `etcd-client`.
//!
//! It knows all members, but keeps no watch and no keep-alive over a lost connection: its users open them anew. Its locks
//! and elections are the server's services of that name.

mod coordination;
mod lease;
mod store;
mod watch;

use std::{env, fmt::Debug, process::ExitCode, time::Duration};

use etcd_client::{Client, ConnectOptions};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines, Stdin},
    time::{Instant, sleep, timeout},
};

/// What is waited for comes much sooner; nothing depends on how soon.
const PATIENCE: Duration = Duration::from_secs(30);

type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T = (), E = Error> = std::result::Result<T, E>;

/// The cluster's members, as the runner lets a program see them.
struct Members {
    endpoints: Vec<String>,
    replies: Lines<BufReader<Stdin>>,
}

impl Members {
    /// Has each member killed in turn; calls `meanwhile` with its number when it is dead, and goes on when all are well.
    async fn kill_each(
        &mut self,
        mut meanwhile: impl AsyncFnMut(usize, &mut Self) -> Result,
    ) -> Result {
        for member in 1..=self.endpoints.len() {
            self.ask(&format!("kill {member}")).await?;
            meanwhile(member, self).await?;
        }
        Ok(())
    }

    /// Returns when all members are well.
    async fn settle(&mut self) -> Result {
        self.ask("wait").await
    }

    async fn ask(&mut self, what: &str) -> Result {
        println!("members: {what}");
        let reply = self.replies.next_line().await?;
        equal("the runner's reply", reply.as_deref(), Some("done"))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut members = Members {
        endpoints: endpoints(),
        replies: BufReader::new(tokio::io::stdin()).lines(),
    };
    let mut code = ExitCode::SUCCESS;
    for feature in [
        "kv",
        "txn",
        "watch",
        "watch-kill",
        "lease",
        "lease-kill",
        "lock",
        "election",
        "auth",
    ] {
        match run(feature, &mut members).await {
            Ok(()) => println!("{feature}: ok"),
            Err(error) => {
                let line = error
                    .to_string()
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ");
                println!("{feature}: failed: {line}");
                code = ExitCode::FAILURE;
            }
        }
    }
    code
}

async fn run(feature: &str, members: &mut Members) -> Result {
    let client = connect(None).await?;
    match feature {
        "kv" => store::kv(client).await,
        "txn" => store::txn(client).await,
        "watch" => watch::watch(client).await,
        "watch-kill" => watch::watch_kill(client, members).await,
        "lease" => lease::lease(client).await,
        "lease-kill" => lease::lease_kill(client, members).await,
        "lock" => coordination::lock(client).await,
        "election" => coordination::election(client).await,
        _ => store::auth(client).await,
    }
}

fn endpoints() -> Vec<String> {
    let endpoints = env::var("ENDPOINTS").unwrap_or_default();
    endpoints.split(',').map(str::to_owned).collect()
}

async fn connect(user: Option<(&str, &str)>) -> Result<Client> {
    let mut options = ConnectOptions::new().with_connect_timeout(Duration::from_secs(2));
    if let Some((name, password)) = user {
        options = options.with_user(name, password);
    }
    Ok(Client::connect(endpoints(), Some(options)).await?)
}

/// Tries until it succeeds; a try ends after a while, since a member that was killed may leave a call without an answer.
async fn patiently<T>(what: &str, mut call: impl AsyncFnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let error = match timeout(Duration::from_secs(3), call()).await {
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => error,
            Err(elapsed) => elapsed.into(),
        };
        if Instant::now() > deadline {
            return Err(format!("{what}: not within {PATIENCE:?}: {error}").into());
        }
        sleep(Duration::from_millis(50)).await;
    }
}

/// Fails unless both are the same.
fn equal<T: PartialEq + Debug>(what: &str, is: T, expected: T) -> Result {
    if is == expected {
        return Ok(());
    }
    Err(format!("{what}: {is:?}, expected {expected:?}").into())
}

/// Fails unless this failed with this text of etcd's.
fn refused<T>(what: &str, result: Result<T, etcd_client::Error>, text: &str) -> Result {
    match result {
        Err(etcd_client::Error::GRpcStatus(status)) => equal(what, status.message(), text),
        Err(error) => Err(format!("{what}: {error}, expected {text:?}").into()),
        Ok(_) => Err(format!("{what}: an answer, expected {text:?}").into()),
    }
}

/// What an answer of etcd's always has.
fn there<T>(part: Option<T>) -> Result<T> {
    part.ok_or_else(|| "a part of the answer is missing".into())
}
