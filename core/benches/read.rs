//! Reading: one key, a thousand, and the taking of a view.

#[allow(dead_code, reason = "each benchmark uses a part")]
mod support;

use std::hint::black_box;

use bytes::Bytes;
use criterion::{Criterion, criterion_group, criterion_main};
use quorate_core::{Valid, kv::KeyRange, request::RangeRequest};
use support::{Driver, FULL, Numbers, key, read};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests that are made before some are run, over and over.
const REQUESTS: usize = 100_000;

/// Keys in a long range.
const LONG: usize = 1_000;

fn reads(criterion: &mut Criterion) {
    let driver = Driver::with_keys(FULL);
    let machine = &driver.machine;
    let mut numbers = Numbers::new(1);
    let mut group = criterion.benchmark_group("read at 1M keys");

    let points: Vec<Valid<RangeRequest>> = (0..REQUESTS)
        .map(|_| read(KeyRange::Key(key(numbers.below(FULL)))))
        .collect();
    let mut requests = points.iter().cycle();
    group.bench_function("one key", |bencher| {
        bencher.iter(|| machine.range(requests.next().expect("there is no end")));
    });

    let mut keys: Vec<Bytes> = (0..FULL).map(key).collect();
    keys.sort_unstable();
    let ranges: Vec<Valid<RangeRequest>> = (0..REQUESTS / LONG)
        .map(|_| {
            let first = numbers.below(FULL) as usize % (keys.len() - LONG);
            read(KeyRange::Range {
                start: keys[first].clone(),
                end: keys[first + LONG].clone(),
            })
        })
        .collect();
    let mut requests = ranges.iter().cycle();
    group.bench_function("range of 1,000", |bencher| {
        bencher.iter(|| {
            let request = requests.next().expect("there is no end");
            let response = machine.range(request).expect("a read of the present");
            assert_eq!(response.kvs.len(), LONG);
            response
        });
    });

    group.bench_function("view", |bencher| bencher.iter(|| black_box(machine.view())));
    group.finish();
}

criterion_group!(name = benches; config = support::criterion(); targets = reads);
criterion_main!(benches);
