//! The binary `quorate`: reads the command line, starts the log, serves, and ends with a code.

mod allocator;
mod process;

use std::{collections::BTreeMap, env, fmt, io::Write as _, process::ExitCode};

use quorate_server::{
    cli::{self, Invocation},
    config::Config,
    logging, version,
};

fn main() -> ExitCode {
    let (options, unrecognized_variables) = match cli::parse(env::args_os(), &environment()) {
        Ok(Invocation::Run {
            options,
            unrecognized_variables,
        }) => (options, unrecognized_variables),
        Ok(Invocation::Print(text)) => return print(&text),
        Err(error) => return refuse(&error, error.exit_code()),
    };
    let (log_level, log_format) = (options.log_level, options.log_format);
    let config = match Config::new(*options) {
        Ok(config) => config,
        Err(error) => return refuse(&error, ExitCode::FAILURE),
    };
    logging::init(log_level, log_format);
    for variable in unrecognized_variables {
        tracing::warn!(
            environment_variable = variable,
            "unrecognized environment variable"
        );
    }
    if config.progress.is_raised {
        let interval = config.progress.interval;
        tracing::warn!(
            ?interval,
            "adjusting watch progress notify interval to minimum period"
        );
    }
    tracing::info!(
        version = version::QUORATE_VERSION,
        etcd_version = version::ETCD_VERSION,
        name = config.name,
        data_dir = %config.data_dir.display(),
        members = config.cluster.members.len(),
        "starting"
    );
    match process::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// What is not Unicode cannot be the value of a flag and is left out.
fn environment() -> BTreeMap<String, String> {
    env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

/// A closed pipe behind `--help` is no failure.
fn print(text: &str) -> ExitCode {
    let _ = std::io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

/// One line, before there is a log.
fn refuse(error: &impl fmt::Display, code: ExitCode) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "quorate: {error}");
    code
}
