//! Walking through a recorded run, forwards and backwards: what had been seen by now, how far each
//! member was, in what two of them differed.
//!
//! [`Walk`] takes a line and gives text back; it neither reads nor prints. What it shows of keys and
//! leases is what the log says. Transcripts are under `sim/walks/`.

mod command;
mod show;
mod state;

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Blob, History, Keys, Stats, What};
use command::{Command, HELP, Subject};
use state::State;

/// Whether the walk goes on behind an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What to print; empty for nothing.
    Text(String),
    /// The walk is over.
    Over,
}

/// A walk through one history. It stands between two records, at first before the first one.
pub struct Walk<'a> {
    history: &'a History,
    /// Number of records passed.
    at: usize,
    state: State<'a>,
    breaks: BTreeSet<Blob>,
    /// The request that each answer belongs to.
    requests: BTreeMap<usize, usize>,
}

impl<'a> Walk<'a> {
    /// At the beginning of `history`.
    pub fn new(history: &'a History) -> Self {
        let operations = history.operations();
        let requests = operations
            .iter()
            .filter_map(|operation| Some((operation.end?.1, operation.invoke_record)));
        Self {
            history,
            at: 0,
            state: State::default(),
            breaks: BTreeSet::new(),
            requests: requests.collect(),
        }
    }

    /// Carries out one line. An empty one, or a comment, does nothing.
    pub fn carry_out(&mut self, line: &str) -> Reply {
        let line = line.split('#').next().unwrap_or_default();
        if line.trim().is_empty() {
            return Reply::Text(String::new());
        }
        match line.parse() {
            Ok(Command::Quit) => Reply::Over,
            Ok(command) => Reply::Text(self.answer(command)),
            Err(reason) => Reply::Text(reason),
        }
    }

    fn answer(&mut self, command: Command) -> String {
        match command {
            Command::Open => {
                self.go_to(0);
                let records = self.history.records().len();
                format!("{records} records: {}", Stats::of(self.history))
            }
            Command::Step(count) => self.step(count),
            Command::Back(count) => {
                self.go_to(self.at.saturating_sub(count));
                self.place()
            }
            Command::Index(index) => self.go_to_index(index),
            Command::Time(at_ns) => {
                let records = self.history.records();
                self.go_to(records.partition_point(|record| record.at_ns <= at_ns));
                self.place()
            }
            Command::Break(key) => {
                self.breaks.insert(key);
                let keys: Vec<String> = self.breaks.iter().map(ToString::to_string).collect();
                format!("breaks: {}", keys.join(" "))
            }
            Command::Run => self.run(),
            Command::Show(Subject::Keys) => self.keys(),
            Command::Show(Subject::Key(key)) => self.key(&key),
            Command::Show(Subject::Leases) => self.leases(),
            Command::Show(Subject::Lease(id)) => self.lease(id),
            Command::Show(Subject::Members) => self.members(),
            Command::Member(member) => self.member(member),
            Command::Diff(one, other) => self.diff(one, other),
            Command::Where => self.place(),
            Command::Help | Command::Quit => HELP.to_owned(),
        }
    }

    fn step(&mut self, count: usize) -> String {
        let last = self.history.records().len();
        let end = self.at.saturating_add(count).min(last);
        if self.at == last {
            return "this is the end of the run".to_owned();
        }
        self.go_to(end);
        self.place()
    }

    /// To right behind the first record of the entry at this log position.
    fn go_to_index(&mut self, wanted: u64) -> String {
        let found = self.history.records().iter().position(
            |record| matches!(record.what, What::Committed { index, .. } if index == wanted),
        );
        match found {
            Some(record) => {
                self.go_to(record + 1);
                self.place()
            }
            None => format!("nobody saw an entry at log position {wanted}"),
        }
    }

    fn run(&mut self) -> String {
        if self.breaks.is_empty() {
            return "there is no break: `break KEY` first".to_owned();
        }
        let last = self.history.records().len();
        let found = (self.at..last).find(|record| self.concerns_a_break(*record));
        self.go_to(found.map_or(last, |record| record + 1));
        let place = self.place();
        match found {
            Some(_) => place,
            None => format!("{place}\nno record behind concerns the keys; this is the end"),
        }
    }

    /// An answer concerns the keys of its request.
    fn concerns_a_break(&self, record: usize) -> bool {
        let told = self.requests.get(&record).copied().unwrap_or(record);
        let keys: Vec<Keys> = self.history.records()[told].what.keys();
        self.breaks
            .iter()
            .any(|key| keys.iter().any(|keys| keys.contains(key)))
    }

    /// Stands behind `at` records.
    fn go_to(&mut self, at: usize) {
        if at < self.at {
            self.state = State::default();
            self.at = 0;
        }
        for record in &self.history.records()[self.at..at] {
            self.state.add(record);
        }
        self.at = at;
    }
}

#[cfg(test)]
mod tests;
