//! A large state: how fast it is loaded, what it takes, and how soon it is back after a restart.

use std::{path::PathBuf, thread};

use super::{
    Options, Report,
    cluster::{Cluster, Program},
    results::{Metric, Sample, Section},
    steady::{SETTLE, load_keys, megabytes, note_errors},
};
use crate::{LoadError, usage};

/// The row, with as many keys as there are.
pub(super) const TITLE: &str = "million";

pub(super) fn measure(
    options: &Options,
    program: &Program,
    directory: PathBuf,
    report: &mut Report<'_>,
) -> Result<(), LoadError> {
    let mut cluster = Cluster::start(program, directory, 1)?;
    let outcome = load_keys(&cluster.target(), options.keys)?;
    report.others(&outcome.usage);
    note_errors(&outcome, TITLE, report);
    thread::sleep(SETTLE);
    let resident = resident_mb(&cluster);
    let disk = megabytes(cluster.disk_bytes());
    let restart = cluster.restart(&[])?;
    let usage = outcome.usage;
    let sample = Sample::from([
        (
            Metric::LoadedKeys,
            outcome.quiet.items as f64 / usage.seconds,
        ),
        (Metric::LoadCpu, usage.server_cpu_s),
        (Metric::Written, megabytes(usage.written_bytes)),
        (Metric::Resident, resident),
        (Metric::Disk, disk),
        (Metric::Restart, restart.as_secs_f64()),
        (Metric::ResidentAfterRestart, resident_mb(&cluster)),
    ]);
    report.add(Section::Million, TITLE, sample);
    Ok(())
}

fn resident_mb(cluster: &Cluster) -> f64 {
    let pids = cluster.target().pids;
    megabytes(pids.into_iter().map(usage::resident_bytes).sum())
}
