//! What became of the operations.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Longest latency that is told apart.
const LATENCY_MAX: Duration = Duration::from_secs(600);
const SIGNIFICANT_DIGITS: u8 = 3;

/// Latencies and errors of operations.
pub struct Recorder {
    latencies_ns: Histogram<u64>,
    /// What the successful ones moved: keys.
    pub items: u64,
    /// Operations that were refused or not answered.
    pub errors: u64,
    /// Why the first of them was.
    pub first_error: Option<String>,
}

impl Default for Recorder {
    fn default() -> Self {
        let max_ns = LATENCY_MAX.as_nanos() as u64;
        Self {
            latencies_ns: Histogram::new_with_bounds(1, max_ns, SIGNIFICANT_DIGITS)
                .expect("constant bounds"),
            items: 0,
            errors: 0,
            first_error: None,
        }
    }
}

impl Recorder {
    pub(crate) fn succeeded(&mut self, latency: Duration, items: u64) {
        self.latencies_ns
            .saturating_record(latency.as_nanos().min(u128::from(u64::MAX)) as u64);
        self.items += items;
    }

    pub(crate) fn failed(&mut self, error: impl ToString) {
        self.errors += 1;
        self.first_error.get_or_insert_with(|| error.to_string());
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.latencies_ns += other.latencies_ns;
        self.items += other.items;
        self.errors += other.errors;
        self.first_error = self.first_error.take().or(other.first_error);
    }

    /// Successful operations.
    pub fn operations(&self) -> u64 {
        self.latencies_ns.len()
    }

    /// The latency that this part of the successful operations did not exceed, microseconds.
    pub fn quantile_us(&self, quantile: f64) -> f64 {
        self.latencies_ns.value_at_quantile(quantile) as f64 / 1e3
    }

    /// The longest, microseconds.
    pub fn max_us(&self) -> f64 {
        self.latencies_ns.max() as f64 / 1e3
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_errors_of_merged_recorders() {
        let mut sum = Recorder::default();
        for half in 0..2 {
            let mut recorder = Recorder::default();
            for ms in (1..=100).filter(|ms| ms % 2 == half) {
                recorder.succeeded(Duration::from_millis(ms), 2);
            }
            recorder.failed("refused");
            sum.merge(recorder);
        }
        assert_eq!((sum.operations(), sum.items, sum.errors), (100, 200, 2));
        assert_eq!(sum.first_error.as_deref(), Some("refused"));
        let p99_ms = sum.quantile_us(0.99) / 1e3;
        assert!((98.9..99.2).contains(&p99_ms), "{p99_ms}");
    }
}
