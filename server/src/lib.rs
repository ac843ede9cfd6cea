//! Quorate's server: etcd's API over a replicated [state machine](../quorate_core/index.html).

pub mod cli;
pub mod config;
pub mod ids;
pub mod logging;
pub mod url;
pub mod version;

/// Serves as the member that `config` describes, until the process is told to end.
pub fn run(config: config::Config) -> std::io::Result<()> {
    Err(std::io::Error::other(format!(
        "{} has nothing to serve with",
        config.name
    )))
}
