//! Many clients that do little: watchers of the same keys, very many watchers, idle connections,
//! clients that do not read.

use std::{path::PathBuf, thread, time::Duration};

use super::{
    Options, Report,
    cluster::{Cluster, Program},
    results::{Metric, Sample, Section},
    steady::{SETTLE, megabytes, note_errors},
};
use crate::{
    Load, LoadError, Outcome, Workload,
    idle::{Idle, raise_file_limit},
    run, run_while, silent, usage,
    watch::{Crowd, Watched, Watchers},
};

pub(super) const FAN_OUT: &str = "an event to 100 watchers";
pub(super) const MANY: &str = "100,000 watchers of a key each";
pub(super) const IDLE: &str = "10,000 idle connections";
pub(super) const SILENT: &str = "100 watchers that do not read";

/// Puts a second where their events go to all watchers: few, so that no event waits for another.
const FAN_OUT_PUTS_PER_S: f64 = 200.0;

const KEYS: u64 = 100_000;
const PUTTING_CLIENTS: usize = 64;

const IDLE_CONNECTIONS: usize = 10_000;

const SILENT_CLIENTS: usize = 100;
/// What is put while some do not read: each time more than a server should keep for one of them.
const SILENT_PUTS: u64 = 20_000;
const SILENT_VALUE_BYTES: usize = 4096;

/// The events of the last put come within this time.
const EVENTS_LIMIT: Duration = Duration::from_secs(60);

/// How late an event is beyond the answer of its put, where all watch everything.
pub(super) fn fan_out(
    options: &Options,
    program: &Program,
    directory: PathBuf,
    report: &mut Report<'_>,
) -> Result<(), LoadError> {
    let cluster = Cluster::start(program, directory, 1)?;
    let crowd = Crowd {
        connections: 10,
        streams: 100,
        watchers_per_stream: 1,
        watched: Watched::All,
    };
    let watchers = Watchers::start(&cluster.endpoint(), crowd)?;
    let load = Load {
        rate: Some(FAN_OUT_PUTS_PER_S),
        ..puts(options, 1)
    };
    let outcome = put_beside(options, &cluster, &watchers, &load)?;
    report.others(&outcome.usage);
    note_errors(&outcome, FAN_OUT, report);
    let events = watchers.take();
    let put_us = outcome.quiet.quantile_us(0.5);
    let sample = Sample::from([
        (Metric::P50, put_us),
        (Metric::EventP50, events.quantile_us(0.5)),
        (Metric::EventP99, events.quantile_us(0.99)),
        (
            Metric::EventBeyondPut,
            (events.quantile_us(0.5) - put_us).max(0.0),
        ),
        (Metric::CpuPerOperation, outcome.cpu_us_per_operation()),
    ]);
    report.add(Section::Crowd, FAN_OUT, sample);
    Ok(())
}

/// What a watcher takes, and puts of watched keys.
pub(super) fn many(
    options: &Options,
    program: &Program,
    directory: PathBuf,
    report: &mut Report<'_>,
) -> Result<(), LoadError> {
    let cluster = Cluster::start(program, directory, 1)?;
    thread::sleep(SETTLE);
    let before = resident_bytes(&cluster);
    let crowd = Crowd {
        connections: 4,
        streams: 16,
        watchers_per_stream: KEYS as usize / 16,
        watched: Watched::Own,
    };
    let watchers = Watchers::start(&cluster.endpoint(), crowd)?;
    thread::sleep(SETTLE);
    let grown = resident_bytes(&cluster).saturating_sub(before);
    let outcome = put_beside(
        options,
        &cluster,
        &watchers,
        &puts(options, PUTTING_CLIENTS),
    )?;
    report.others(&outcome.usage);
    note_errors(&outcome, MANY, report);
    let events = watchers.take();
    let sample = Sample::from([
        (Metric::BytesEach, grown as f64 / crowd.watchers() as f64),
        (Metric::Operations, outcome.operations_per_s()),
        (Metric::P50, outcome.quiet.quantile_us(0.5)),
        (Metric::P99, outcome.quiet.quantile_us(0.99)),
        (Metric::EventP50, events.quantile_us(0.5)),
        (Metric::CpuPerOperation, outcome.cpu_us_per_operation()),
    ]);
    report.add(Section::Crowd, MANY, sample);
    Ok(())
}

