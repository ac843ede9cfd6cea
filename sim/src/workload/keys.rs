//! Keys and values of a run.

use std::{future::Future, time::Duration};

use crate::{
    history::{Blob, Keys},
    plan::{Span, Stream, Workload},
};

/// Chooses keys, and makes values that no other put of the run has.
pub(super) struct KeyChooser {
    client: u64,
    keys: u64,
    hot_percent: u64,
    value_bytes: Span,
    values: u64,
}

impl KeyChooser {
    pub(super) fn new(client: u64, workload: &Workload) -> Self {
        Self {
            client,
            keys: workload.keys,
            hot_percent: workload.hot_percent,
            value_bytes: workload.value_bytes,
            values: 0,
        }
    }

    /// The number of a key.
    pub(super) fn number(&self, stream: &mut Stream) -> u64 {
        let hot = self.keys.div_ceil(10);
        let last = if stream.chance(self.hot_percent) {
            hot
        } else {
            self.keys
        } - 1;
        stream.between(0, last)
    }

    pub(super) fn one(&self, stream: &mut Stream) -> Blob {
        key(self.number(stream))
    }

    /// Up to `most` different keys, at least one.
    pub(super) fn several(&self, stream: &mut Stream, most: u64) -> Vec<Blob> {
        let first = self.number(stream);
        let count = stream.between(1, most).min(self.keys);
        (first..first + count)
            .map(|number| key(number % self.keys))
            .collect()
    }

    /// A few neighbours.
    pub(super) fn neighbours(&self, stream: &mut Stream) -> Keys {
        let first = self.number(stream);
        match stream.between(0, 9) {
            0 => Keys::From(Blob::default()),
            1 => Keys::From(key(first)),
            _ => Keys::Span(key(first), key(first + stream.between(1, 10))),
        }
    }

    /// A value that nobody else writes.
    pub(super) fn value(&mut self, stream: &mut Stream) -> Blob {
        self.values += 1;
        let mut value = format!("c{}-{}", self.client, self.values).into_bytes();
        let bytes = usize::try_from(stream.within(self.value_bytes)).unwrap_or(usize::MAX);
        value.resize(bytes.max(value.len()), b'.');
        Blob::from(&value[..])
    }
}

/// The key with this number; in the order of numbers.
pub(super) fn key(number: u64) -> Blob {
    Blob::from(format!("k{number:04}").as_str())
}

/// A pause from `span`, microseconds.
pub(super) fn pause(stream: &mut Stream, span: Span) -> impl Future<Output = ()> + use<> {
    madsim::time::sleep(Duration::from_micros(stream.within(span)))
}
