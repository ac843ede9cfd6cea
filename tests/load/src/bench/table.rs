//! The results as Markdown.

use std::{fmt::Write as _, thread};

use super::{
    Options, bars,
    results::{Metric, Results, Row, Section, Side, Spread},
};

/// What stands where nothing was measured.
const NOTHING: &str = "–";

/// All tables that have a row, and the notes.
pub(super) fn render(options: &Options, results: &Results) -> String {
    let names = ["Quorate".to_owned(), options.peer_name()];
    let mut out = head(options, results);
    let speed = [Metric::Operations, Metric::P50, Metric::P99];
    let cost = [
        Metric::CpuPerOperation,
        Metric::WrittenPerOperation,
        Metric::Resident,
    ];
    let table = Table {
        names: &names,
        results,
        has_peer: options.peer.is_some(),
    };
    out += &table.wide("Speed", Section::Steady, &speed, true);
    out += &table.wide("What it costs the server", Section::Steady, &cost, true);
    let heading = format!("{} keys of 16 and 256 bytes", grouped(options.keys as f64));
    out += &table.long(&heading);
    let delays = [
        Metric::QuietP99,
        Metric::DisturbedP99,
        Metric::DisturbedOverQuiet,
        Metric::DisturbedMax,
        Metric::Took,
    ];
    let heading = format!("{} puts a second, while …", grouped(options.rate));
    out += &table.wide(&heading, Section::Meanwhile, &delays, false);
    out += &table.by_metric("Many clients, and much at a time", Section::Crowd);
    if options.peer.is_some() {
        out += &judgement(results);
    }
    for note in &results.notes {
        let _ = writeln!(out, "* {note}");
    }
    out
}

fn head(options: &Options, results: &Results) -> String {
    let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
    let mut out = format!(
        "{} rounds, {} s a cell after {} s of warm-up, {cores} cores.",
        options.rounds, options.seconds, options.warmup
    );
    if let Some(others) = Spread::of(results.others.iter().copied()) {
        let percent = |share: f64| (share * 100.0).round();
        let _ = write!(
            out,
            " Others took {} % of the machine while it was measured ({}–{} %).",
            percent(others.median),
            percent(others.min),
            percent(others.max)
        );
    }
    out += " Medians over the rounds (least–most); × is the median of the rounds' ratios, Quorate/peer.\n";
    if options.peer.is_none() {
        let _ = writeln!(out, "\nskipped: no peer: {}", options.no_peer);
    }
    out
}

struct Table<'a> {
    names: &'a [String; 2],
    results: &'a Results,
    has_peer: bool,
}

impl Table<'_> {
    /// A line for each row of the section, columns for each metric and server.
    fn wide(&self, heading: &str, section: Section, metrics: &[Metric], ratios: bool) -> String {
        let rows = self.results.rows.iter();
        let rows: Vec<&Row> = rows.filter(|row| row.section == section).collect();
        let mut titles = vec![String::new()];
        for metric in metrics {
            titles.extend(
                self.names
                    .iter()
                    .map(|name| format!("{name} {}", metric.title())),
            );
            titles.extend(ratios.then(|| "×".to_owned()));
        }
        let lines = rows.into_iter().map(|row| {
            let mut cells = vec![row.title.clone()];
            for metric in metrics {
                let [quorate, peer, ratio] = self.cells(row, *metric);
                cells.extend([quorate, peer]);
                cells.extend(ratios.then_some(ratio));
            }
            cells
        });
        markdown(heading, &titles, lines)
    }

    /// A line for each metric of the large state.
    fn long(&self, heading: &str) -> String {
        let metrics = [
            Metric::LoadedKeys,
            Metric::LoadCpu,
            Metric::Written,
            Metric::Resident,
            Metric::Disk,
            Metric::Restart,
            Metric::ResidentAfterRestart,
        ];
        let rows = self.results.rows.iter();
        let rows = rows.filter(|row| row.section == Section::Million);
        let lines = rows.flat_map(|row| {
            metrics.map(|metric| {
                let [quorate, peer, ratio] = self.cells(row, metric);
                vec![metric.title().to_owned(), quorate, peer, ratio]
            })
        });
        let [quorate, peer] = self.names.clone();
        markdown(
            heading,
            &[String::new(), quorate, peer, "×".to_owned()],
            lines,
        )
    }

    /// A line for each metric of each row.
    fn by_metric(&self, heading: &str, section: Section) -> String {
        let rows = self.results.rows.iter();
        let rows = rows.filter(|row| row.section == section);
        let lines = rows.flat_map(|row| {
            row.metrics().into_iter().map(|metric| {
                let [quorate, peer, ratio] = self.cells(row, metric);
                let what = format!("{}: {}", row.title, metric.title());
                vec![what, quorate, peer, ratio]
            })
        });
        let [quorate, peer] = self.names.clone();
        let titles = [String::new(), quorate, peer, "×".to_owned()];
        markdown(heading, &titles, lines)
    }

    /// Quorate's, the peer's, and the ratio.
    fn cells(&self, row: &Row, metric: Metric) -> [String; 3] {
        let text = |spread: Option<Spread>| spread.map_or(NOTHING.to_owned(), with_spread);
        let peer = match self.has_peer {
            true => text(row.spread(metric, Side::Peer)),
            false => "no peer".to_owned(),
        };
        let ratio = row.ratio(metric);
        [
            text(row.spread(metric, Side::Quorate)),
            peer,
            ratio.map_or(NOTHING.to_owned(), |ratio| format!("{:.2}", ratio.median)),
        ]
    }
}

fn judgement(results: &Results) -> String {
    let titles = ["bar", "wanted", "measured", ""].map(str::to_owned);
    let lines = bars::judged(results).into_iter().map(Vec::from);
    markdown("Bars", &titles, lines)
}

/// A table under a heading; nothing if it has no line.
fn markdown(heading: &str, titles: &[String], lines: impl Iterator<Item = Vec<String>>) -> String {
    let lines: Vec<_> = lines.collect();
    if lines.is_empty() {
        return String::new();
    }
    let numbers = titles.iter().skip(1).map(|_| "--:");
    let rule: Vec<&str> = ["---"].into_iter().chain(numbers).collect();
    let mut out = format!("\n### {heading}\n\n");
    let _ = writeln!(out, "| {} |", titles.join(" | "));
    let _ = writeln!(out, "|{}|", rule.join("|"));
    for line in lines {
        let _ = writeln!(out, "| {} |", line.join(" | "));
    }
    out.push('\n');
    out
}

fn with_spread(spread: Spread) -> String {
    match spread.min < spread.max {
        true => format!(
            "{} ({}–{})",
            number(spread.median),
            number(spread.min),
            number(spread.max)
        ),
        false => number(spread.median),
    }
}

/// Three digits, or all before the point.
fn number(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => grouped(value),
    }
}

/// Whole, with commas between thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_commas() {
        let texts = [0.123, 12.34, 123.4, 1_234_567.0].map(number);
        assert_eq!(texts, ["0.12", "12.3", "123", "1,234,567"]);
    }
}
