//! One workload, as fast as answers come, for a while.

use std::{fmt, path::PathBuf, time::Duration};

use super::{
    Options, Report,
    cluster::{Cluster, Program},
    results::{Metric, Sample, Section},
};
use crate::{Load, LoadError, Outcome, Target, Workload, run};

/// Keys that are there before the first read.
const LOADED_KEYS: u64 = 100_000;
const LOADING_CLIENTS: usize = 16;

const BYTES_PER_MB: f64 = 1e6;

pub(super) struct Steady {
    /// The suite's.
    pub(super) name: String,
    pub(super) workload: Workload,
    pub(super) clients: usize,
    pub(super) members: usize,
    pub(super) value_bytes: usize,
}

impl fmt::Display for Steady {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&title(&self.name, self.clients, self.members))
    }
}

/// The row of such a cell.
pub(super) fn title(name: &str, clients: usize, members: usize) -> String {
    let plural = if clients == 1 { "" } else { "s" };
    match members {
        1 => format!("{name}, {clients} client{plural}"),
        _ => format!("{name}, {clients} client{plural}, {members} members"),
    }
}

pub(super) fn measure(
    options: &Options,
    steady: &Steady,
    program: &Program,
    directory: PathBuf,
    report: &mut Report<'_>,
) -> Result<(), LoadError> {
    let cluster = Cluster::start(program, directory, steady.members)?;
    let target = cluster.target();
    let reads = [Workload::Range, Workload::RangeSer, Workload::Mixed];
    if reads.contains(&steady.workload) {
        load_keys(&target, LOADED_KEYS)?;
    }
    let load = Load {
        seconds: options.seconds,
        warmup: options.warmup,
        keys: LOADED_KEYS,
        value_bytes: steady.value_bytes,
        ..Load::new(steady.workload, steady.clients)
    };
    let outcome = run(&target, &load)?;
    let title = steady.to_string();
    report.others(&outcome.usage);
    note_errors(&outcome, &title, report);
    report.add(Section::Steady, &title, sample(&outcome));
    Ok(())
}

/// Until what goes on behind the last answer of a load is done, for the most part.
pub(super) const SETTLE: Duration = Duration::from_secs(2);

/// Writes this many keys once.
pub(super) fn load_keys(target: &Target, keys: u64) -> Result<Outcome, LoadError> {
    let load = Load {
        keys,
        ..Load::new(Workload::Load, LOADING_CLIENTS)
    };
    run(target, &load)
}

pub(super) fn note_errors(outcome: &Outcome, title: &str, report: &mut Report<'_>) {
    for recorder in [&outcome.quiet, &outcome.disturbed] {
        if let Some(error) = &recorder.first_error {
            report.note(title, &format!("{} errors: {error}", recorder.errors));
        }
    }
}

fn sample(outcome: &Outcome) -> Sample {
    let operations = outcome.quiet.operations().max(1) as f64;
    Sample::from([
        (Metric::Operations, outcome.operations_per_s()),
        (Metric::P50, outcome.quiet.quantile_us(0.50)),
        (Metric::P99, outcome.quiet.quantile_us(0.99)),
        (Metric::CpuPerOperation, outcome.cpu_us_per_operation()),
        (
            Metric::WrittenPerOperation,
            outcome.usage.written_bytes as f64 / operations,
        ),
        (Metric::Resident, megabytes(outcome.usage.resident_bytes)),
    ])
}

pub(super) fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / BYTES_PER_MB
}
