//! Independent random streams of one seed.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::Span;
use crate::fnv::fnv1a;

/// The random stream of one subsystem: one more draw in one subsystem leaves all others as they
/// are. The sampling is written out here, so that no new version of a library reshuffles plans.
pub struct Stream(ChaCha8Rng);

impl Stream {
    /// The stream of the subsystem called `name` in the run of `seed`.
    pub fn new(seed: u64, name: &str) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(fnv1a(name.as_bytes()));
        Self(rng)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number from `min` to `max`, both included.
    pub fn between(&mut self, min: u64, max: u64) -> u64 {
        assert!(min <= max, "nothing lies between {min} and {max}");
        match (max - min).checked_add(1) {
            Some(count) => min + self.number() % count,
            None => self.number(),
        }
    }

    /// A number of `span`.
    pub fn within(&mut self, span: Span) -> u64 {
        self.between(span.min(), span.max())
    }

    /// A number from `min` (at least 1) to `max`, every order of magnitude as likely as the next:
    /// for limits, whose small values are the interesting ones.
    pub fn magnitude(&mut self, min: u64, max: u64) -> u64 {
        assert!(
            1 <= min && min <= max,
            "no magnitude between {min} and {max}"
        );
        let bits = self.between(min.ilog2().into(), max.ilog2().into());
        let (low, high) = (1 << bits, (2 << bits) - 1);
        self.between(min.max(low), max.min(high))
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.between(0, 99) < percent
    }

    /// One of `items`, of which there is at least one.
    pub fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        let last = items
            .len()
            .checked_sub(1)
            .expect("a choice has something to choose from");
        items[self.between(0, last as u64) as usize].clone()
    }

    /// A position in `weights`, as likely as its weight; at least one weight is not 0.
    pub fn weighted(&mut self, weights: &[u64]) -> usize {
        let sum: u64 = weights.iter().sum();
        let mut left = self.between(1, sum);
        for (at, &weight) in weights.iter().enumerate() {
            if left <= weight {
                return at;
            }
            left -= weight;
        }
        unreachable!("a draw is at most the sum of the weights")
    }
}

#[cfg(test)]
mod tests {
    use super::Stream;

    #[test]
    fn streams_are_repeatable_and_independent() {
        let draw = |seed, name| Stream::new(seed, name).number();
        assert_eq!(draw(1, "faults"), draw(1, "faults"));
        assert_ne!(draw(1, "faults"), draw(1, "workload"));
        assert_ne!(draw(1, "faults"), draw(2, "faults"));
    }

    #[test]
    fn draws_keep_their_bounds_and_reach_them() {
        let mut stream = Stream::new(1, "test");
        let draws: Vec<u64> = (0..1000).map(|_| stream.between(3, 7)).collect();
        assert_eq!(
            (draws.iter().min(), draws.iter().max()),
            (Some(&3), Some(&7))
        );
        let draws: Vec<u64> = (0..5000).map(|_| stream.magnitude(3, 1000)).collect();
        assert!(draws.iter().all(|draw| (3..=1000).contains(draw)));
        assert!(
            draws.iter().filter(|&&draw| draw < 16).count() > 500,
            "small ones are common"
        );
        assert_eq!(stream.magnitude(5, 5), 5);
        assert_ne!(stream.between(0, u64::MAX), stream.between(0, u64::MAX));
    }

    #[test]
    fn a_weight_of_zero_is_never_drawn() {
        let mut stream = Stream::new(1, "test");
        let mut counts = [0; 3];
        (0..1000).for_each(|_| counts[stream.weighted(&[1, 0, 3])] += 1);
        assert_eq!(counts[1], 0);
        assert!(counts[2] > counts[0] && counts[0] > 0, "{counts:?}");
    }
}
