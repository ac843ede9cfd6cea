//! What it takes to answer with a million keys: in one message, and as a stream.

use std::{
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use super::{
    Options, Report,
    cluster::{Cluster, Program},
    results::{Metric, Sample, Section},
    steady::{SETTLE, load_keys, megabytes},
};
use crate::{LoadError, call::Call, usage};

pub(super) const MESSAGE: &str = "all keys in one message";
pub(super) const STREAM: &str = "all keys by RangeStream";

pub(super) fn measure(
    options: &Options,
    program: &Program,
    directory: PathBuf,
    report: &mut Report<'_>,
) -> Result<(), LoadError> {
    let cluster = Cluster::start(program, directory, 1)?;
    load_keys(&cluster.target(), options.keys)?;
    let mut calls = vec![(MESSAGE, Call::RangeAll)];
    // etcd has it from 3.7 on.
    if !program.is_etcd() {
        calls.insert(0, (STREAM, Call::StreamAll));
    }
    for (title, call) in calls {
        thread::sleep(SETTLE);
        match peak(&cluster, call) {
            Ok((grown, took)) => {
                let sample = Sample::from([
                    (Metric::PeakGrowth, megabytes(grown)),
                    (Metric::Took, took.as_secs_f64()),
                ]);
                report.add(Section::Crowd, title, sample);
            }
            Err(error) => report.note(title, &error.to_string()),
        }
    }
    Ok(())
}

/// By how much memory grew at the most while a call was answered, and how long that took.
fn peak(cluster: &Cluster, call: Call) -> Result<(u64, Duration), LoadError> {
    let pids = cluster.target().pids;
    let pid = pids.first().copied().unwrap_or_default();
    let before = usage::resident_bytes(pid);
    usage::forget_peak(pid).map_err(LoadError::system("reset the peak of memory"))?;
    let start = Instant::now();
    call.ask(&cluster.endpoint())?;
    let took = start.elapsed();
    Ok((usage::peak_bytes(pid).saturating_sub(before), took))
}
