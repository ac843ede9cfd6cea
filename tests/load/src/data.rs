//! Keys, values, and the numbers that choose them: the same in every run.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use bytes::{BufMut as _, Bytes, BytesMut};

/// Length of a key unless a load says otherwise.
pub(crate) const KEY_BYTES: usize = 16;

const STAMP_BYTES: usize = 8;

/// What every key begins with.
const PREFIX: &str = "k/";
/// The first key behind all keys with the prefix.
const PREFIX_END: &str = "k0";

/// The key of this number: prefix and digits, `key_bytes` long, or longer if the digits need it.
pub(crate) fn key(number: u64, key_bytes: usize) -> Bytes {
    let width = key_bytes.saturating_sub(PREFIX.len());
    format!("{PREFIX}{number:0width$}").into()
}

/// The range of all keys: first key, and the first behind it.
pub(crate) fn all_keys() -> (Bytes, Bytes) {
    (
        Bytes::from_static(PREFIX.as_bytes()),
        Bytes::from_static(PREFIX_END.as_bytes()),
    )
}

/// Bytes that do not compress.
pub(crate) fn value(value_bytes: usize) -> Bytes {
    let mut numbers = Numbers(7);
    (0..value_bytes).map(|_| numbers.next() as u8).collect()
}

/// A moment of this process, which a value may begin with.
#[derive(Clone, Copy)]
pub(crate) struct Stamp(u64);

impl Stamp {
    pub(crate) fn now() -> Self {
        static START: OnceLock<Instant> = OnceLock::new();
        Self(START.get_or_init(Instant::now).elapsed().as_nanos() as u64)
    }

    /// A value that begins with this moment instead.
    pub(crate) fn on(self, value: &Bytes) -> Bytes {
        let mut stamped = BytesMut::with_capacity(value.len());
        stamped.put_u64(self.0);
        stamped.put_slice(value.get(STAMP_BYTES..).unwrap_or_default());
        stamped.freeze()
    }

    /// The time from the moment that a value begins with.
    pub(crate) fn since(self, value: &[u8]) -> Duration {
        let stamp = value.first_chunk::<STAMP_BYTES>();
        let sent = stamp.map_or(0, |bytes| u64::from_be_bytes(*bytes));
        Duration::from_nanos(self.0.saturating_sub(sent))
    }
}

/// Numbers that look random (splitmix64).
pub(crate) struct Numbers(u64);

impl Numbers {
    /// The numbers of one client.
    pub(crate) fn of_client(seed: u64, client: u64) -> Self {
        Self(seed.wrapping_mul(1_000_003).wrapping_add(client))
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit.max(1)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_takes_the_place_of_a_values_beginning() {
        let value = value(20);
        let stamped = Stamp(1_000).on(&value);
        assert_eq!((stamped.len(), &stamped[8..]), (20, &value[8..]));
        assert_eq!(Stamp(1_500).since(&stamped), Duration::from_nanos(500));
        assert_eq!(Stamp(7).on(&Bytes::new()).len(), 8);
    }

    #[test]
    fn keys_have_their_length_and_are_in_the_range_of_all_keys() {
        let (first, end) = all_keys();
        for number in [0, 7, 999_999] {
            let key = key(number, 16);
            assert_eq!(key.len(), 16);
            assert!(first <= key && key < end, "{key:?}");
        }
        assert!(key(1, 16) < key(10, 16));
    }
}
