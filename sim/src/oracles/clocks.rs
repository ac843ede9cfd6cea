//! How far the members' clocks may have gone while a span of true time passed.

use std::collections::BTreeMap;

use crate::history::{History, What};

/// The fastest and the slowest clock of the cluster at each time.
pub(super) struct Clocks {
    /// From this time on: fastest and slowest rate, parts per million of true time. Begins at 0.
    rates: Vec<(u64, u64, u64)>,
    /// At these times some clock was further at once, by so many nanoseconds. Time that is counted
    /// by one member after the other may have them all.
    skips: Vec<(u64, u64)>,
}

/// The rate of true time, parts per million.
const TRUE_PPM: i64 = 1_000_000;

impl Clocks {
    pub(super) fn of(history: &History) -> Self {
        let mut ppm: BTreeMap<u64, i64> = BTreeMap::new();
        ppm.extend(history.members().iter().map(|member| (*member, 0)));
        let mut rates = vec![(0, TRUE_PPM.unsigned_abs(), TRUE_PPM.unsigned_abs())];
        let mut skips = Vec::new();
        for record in history.records() {
            if let What::ClockSkip { by_ms, .. } = record.what {
                skips.push((record.at_ns, by_ms.saturating_mul(1_000_000)));
            }
            if let What::Clock { member, rate_ppm } = record.what {
                ppm.insert(member, rate_ppm);
                let rate = |ppm: Option<&i64>| {
                    (TRUE_PPM + ppm.copied().unwrap_or(0)).max(0).unsigned_abs()
                };
                rates.push((
                    record.at_ns,
                    rate(ppm.values().max()),
                    rate(ppm.values().min()),
                ));
            }
        }
        Self { rates, skips }
    }

    /// The most nanoseconds that any clock can have counted from `from_ns` to `to_ns`.
    pub(super) fn fastest_ns(&self, from_ns: u64, to_ns: u64) -> u64 {
        let counted: u128 = self
            .stretches(from_ns)
            .map(|(begin, end, fastest, _)| {
                u128::from(end.min(to_ns).saturating_sub(begin)) * u128::from(fastest)
            })
            .sum();
        let counted = counted / u128::from(TRUE_PPM.unsigned_abs());
        let within = |skip: &&(u64, u64)| (from_ns..=to_ns).contains(&skip.0);
        let skips = self.skips.iter().filter(within);
        let skipped: u128 = skips.map(|skip| u128::from(skip.1)).sum();
        u64::try_from(counted + skipped).unwrap_or(u64::MAX)
    }

    /// The time at which even the slowest clock has counted `count_ns` from `from_ns` on.
    pub(super) fn slowest_reaches_ns(&self, from_ns: u64, count_ns: u64) -> u64 {
        let mut left = u128::from(count_ns) * u128::from(TRUE_PPM.unsigned_abs());
        for (begin, end, _, slowest) in self.stretches(from_ns) {
            let counted = u128::from(end - begin) * u128::from(slowest);
            if counted >= left {
                let more = left.div_ceil(u128::from(slowest).max(1));
                return u64::try_from(more).map_or(u64::MAX, |more| begin.saturating_add(more));
            }
            left -= counted;
        }
        u64::MAX
    }

    /// The stretches of constant rates from `from_ns` on: begin, end, fastest, slowest.
    fn stretches(&self, from_ns: u64) -> impl Iterator<Item = (u64, u64, u64, u64)> {
        let ends = self
            .rates
            .iter()
            .skip(1)
            .map(|rate| rate.0)
            .chain([u64::MAX]);
        self.rates
            .iter()
            .zip(ends)
            .filter(move |(_, end)| *end > from_ns)
            .map(move |((begin, fastest, slowest), end)| {
                ((*begin).max(from_ns), end, *fastest, *slowest)
            })
    }
}

#[cfg(test)]
mod tests {
    use super::Clocks;

    const S: u64 = 1_000_000_000;

    #[test]
    fn the_fastest_and_the_slowest_member_count_at_each_time() {
        let history = "0 cluster n1 n2\n10 n1 clock ppm=200000\n20 n2 clock ppm=-200000\n\
                       30 n1 clock ppm=0";
        let clocks = Clocks::of(&history.parse().unwrap());
        assert_eq!(clocks.fastest_ns(0, 10 * S), 10 * S);
        assert_eq!(clocks.fastest_ns(5 * S, 15 * S), 11 * S);
        assert_eq!(clocks.fastest_ns(0, 40 * S), (10 + 12 + 12 + 10) * S);
        assert_eq!(clocks.fastest_ns(7 * S, 7 * S), 0);
        assert_eq!(clocks.slowest_reaches_ns(0, 20 * S), 20 * S);
        assert_eq!(clocks.slowest_reaches_ns(15 * S, 9 * S), 25 * S);
        assert_eq!(clocks.slowest_reaches_ns(40 * S, 8 * S), 50 * S);
    }

    #[test]
    fn all_that_clocks_skip_counts_as_gone() {
        let history = "0 cluster n1 n2\n10 n1 skips ms=3000\n20 n2 skips ms=500";
        let clocks = Clocks::of(&history.parse().unwrap());
        assert_eq!(clocks.fastest_ns(0, 9 * S), 9 * S);
        assert_eq!(clocks.fastest_ns(9 * S, 10 * S), 4 * S);
        assert_eq!(clocks.fastest_ns(0, 30 * S), 33 * S + S / 2);
        assert_eq!(
            clocks.slowest_reaches_ns(5 * S, 10 * S),
            15 * S,
            "the others have not skipped"
        );
    }
}
