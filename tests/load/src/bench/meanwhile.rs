//! Puts at a fixed rate, and how late they are while the server has something large to do.

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

use super::{
    Options, Report,
    cluster::{Cluster, Program, poll},
    results::{Metric, Sample, Section},
    steady::{SETTLE, load_keys, note_errors},
};
use crate::{Load, LoadError, Timeline, Workload, call::Call, run_while};

pub(super) const RANGE: &str = "ranging all keys";
pub(super) const COUNT: &str = "counting all keys";
pub(super) const COMPACTION: &str = "compacting as many versions";
pub(super) const CHECKPOINT: &str = "writing a checkpoint (etcd: sending a snapshot)";
pub(super) const DEFRAGMENTATION: &str = "defragmenting";

/// Clients that put.
const CLIENTS: usize = 16;

/// Between two disturbances, and after the last.
const PAUSE: Duration = Duration::from_millis(200);

/// A checkpoint that is due at start begins within this time.
const CHECKPOINT_BEGINS: Duration = Duration::from_secs(1);

/// How often the data directory is looked at for a checkpoint.
const LOOK_INTERVAL: Duration = Duration::from_millis(1);

/// The longest wait for a checkpoint.
const CHECKPOINT_LIMIT: Duration = Duration::from_secs(120);

pub(super) fn measure(
    options: &Options,
    program: &Program,
    directory: PathBuf,
    report: &mut Report<'_>,
) -> Result<(), LoadError> {
    let mut cluster = Cluster::start(program, directory, 1)?;
    // Twice, so that a compaction has as many old versions to remove as there are keys.
    for _ in 0..2 {
        load_keys(&cluster.target(), options.keys)?;
    }
    for (title, call, repeat) in [
        (RANGE, Call::RangeAll, true),
        (COUNT, Call::CountAll, true),
        (COMPACTION, Call::Compact, false),
    ] {
        disturb(options, &cluster, title, report, |timeline| {
            ask(options, &cluster, call, repeat, timeline)
        });
    }
    if program.is_etcd() {
        disturb(options, &cluster, CHECKPOINT, report, |timeline| {
            ask(options, &cluster, Call::Snapshot, true, timeline)
        });
    } else {
        // Due once more after the warm-up and the quiet time.
        let entries = options.rate * (options.warmup + options.seconds);
        cluster.restart(&[&format!("--snapshot-count={}", entries.max(1.0).round())])?;
        pass_checkpoint_at_start(&cluster.data_dir())?;
        let data_dir = cluster.data_dir();
        disturb(options, &cluster, CHECKPOINT, report, |timeline| {
            see_a_checkpoint(&data_dir, timeline)
        });
        cluster.restart(&[])?;
    }
    disturb(options, &cluster, DEFRAGMENTATION, report, |timeline| {
        ask(options, &cluster, Call::Defragment, false, timeline)
    });
    Ok(())
}

/// Puts while `conduct` disturbs; it returns how often it did, and how long that took in all. A
/// disturbance that the server refuses is a note.
fn disturb(
    options: &Options,
    cluster: &Cluster,
    title: &str,
    report: &mut Report<'_>,
    conduct: impl FnOnce(&Timeline) -> Result<(u32, Duration), LoadError>,
) {
    let settled = settle(&cluster.data_dir());
    let load = Load {
        keys: options.keys,
        rate: Some(options.rate),
        warmup: options.warmup,
        ..Load::new(Workload::Put, CLIENTS)
    };
    let mut took = (1, Duration::ZERO);
    let outcome = settled.and_then(|()| {
        run_while(&cluster.target(), &load, |timeline| {
            took = conduct(timeline)?;
            thread::sleep(PAUSE);
            Ok(())
        })
    });
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => return report.note(title, &error.to_string()),
    };
    report.others(&outcome.usage);
    note_errors(&outcome, title, report);
    let quiet = outcome.quiet.quantile_us(0.99);
    let disturbed = outcome.disturbed.quantile_us(0.99);
    let (times, took) = took;
    let sample = Sample::from([
        (Metric::QuietP99, quiet),
        (Metric::DisturbedP99, disturbed),
        (Metric::DisturbedOverQuiet, disturbed / quiet.max(1e-9)),
        (Metric::DisturbedMax, outcome.disturbed.max_us()),
        (Metric::Took, took.as_secs_f64() / f64::from(times)),
    ]);
    report.add(Section::Meanwhile, title, sample);
}

/// Quiet for a while; then the call, once, or again and again for as long, so that short ones are
/// seen by enough puts.
fn ask(
    options: &Options,
    cluster: &Cluster,
    call: Call,
    repeat: bool,
    timeline: &Timeline,
) -> Result<(u32, Duration), LoadError> {
    let while_measured = Duration::from_secs_f64(options.seconds);
    thread::sleep(while_measured);
    let first = Instant::now();
    let (mut times, mut took) = (0, Duration::ZERO);
    while times == 0 || repeat && first.elapsed() < while_measured {
        let start = Instant::now();
        timeline.disturb();
        let answered = call.ask(&cluster.endpoint());
        timeline.leave_alone();
        answered?;
        took += start.elapsed();
        times += 1;
        thread::sleep(PAUSE);
    }
    Ok((times, took))
}

/// From the appearance of a checkpoint's temporary file until it has its name.
fn see_a_checkpoint(data_dir: &Path, timeline: &Timeline) -> Result<(u32, Duration), LoadError> {
    let awaited = Instant::now();
    let mut since = None;
    loop {
        match (is_writing_checkpoint(data_dir), since) {
            (true, None) => {
                timeline.disturb();
                since = Some(Instant::now());
            }
            (false, Some(since)) => {
                timeline.leave_alone();
                return Ok((1, since.elapsed()));
            }
            _ if awaited.elapsed() > CHECKPOINT_LIMIT => {
                return Err(LoadError::Late {
                    what: "a checkpoint".to_owned(),
                    limit_s: CHECKPOINT_LIMIT.as_secs(),
                });
            }
            _ => thread::sleep(LOOK_INTERVAL),
        }
    }
}

/// A server that starts with a long log behind its last checkpoint writes one at once.
fn pass_checkpoint_at_start(data_dir: &Path) -> Result<(), LoadError> {
    let start = Instant::now();
    while start.elapsed() < CHECKPOINT_BEGINS && !is_writing_checkpoint(data_dir) {
        thread::sleep(LOOK_INTERVAL);
    }
    settle(data_dir)
}

/// Waits for a while, and until no checkpoint is being written.
fn settle(data_dir: &Path) -> Result<(), LoadError> {
    thread::sleep(SETTLE);
    poll("a checkpoint", || {
        Ok((!is_writing_checkpoint(data_dir)).then_some(()))
    })
}

fn is_writing_checkpoint(data_dir: &Path) -> bool {
    let names = fs::read_dir(data_dir).into_iter().flatten().flatten();
    names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .any(|name| name.starts_with("checkpoint-") && name.ends_with(".tmp"))
}