/// What a connection takes, and puts of another client.
pub(super) fn idle(
    options: &Options,
    program: &Program,
    directory: PathBuf,
    report: &mut Report<'_>,
) -> Result<(), LoadError> {
    raise_file_limit()?;
    let cluster = Cluster::start(program, directory, 1)?;
    let load = Load {
        seconds: options.seconds,
        warmup: options.warmup,
        ..puts(options, 1)
    };
    let alone = run(&cluster.target(), &load)?;
    thread::sleep(SETTLE);
    let before = resident_bytes(&cluster);
    let _idle = Idle::open(&cluster.endpoint(), IDLE_CONNECTIONS)?;
    thread::sleep(SETTLE);
    let grown = resident_bytes(&cluster).saturating_sub(before);
    let beside = run(&cluster.target(), &load)?;
    report.others(&beside.usage);
    note_errors(&beside, IDLE, report);
    let sample = Sample::from([
        (Metric::BytesEach, grown as f64 / IDLE_CONNECTIONS as f64),
        (Metric::Operations, beside.operations_per_s()),
        (Metric::P50, beside.quiet.quantile_us(0.5)),
        (Metric::P99, beside.quiet.quantile_us(0.99)),
        (Metric::QuietP50, alone.quiet.quantile_us(0.5)),
    ]);
    report.add(Section::Crowd, IDLE, sample);
    Ok(())
}

/// The same puts twice: first with one watcher, which reads, then with more that do not.
pub(super) fn silent(
    program: &Program,
    directory: PathBuf,
    report: &mut Report<'_>,
) -> Result<(), LoadError> {
    let cluster = Cluster::start(program, directory, 1)?;
    let crowd = Crowd {
        connections: 1,
        streams: 1,
        watchers_per_stream: 1,
        watched: Watched::All,
    };
    let reader = Watchers::start(&cluster.endpoint(), crowd)?;
    let mut put_all = || -> Result<(Outcome, f64, f64), LoadError> {
        let before = resident_bytes(&cluster) as f64;
        let load = Load {
            keys: SILENT_PUTS,
            value_bytes: SILENT_VALUE_BYTES,
            batch: 1,
            stamped: true,
            ..Load::new(Workload::Load, PUTTING_CLIENTS)
        };
        let outcome = run(&cluster.target(), &load)?;
        let events = reader.take_at_least(SILENT_PUTS, EVENTS_LIMIT)?;
        thread::sleep(SETTLE);
        let grown = resident_bytes(&cluster) as f64 - before;
        report.others(&outcome.usage);
        note_errors(&outcome, SILENT, report);
        Ok((outcome, events.quantile_us(0.99), grown))
    };
    let (_, _, grown_alone) = put_all()?;
    let silent = (0..SILENT_CLIENTS).map(|n| silent::watch(&cluster.endpoint(), n % 2 == 0));
    let _silent = silent.collect::<Result<Vec<_>, _>>()?;
    let (outcome, event_us, grown) = put_all()?;
    let each = (grown - grown_alone).max(0.0) / SILENT_CLIENTS as f64;
    let sample = Sample::from([
        (Metric::BytesEach, each),
        (Metric::Operations, outcome.operations_per_s()),
        (Metric::P99, outcome.quiet.quantile_us(0.99)),
        (Metric::EventP99, event_us),
        (Metric::Resident, megabytes(resident_bytes(&cluster))),
    ]);
    report.add(Section::Crowd, SILENT, sample);
    Ok(())
}

fn puts(options: &Options, clients: usize) -> Load {
    Load {
        seconds: options.seconds,
        warmup: options.warmup,
        keys: KEYS,
        stamped: true,
        ..Load::new(Workload::Put, clients)
    }
}

/// Puts, and has the watchers count the events of the measured time only.
fn put_beside(
    options: &Options,
    cluster: &Cluster,
    watchers: &Watchers,
    load: &Load,
) -> Result<Outcome, LoadError> {
    run_while(&cluster.target(), load, |_| {
        watchers.take();
        thread::sleep(Duration::from_secs_f64(options.seconds));
        Ok(())
    })
}

fn resident_bytes(cluster: &Cluster) -> u64 {
    let pids = cluster.target().pids;
    pids.into_iter().map(usage::resident_bytes).sum()
}
