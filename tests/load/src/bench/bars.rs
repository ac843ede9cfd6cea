//! What Quorate is to reach, and whether it did.

use super::{
    crowd, meanwhile, million,
    results::{Metric, Results, Section, Side},
    steady, wide,
};

/// How a value is judged.
#[derive(Clone, Copy)]
enum Limit {
    AtLeast(f64),
    AtMost(f64),
}

use Limit::{AtLeast, AtMost};

/// What a stream of all keys may take beyond what the server had before, MB.
const STREAM_GROWTH_MAX_MB: f64 = 67.1;

/// One bar.
struct Bar {
    section: Section,
    title: String,
    metric: Metric,
    /// Quorate's own value counts, not its ratio to the peer's.
    is_own: bool,
    limit: Limit,
    unit: &'static str,
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
        unit: "×",
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
        unit: "×",
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
        unit: "×",
    });
    let crowds = [
        (crowd::FAN_OUT, Metric::EventBeyondPut, AtMost(0.5)),
        (crowd::MANY, Metric::BytesEach, AtMost(0.7)),
        (crowd::MANY, Metric::Operations, AtLeast(1.8)),
    ];
    let crowds = crowds.map(|(title, metric, limit)| Bar {
        section: Section::Crowd,
        title: title.to_owned(),
        metric,
        is_own: false,
        limit,
        unit: "×",
    });
    let stream = Bar {
        section: Section::Crowd,
        title: wide::STREAM.to_owned(),
        metric: Metric::PeakGrowth,
        is_own: true,
        limit: AtMost(STREAM_GROWTH_MAX_MB),
        unit: " MB",
    };
    let rest = million.into_iter().chain(meanwhile).chain(crowds);
    steady.into_iter().chain(rest).chain([stream]).collect()
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
            Some(value) if self.limit.holds(value) => (format!("{value:.2}{}", self.unit), "holds"),
            Some(value) => (format!("{value:.2}{}", self.unit), "**falls short**"),
        };
        let what = format!("{}: {}", self.title, self.metric.title());
        [what, self.limit.text(self.unit), text, verdict.to_owned()]
    }
}

impl Limit {
    fn holds(self, value: f64) -> bool {
        match self {
            AtLeast(limit) => value >= limit,
            AtMost(limit) => value <= limit,
        }
    }

    fn text(self, unit: &str) -> String {
        match self {
            AtLeast(limit) => format!("≥ {limit}{unit}"),
            AtMost(limit) => format!("≤ {limit}{unit}"),
        }
    }
}
