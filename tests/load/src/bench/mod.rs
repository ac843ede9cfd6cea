//! The benchmark: Quorate and a peer side by side, workload by workload, in turns.
//!
//! For each workload every round starts a fresh Quorate, measures, stops it, and does the same with
//! the peer; so what else the machine does meets both alike, and each round gives one ratio.

mod bars;
mod cluster;
mod crowd;
mod interrupt;
mod meanwhile;
mod million;
mod results;
mod steady;
mod suite;
mod table;
mod wide;

use std::{path::PathBuf, process, thread};

use clap::Args;

use self::{
    cluster::Program,
    interrupt::Scratch,
    results::{Results, Sample, Section, Side},
    suite::{Cell, Suite},
};
use crate::{LoadError, Usage};

/// What to measure, and of whom.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Workloads [default: all]
    #[arg(value_enum)]
    workloads: Vec<Suite>,
    /// Rounds; each measures both servers once
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds that each cell is measured
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Seconds before, which are not
    #[arg(long, default_value_t = 1.0)]
    warmup: f64,
    /// Members of the cluster: 1 or 3 [default: 1; with all workloads also put and range on 3]
    #[arg(long, value_parser = ["1", "3"])]
    members: Option<String>,
    /// Clients, instead of each workload's own choice
    #[arg(long, value_delimiter = ',')]
    clients: Vec<usize>,
    /// Keys of `million` and `meanwhile`
    #[arg(long, default_value_t = 1_000_000)]
    keys: u64,
    /// Puts a second in `meanwhile`
    #[arg(long, default_value_t = 1000.0)]
    rate: f64,
    /// Quorate's binary
    #[arg(long, value_name = "PATH")]
    quorate: PathBuf,
    /// The binary to compare with: etcd, or another build of Quorate
    #[arg(long, value_name = "PATH")]
    peer: Option<PathBuf>,
    /// Why there is none
    #[arg(long, value_name = "REASON", default_value = "none is given")]
    no_peer: String,
    /// Where the servers keep their data, on the disk that is to be measured
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// Measures, and returns the tables. Says on standard error how it goes on. Ends the process, its
/// servers and their data on SIGINT, SIGTERM and SIGHUP. A cell that fails is a note below the tables.
///
/// # Errors
/// Signals cannot be caught, or the directory cannot be made.
pub fn bench(options: &Options) -> Result<String, LoadError> {
    interrupt::clean_up_on_signals()?;
    let scratch = Scratch::create(options.dir.join(format!("bench-{}", process::id())))?;
    let mut bench = Bench {
        options,
        scratch,
        results: Results::default(),
        started: 0,
    };
    let cells = options.cells();
    for (index, cell) in cells.iter().enumerate() {
        eprintln!("== {} of {}: {cell}", index + 1, cells.len());
        for round in 0..options.rounds {
            for (side, program) in options.programs() {
                bench.measure(cell, round, side, &program);
            }
        }
    }
    Ok(table::render(options, &bench.results))
}

impl Options {
    fn programs(&self) -> Vec<(Side, Program)> {
        let quorate = Program {
            name: "Quorate".to_owned(),
            path: self.quorate.clone(),
        };
        let mut programs = vec![(Side::Quorate, quorate)];
        if let Some(path) = &self.peer {
            let name = self.peer_name();
            let path = path.clone();
            programs.push((Side::Peer, Program { name, path }));
        }
        programs
    }

    fn peer_name(&self) -> String {
        let file_name = self.peer.as_ref().and_then(|path| path.file_name());
        match file_name.and_then(|name| name.to_str()) {
            None | Some("etcd") => "etcd".to_owned(),
            Some(name) => format!("other {name}"),
        }
    }

    fn cells(&self) -> Vec<Cell> {
        let members = self.members.as_deref();
        let three = members == Some("3");
        let suites = match (self.workloads.is_empty(), three) {
            (false, _) => self.workloads.clone(),
            (true, false) => suite::ALL.to_vec(),
            (true, true) => suite::ON_THREE.to_vec(),
        };
        let count = if three { 3 } else { 1 };
        let mut cells: Vec<Cell> = suites
            .iter()
            .flat_map(|suite| suite.cells(count, &self.clients))
            .collect();
        if self.workloads.is_empty() && members.is_none() {
            let on_three = suite::ON_THREE.iter();
            cells.extend(on_three.flat_map(|suite| suite.cells(3, &self.clients)));
        }
        cells
    }
}

/// A run of the benchmark.
struct Bench<'a> {
    options: &'a Options,
    scratch: Scratch,
    results: Results,
    /// Clusters started so far; each has a directory of its own.
    started: usize,
}

impl Bench<'_> {
    fn measure(&mut self, cell: &Cell, round: usize, side: Side, program: &Program) {
        self.started += 1;
        let directory = self.scratch.path().join(self.started.to_string());
        let mut report = Report {
            results: &mut self.results,
            round,
            side,
            server: &program.name,
        };
        let measured = match cell {
            Cell::Steady(steady) => {
                steady::measure(self.options, steady, program, directory, &mut report)
            }
            Cell::Million => million::measure(self.options, program, directory, &mut report),
            Cell::FanOut => crowd::fan_out(self.options, program, directory, &mut report),
            Cell::Many => crowd::many(self.options, program, directory, &mut report),
            Cell::Idle => crowd::idle(self.options, program, directory, &mut report),
            Cell::Silent => crowd::silent(program, directory, &mut report),
            Cell::Wide => wide::measure(self.options, program, directory, &mut report),
            Cell::Meanwhile => meanwhile::measure(self.options, program, directory, &mut report),
        };
        if let Err(error) = measured {
            report.note(&cell.to_string(), &error.to_string());
        }
    }
}

/// Where a measurement puts what it finds.
struct Report<'a> {
    results: &'a mut Results,
    round: usize,
    side: Side,
    server: &'a str,
}

impl Report<'_> {
    fn add(&mut self, section: Section, title: &str, sample: Sample) {
        let values = sample.iter();
        let values = values.map(|(metric, value)| format!("{} {value:.1}", metric.title()));
        let values = values.collect::<Vec<_>>().join(", ");
        eprintln!(
            "{title}, round {}, {}: {values}",
            self.round + 1,
            self.server
        );
        self.results
            .add(section, title, self.round, self.side, sample);
    }

    fn note(&mut self, title: &str, what: &str) {
        eprintln!("{title}, {}: {what}", self.server);
        self.results
            .note(format!("{title}, {}: {what}", self.server));
    }

    /// What others took of the machine in the meantime.
    fn others(&mut self, usage: &Usage) {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        let share = usage.other_cpu_s / (usage.seconds.max(1e-9) * cores as f64);
        self.results.others.push(share);
    }
}
