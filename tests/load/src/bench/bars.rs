//! What Quorate is to reach, and whether it did.

use super::{
    meanwhile, million,
    results::{Metric, Results, Section, Side},
    steady,
};

/// How a value is judged.
#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

use Limit::{AtLeast, AtMost};

/// One bar.
struct Bar {
    section: Section,
    title: String,
    metric: Metric,
    /// Quorate's own value counts, not its ratio to the peer's.
    is_own: bool,
    limit: Limit,
}

/// Each bar as cells of a table: what, wanted, measured, verdict.
pub(super) fn judged(results: &Results) -> Vec<[String; 4]> {
    bars().iter().map(|bar| bar.judged(results)).collect()
}

fn bars() -> Vec<Bar> {
    let ratios = [
        ("put", 1, 1, Metric::Operations, AtLeast(1.3)),
        ("put", 1, 1, Metric::P99, AtMost(0.6)),
        ("put", 64, 1, Metric::Operations, AtLeast(1.8)),
        ("put", 256, 1, Metric::Operations, AtLeast(1.8)),
        ("put", 1000, 1, Metric::Operations, AtLeast(1.8)),
        ("put", 64, 1, Metric::CpuPerOperation, AtMost(0.45)),
        ("range", 64, 1, Metric::Operations, AtLeast(2.2)),
        ("range", 1000, 1, Metric::Operations, AtLeast(2.2)),
        ("range", 64, 1, Metric::CpuPerOperation, AtMost(0.4)),
        ("range", 1000, 1, Metric::CpuPerOperation, AtMost(0.4)),
        ("lease-grant", 64, 1, Metric::Operations, AtLeast(10.0)),
        ("lease-keepalive", 64, 1, Metric::Operations, AtLeast(1.0)),
        ("put", 64, 3, Metric::Operations, AtLeast(1.8)),
        ("put", 1000, 3, Metric::Operations, AtLeast(1.8)),
    ];
    let steady = ratios.map(|(name, clients, members, metric, limit)| Bar {
        section: Section::Steady,
        title: steady::title(name, clients, members),
        metric,
        is_own: false,
        limit,
    });
    let large = [
        (Metric::Resident, 0.75),
        (Metric::Restart, 0.4),
        (Metric::Disk, 1.0),
    ];
    let million = large.map(|(metric, limit)| Bar {
        section: Section::Million,
        title: million::TITLE.to_owned(),
        metric,
        is_own: false,
        limit: AtMost(limit),
    });
    let disturbances = [
        meanwhile::RANGE,
        meanwhile::COUNT,
        meanwhile::COMPACTION,
        meanwhile::CHECKPOINT,
    ];
    let meanwhile = disturbances.map(|title| Bar {
        section: Section::Meanwhile,
        title: title.to_owned(),
        metric: Metric::DisturbedOverQuiet,
        is_own: true,
        limit: AtMost(1.5),
    });
    steady.into_iter().chain(million).chain(meanwhile).collect()
}

impl Bar {
    fn judged(&self, results: &Results) -> [String; 4] {
        let row = results.row(self.section, &self.title);
        let measured = row.and_then(|row| match self.is_own {
            true => row.spread(self.metric, Side::Quorate),
            false => row.ratio(self.metric),
        });
        let value = measured.map(|spread| spread.median);
        let (text, verdict) = match value {
            None => ("–".to_owned(), "not measured"),
            Some(value) if self.limit.holds(value) => (format!("{value:.2}×"), "holds"),
            Some(value) => (format!("{value:.2}×"), "**falls short**"),
        };
        let what = format!("{}: {}", self.title, self.metric.title());
        [what, self.limit.text(), text, verdict.to_owned()]
    }
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            AtLeast(limit) => value >= limit,
            AtMost(limit) => value <= limit,
        }
    }

    fn text(self) -> String {
        match self {
            AtLeast(limit) => format!("≥ {limit}×"),
            AtMost(limit) => format!("≤ {limit}×"),
        }
    }
}
