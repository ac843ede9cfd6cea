//! What was measured: for each row, round and server the values of its metrics.

use std::collections::{BTreeMap, BTreeSet};

/// What a value says. The order is that of the columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Metric {
    Operations,
    P50,
    P99,
    CpuPerOperation,
    WrittenPerOperation,
    Resident,
    LoadedKeys,
    LoadCpu,
    Written,
    Disk,
    Restart,
    ResidentAfterRestart,
    QuietP99,
    DisturbedP99,
    DisturbedOverQuiet,
    DisturbedMax,
    Took,
    QuietP50,
    EventP50,
    EventP99,
    EventBeyondPut,
    BytesEach,
    PeakGrowth,
}

impl Metric {
    /// With its unit.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Operations => "ops/s",
            Self::P50 => "p50 µs",
            Self::P99 => "p99 µs",
            Self::CpuPerOperation => "CPU µs/op",
            Self::WrittenPerOperation => "written B/op",
            Self::Resident => "RSS MB",
            Self::LoadedKeys => "load, keys/s",
            Self::LoadCpu => "load, CPU s",
            Self::Written => "load, written MB",
            Self::Disk => "disk used MB",
            Self::Restart => "restart to first read, s",
            Self::ResidentAfterRestart => "RSS after restart MB",
            Self::QuietP99 => "quiet p99 µs",
            Self::DisturbedP99 => "p99 meanwhile µs",
            Self::DisturbedOverQuiet => "meanwhile/quiet",
            Self::DisturbedMax => "longest meanwhile µs",
            Self::Took => "once took s",
            Self::QuietP50 => "p50 before µs",
            Self::EventP50 => "event p50 µs",
            Self::EventP99 => "event p99 µs",
            Self::EventBeyondPut => "event p50 beyond put p50 µs",
            Self::BytesEach => "RSS bytes each",
            Self::PeakGrowth => "peak of RSS beyond before MB",
        }
    }
}

/// One row's values for one server in one round.
pub(super) type Sample = BTreeMap<Metric, f64>;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Quorate,
    Peer,
}

/// The table that a row belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Steady,
    Million,
    Meanwhile,
    Crowd,
}

/// A row of a table, over all rounds.
pub(super) struct Row {
    pub(super) section: Section,
    pub(super) title: String,
    /// By round; a server that was not measured has no value.
    rounds: Vec<[Sample; 2]>,
}

/// All rows, in the order in which they were first measured.
#[derive(Default)]
pub(super) struct Results {
    pub(super) rows: Vec<Row>,
    /// What went wrong, each once.
    pub(super) notes: Vec<String>,
    /// What others took of the machine while something was measured, share of its cores.
    pub(super) others: Vec<f64>,
}

impl Results {
    pub(super) fn add(
        &mut self,
        section: Section,
        title: &str,
        round: usize,
        side: Side,
        sample: Sample,
    ) {
        let known = self
            .rows
            .iter()
            .position(|row| row.section == section && row.title == title);
        let index = known.unwrap_or_else(|| {
            self.rows.push(Row {
                section,
                title: title.to_owned(),
                rounds: Vec::new(),
            });
            self.rows.len() - 1
        });
        let rounds = &mut self.rows[index].rounds;
        if rounds.len() <= round {
            rounds.resize_with(round + 1, Default::default);
        }
        rounds[round][side as usize].extend(sample);
    }

    pub(super) fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    pub(super) fn row(&self, section: Section, title: &str) -> Option<&Row> {
        self.rows
            .iter()
            .find(|row| row.section == section && row.title == title)
    }
}

impl Row {
    /// The metric over the rounds, for one server.
    pub(super) fn spread(&self, metric: Metric, side: Side) -> Option<Spread> {
        let values = self.rounds.iter();
        Spread::of(values.filter_map(|round| round[side as usize].get(&metric).copied()))
    }

    /// What was measured of either server.
    pub(super) fn metrics(&self) -> BTreeSet<Metric> {
        let samples = self.rounds.iter().flatten();
        samples.flat_map(|sample| sample.keys().copied()).collect()
    }

    /// Quorate's value through the peer's, round by round.
    pub(super) fn ratio(&self, metric: Metric) -> Option<Spread> {
        Spread::of(self.rounds.iter().filter_map(|round| {
            let [quorate, peer] = round.each_ref().map(|sample| sample.get(&metric).copied());
            Some(quorate? / peer.filter(|value| *value > 0.0)?)
        }))
    }
}

/// What several rounds say.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Spread {
    pub(super) median: f64,
    pub(super) min: f64,
    pub(super) max: f64,
}

impl Spread {
    /// `None` of no values.
    pub(super) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let upper = values[values.len() / 2];
        let lower = values[(values.len() - 1) / 2];
        Some(Self {
            median: (lower + upper) / 2.0,
            min,
            max,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ratio_is_the_median_of_the_rounds_and_not_of_the_medians() {
        let mut results = Results::default();
        let values = [(10.0, 10.0), (20.0, 5.0), (40.0, 20.0)];
        for (round, (quorate, peer)) in values.into_iter().enumerate() {
            for (side, value) in [(Side::Quorate, quorate), (Side::Peer, peer)] {
                let sample = Sample::from([(Metric::Operations, value)]);
                results.add(Section::Steady, "put", round, side, sample);
            }
        }
        let row = results.row(Section::Steady, "put").expect("a row");
        let ratio = row.ratio(Metric::Operations).expect("a ratio");
        assert_eq!((ratio.min, ratio.median, ratio.max), (1.0, 2.0, 4.0));
        let quorate = row.spread(Metric::Operations, Side::Quorate);
        assert_eq!(quorate.map(|spread| spread.median), Some(20.0));
        assert_eq!(row.ratio(Metric::P99), None);
    }

    #[test]
    fn the_median_of_two_is_between_them() {
        assert_eq!(
            Spread::of([3.0, 1.0]).map(|spread| spread.median),
            Some(2.0)
        );
        assert_eq!(Spread::of([]), None);
    }
}
