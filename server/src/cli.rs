//! The command line: etcd's flags, each also as an `ETCD_…` variable in the environment.
//!
//! What is decided here is only how a flag is written. What the values mean together is
//! [`Config`](crate::config::Config)'s business.

use std::{collections::BTreeMap, ffi::OsString, process::ExitCode};

use clap::{
    Arg, ArgAction, ArgMatches, Command, CommandFactory, FromArgMatches, Parser,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use crate::{
    config::{ClusterState, DEFAULT_MAX_REQUEST_BYTES, DEFAULT_MAX_TXN_OPS},
    logging::{LogFormat, LogLevel},
    url::{Url, UrlError},
    version,
};

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Serve as a member.
    Run {
        /// The flags, completed from the environment.
        options: Box<Options>,
        /// Variables that begin like a flag's but belong to none: most likely a slip.
        unrecognized_variables: Vec<String>,
    },
    /// Print this text, which is help or a version, and end.
    Print(String),
}

/// The values of the flags; `None` where a default depends on other flags.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "quorate",
    about = "A replicated key-value store for etcd's clients. Without flags: one member on localhost.",
    override_usage = "quorate [FLAGS]",
    help_template = "{about}\n\n{usage-heading} {usage}\n\n{all-args}{after-help}",
    after_help = AFTER_HELP,
    disable_help_flag = true,
    max_term_width = 100,
    next_line_help = true,
    args_override_self = true
)]
pub struct Options {
    /// This member's name, one of those in --initial-cluster
    #[arg(long, value_name = "NAME", help_heading = MEMBER, default_value = "default")]
    pub name: String,
    /// Directory that holds this member's data [default: <NAME>.etcd]
    #[arg(long, value_name = "DIR", help_heading = MEMBER)]
    pub data_dir: Option<String>,
    /// Where to serve clients [default: http://localhost:2379]
    #[arg(long, value_name = "URLS", help_heading = MEMBER, value_parser = UrlList::parse)]
    pub listen_client_urls: Option<UrlList>,
    /// How clients reach this member; required with --listen-client-urls [default: http://localhost:2379]
    #[arg(long, value_name = "URLS", help_heading = MEMBER, value_parser = UrlList::parse)]
    pub advertise_client_urls: Option<UrlList>,
    /// Where to serve the other members [default: http://localhost:2380]
    #[arg(long, value_name = "URLS", help_heading = MEMBER, value_parser = UrlList::parse)]
    pub listen_peer_urls: Option<UrlList>,
    /// Time between two heartbeats of a leader, milliseconds
    #[arg(long, value_name = "MS", help_heading = MEMBER, default_value_t = 100)]
    pub heartbeat_interval: u64,
    /// Time without a leader before an election, milliseconds; at least 5 heartbeat intervals
    #[arg(long, value_name = "MS", help_heading = MEMBER, default_value_t = 1000)]
    pub election_timeout: u64,
    /// Write a checkpoint also after this many applied entries [default: by the size of the log]
    #[arg(long, value_name = "ENTRIES", help_heading = MEMBER)]
    pub snapshot_count: Option<u64>,

    /// How the other members reach this one [default: http://localhost:2380]
    #[arg(long, value_name = "URLS", help_heading = CLUSTERING, value_parser = UrlList::parse)]
    pub initial_advertise_peer_urls: Option<UrlList>,
    /// All members at the first start, as NAME=URL,NAME=URL [default: this member alone]
    #[arg(long, value_name = "MEMBERS", help_heading = CLUSTERING)]
    pub initial_cluster: Option<String>,
    /// Whether the cluster is to be formed or exists and is to be joined
    #[arg(long, value_name = "STATE", help_heading = CLUSTERING, default_value = "new")]
    pub initial_cluster_state: ClusterState,
    /// Tells clusters apart that have the same URLs: part of their ids
    #[arg(long, value_name = "TOKEN", help_heading = CLUSTERING, default_value = "etcd-cluster")]
    pub initial_cluster_token: String,

