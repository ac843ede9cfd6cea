//! The command `quorate-load`: `run` for one load, `bench` for the benchmark.

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use quorate_load::{Load, LoadError, Outcome, Target, bench};
use serde_json::{Value, json};

/// Load for servers that speak etcd's v3 API.
#[derive(Parser)]
#[command(name = "quorate-load", max_term_width = 100)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Drive one load against servers that run; prints one line of JSON
    Run {
        #[command(flatten)]
        load: Load,
        /// Host and port of each server; connections go to them in turn
        #[arg(long, value_delimiter = ',', default_value = "127.0.0.1:2379")]
        endpoints: Vec<String>,
        /// The servers' processes, to say what they use
        #[arg(long, value_delimiter = ',')]
        pids: Vec<u32>,
    },
    /// Measure Quorate and a peer in turns; prints tables (`ci/bench` is the way to call it)
    #[command(args_override_self = true)]
    Bench(bench::Options),
}

fn main() -> ExitCode {
    match execute(Options::parse().command) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("quorate-load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<String, LoadError> {
    match command {
        Command::Run {
            load,
            endpoints,
            pids,
        } => {
            let target = Target { endpoints, pids };
            let outcome = quorate_load::run(&target, &load)?;
            Ok(json_of(&outcome).to_string())
        }
        Command::Bench(options) => bench::bench(&options),
    }
}

fn json_of(outcome: &Outcome) -> Value {
    let (quiet, usage) = (&outcome.quiet, &outcome.usage);
    json!({
        "ops_s": outcome.operations_per_s(),
        "items_s": quiet.items as f64 / usage.seconds,
        "p50_us": quiet.quantile_us(0.50),
        "p90_us": quiet.quantile_us(0.90),
        "p99_us": quiet.quantile_us(0.99),
        "p999_us": quiet.quantile_us(0.999),
        "max_us": quiet.max_us(),
        "errors": quiet.errors,
        "first_error": quiet.first_error,
        "seconds": usage.seconds,
        "client_cpu_s": usage.client_cpu_s,
        "server_cpu_s": usage.server_cpu_s,
        "other_cpu_s": usage.other_cpu_s,
        "server_written_bytes": usage.written_bytes,
        "server_resident_bytes": usage.resident_bytes,
    })
}
