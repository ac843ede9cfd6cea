//! A map by hash, for look-ups among very many.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, DefaultHasher, Hasher},
};

/// Parts of a map that may hold a million values.
pub(crate) const MANY: usize = 1024;

/// A map from 64-bit hashes to values.
///
/// A look-up in an ordered map of a million values waits for memory at each of its lower levels;
/// here it does so once or twice. The map is in parts, so that only a thousandth of it has to move
/// at a time when it grows. Its order means nothing: there is no way to iterate over it.
///
/// The hash functions below have no secret. Clients who choose keys that collide slow down the
/// look-up of those keys, by less than they could with as many large requests.
#[derive(Debug)]
pub(crate) struct Hashed<V>(Vec<Part<V>>);

type Part<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

impl<V> Hashed<V> {
    /// An empty map of so many parts, a power of two.
    pub(crate) fn new(parts: usize) -> Self {
        assert!(parts.is_power_of_two());
        Self(std::iter::repeat_with(Part::default).take(parts).collect())
    }

    /// The value of a hash.
    pub(crate) fn get(&self, hash: u64) -> Option<&V> {
        self.0[self.part(hash)].get(&hash)
    }

    /// The value of a hash, to be changed.
    pub(crate) fn get_mut(&mut self, hash: u64) -> Option<&mut V> {
        let part = self.part(hash);
        self.0[part].get_mut(&hash)
    }

    /// Sets the value of a hash; gives the one before.
    pub(crate) fn insert(&mut self, hash: u64, value: V) -> Option<V> {
        let part = self.part(hash);
        self.0[part].insert(hash, value)
    }

    /// Takes the value of a hash out.
    pub(crate) fn remove(&mut self, hash: u64) -> Option<V> {
        let part = self.part(hash);
        self.0[part].remove(&hash)
    }

    /// Number of values.
    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(Part::len).sum()
    }

    /// The part of a hash, by bits from its middle: the parts go by those at both ends.
    fn part(&self, hash: u64) -> usize {
        (hash >> 32) as usize & (self.0.len() - 1)
    }
}

/// The hash of a key: different keys have the same one hardly ever, but may.
pub(crate) fn hash_key(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

/// The hash of a number: different numbers have different ones (SplitMix64).
pub(crate) fn hash_number(number: u64) -> u64 {
    let mut hash = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    hash ^ (hash >> 31)
}

/// What is hashed is a hash already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, _: &[u8]) {
        unreachable!("only whole hashes are written");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_inserted_is_found_until_it_is_removed() {
        for parts in [1, 16] {
            let mut map = Hashed::new(parts);
            for number in 0..1_000 {
                assert_eq!(map.insert(hash_number(number), number), None);
            }
            assert_eq!(map.len(), 1_000);
            assert_eq!(map.insert(hash_number(7), 70), Some(7));
            *map.get_mut(hash_number(8)).unwrap() = 80;
            assert_eq!(map.get(hash_number(7)), Some(&70));
            assert_eq!(map.remove(hash_number(8)), Some(80));
            assert_eq!(map.remove(hash_number(8)), None);
            assert_eq!(map.get(hash_number(1_000)), None);
            assert_eq!(map.len(), 999);
        }
    }

    #[test]
    fn numbers_that_count_up_are_spread_over_the_parts() {
        let mut map = Hashed::new(16);
        for number in 0..16_000 {
            map.insert(hash_number(number), ());
        }
        assert!(map.0.iter().all(|part| (800..1_200).contains(&part.len())));
    }
}