    /// Size of the data at which writes stop with an alarm; 0 is 2 GiB, negative is no limit
    #[arg(long, value_name = "BYTES", help_heading = LIMITS, default_value_t = 0,
          allow_negative_numbers = true)]
    pub quota_backend_bytes: i64,
    /// Largest request of a client
    #[arg(long, value_name = "BYTES", help_heading = LIMITS,
          default_value_t = DEFAULT_MAX_REQUEST_BYTES)]
    pub max_request_bytes: usize,
    /// Most operations in a transaction
    #[arg(long, value_name = "COUNT", help_heading = LIMITS, default_value_t = DEFAULT_MAX_TXN_OPS)]
    pub max_txn_ops: usize,

    /// Tokens of authenticated users: simple, or jwt,sign-method=METHOD,priv-key=FILE,pub-key=FILE,ttl=TIME
    #[arg(long, value_name = "KIND", help_heading = AUTH, default_value = "simple")]
    pub auth_token: String,
    /// Seconds for which a simple token lives that is not used
    #[arg(long, value_name = "SECONDS", help_heading = AUTH, default_value_t = 300)]
    pub auth_token_ttl: u64,
    /// Cost of hashing a password, from 4 to 31; anything else is 10
    #[arg(long, value_name = "COST", help_heading = AUTH, default_value_t = 10)]
    pub bcrypt_cost: u32,

    /// Least severe level that is logged; panic and fatal are as error
    #[arg(long, value_name = "LEVEL", help_heading = LOGGING, default_value = "info")]
    pub log_level: LogLevel,
    /// Form of the log on standard error: for people, or one JSON object a line
    #[arg(long, value_name = "FORMAT", help_heading = LOGGING, default_value = "console")]
    pub log_format: LogFormat,

    /// Print this help and exit
    #[arg(short, long, help_heading = OTHER, action = ArgAction::HelpShort)]
    help: Option<bool>,
    /// Print the versions and exit
    #[arg(long, help_heading = OTHER)]
    version: bool,
}

const MEMBER: &str = "Member";
const CLUSTERING: &str = "Clustering";
const LIMITS: &str = "Limits";
const AUTH: &str = "Authentication";
const LOGGING: &str = "Logging";
const OTHER: &str = "Other";

const AFTER_HELP: &str = "\
Several URLs are separated by commas. A flag may be written with one dash or two. Each variable in
the environment, shown as [env: …], stands for its flag; to give both is an error.

Example, the first of three members on one machine; for b and c change the name and the ports:
  quorate --name a \\
    --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \\
    --listen-peer-urls http://127.0.0.1:2380 --initial-advertise-peer-urls http://127.0.0.1:2380 \\
    --initial-cluster a=http://127.0.0.1:2380,b=http://127.0.0.1:22380,c=http://127.0.0.1:32380
";

/// The URLs of one flag: sorted, each once, as etcd reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlList(Vec<Url>);

impl UrlList {
    /// Reads URLs separated by commas. An empty text is an empty list, which means "not given".
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        if text.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let mut urls = text
            .split(',')
            .map(Url::parse)
            .collect::<Result<Vec<_>, _>>()?;
        urls.sort();
        urls.dedup();
        Ok(Self(urls))
    }

    /// The URLs; never empty, since an empty list is `None`.
    pub fn into_given(self) -> Option<Vec<Url>> {
        Some(self.0).filter(|urls| !urls.is_empty())
    }
}

/// Why a command line is refused, in one line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// An unknown flag, a flag without a value, or a value that its flag cannot have.
    #[error("{0}")]
    Flag(String),
    /// The same for a value from the environment.
    #[error("invalid value {value:?} for {variable}: {reason}")]
    Variable {
        /// The variable.
        variable: String,
        /// What it holds.
        value: String,
        /// Why its flag cannot have that value.
        reason: String,
    },
    /// A word that is no flag and no flag's value.
    #[error("{0:?} is not a valid flag; flags begin with --, see quorate --help")]
    Positional(String),
    /// A flag and its variable, both.
    #[error(
        "conflicting environment variable is shadowed by corresponding command-line flag (either \
         unset environment variable or disable flag)): {0}"
    )]
    Conflict(String),
}

impl UsageError {
    /// What the process ends with; the same number as etcd's.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Flag(_) => ExitCode::from(2),
            Self::Variable { .. } | Self::Positional(_) | Self::Conflict(_) => ExitCode::from(1),
        }
    }
}

/// Reads the arguments, of which the first is the program's name, and the environment.
pub fn parse<A: Into<OsString>>(
    arguments: impl IntoIterator<Item = A>,
    environment: &BTreeMap<String, String>,
) -> Result<Invocation, UsageError> {
    let mut arguments = with_two_dashes(arguments.into_iter().map(Into::into));
    let matches = match command().try_get_matches_from(&arguments) {
        Ok(matches) => matches,
        Err(error) if error.kind() == ErrorKind::DisplayHelp => {
            return Ok(Invocation::Print(error.to_string()));
        }
        Err(error) => return Err(refusal(&error)),
    };
    if matches.get_flag("version") {
        return Ok(Invocation::Print(version::text()));
    }
    let from_environment = flags_from_environment(&matches, environment)?;
    arguments.extend(from_environment.into_iter().map(OsString::from));
    let options = command()
        .try_get_matches_from(&arguments)
        .and_then(|matches| Options::from_arg_matches(&matches))
        .map_err(|error| refusal(&error))?;
    Ok(Invocation::Run {
        options: Box::new(options),
        unrecognized_variables: unrecognized_variables(environment),
    })
}

/// The command with each flag's variable in its help, on a line with the default.
fn command() -> Command {
    Options::command().mut_args(|argument| {
        let Some(variable) = variable_of(&argument) else {
            return argument;
        };
        let help = argument
            .get_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        let (what, default) = match help.find("[default") {
            Some(at) => (help[..at].trim_end(), &help[at..]),
            None => (help.as_str(), ""),
        };
        argument.help(
            format!("{what}\n[env: {variable}] {default}")
                .trim_end()
                .to_owned(),
        )
    })
}

/// `ETCD_DATA_DIR` for `--data-dir`; none for what only prints.
fn variable_of(argument: &Arg) -> Option<String> {
    let flag = argument
        .get_long()
        .filter(|flag| !matches!(*flag, "help" | "version"))?;
    Some(format!("ETCD_{}", flag.to_uppercase().replace('-', "_")))
}

/// Go's flags may have one dash: `-name x` becomes `--name x`. Short flags and numbers stay.
fn with_two_dashes(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let rewrite = |argument: OsString| match argument.to_str().map(str::as_bytes) {
        Some([b'-', first, _, ..]) if first.is_ascii_alphabetic() => {
            let mut two_dashes = OsString::from("-");
            two_dashes.push(argument);
            two_dashes
        }
        _ => argument,
    };
    arguments.map(rewrite).collect()
}

/// The variables that are set, as flags. An empty variable is as good as none. Each value is tried
/// alone, so that a refusal names the variable and not a flag that nobody wrote.
fn flags_from_environment(
    matches: &ArgMatches,
    environment: &BTreeMap<String, String>,
) -> Result<Vec<String>, UsageError> {
    let mut flags = Vec::new();
    for argument in command().get_arguments() {
        let Some(variable) = variable_of(argument) else {
            continue;
        };
        let Some(value) = environment.get(&variable).filter(|value| !value.is_empty()) else {
            continue;
        };
        if matches.value_source(argument.get_id().as_str()) == Some(ValueSource::CommandLine) {
            return Err(UsageError::Conflict(variable));
        }
        let flag = format!("--{}={value}", argument.get_long().unwrap_or_default());
        if let Err(error) = command().try_get_matches_from(["quorate", &flag]) {
            let reason = reason(&error);
            return Err(UsageError::Variable {
                variable,
                value: value.clone(),
                reason,
            });
        }
        flags.push(flag);
    }
    Ok(flags)
}

fn unrecognized_variables(environment: &BTreeMap<String, String>) -> Vec<String> {
    let known: Vec<String> = command().get_arguments().filter_map(variable_of).collect();
    let is_stray = |name: &&String| name.starts_with("ETCD_") && !known.contains(name);
    environment.keys().filter(is_stray).cloned().collect()
}

/// One line for what clap tells in a paragraph.
fn refusal(error: &clap::Error) -> UsageError {
    if error.kind() != ErrorKind::UnknownArgument {
        return UsageError::Flag(format!("{}; see quorate --help", first_paragraph(error)));
    }
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let unknown = context(ContextKind::InvalidArg).unwrap_or_default();
    if !unknown.starts_with('-') {
        return UsageError::Positional(unknown);
    }
    let advice = match context(ContextKind::SuggestedArg) {
        Some(similar) => format!("did you mean {similar}?"),
        None => "see quorate --help".to_owned(),
    };
    UsageError::Flag(format!("unknown flag {unknown}; {advice}"))
}

/// What is wrong with a value, without the flag's name.
fn reason(error: &clap::Error) -> String {
    let text = first_paragraph(error);
    match (
        std::error::Error::source(error),
        text.find("[possible values"),
    ) {
        (Some(source), _) => source.to_string(),
        (None, Some(at)) => text[at..].to_owned(),
        (None, None) => text,
    }
}

fn first_paragraph(error: &clap::Error) -> String {
    let text = error.to_string();
    let lines = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim);
    let joined = lines.collect::<Vec<_>>().join(" ");
    joined.strip_prefix("error: ").unwrap_or(&joined).to_owned()
}

#[cfg(test)]
mod tests;
