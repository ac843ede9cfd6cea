//! Encoding and decoding a checkpoint.

#[allow(dead_code, reason = "each benchmark uses a part")]
mod support;

use std::{hint::black_box, time::Duration};

use bytes::Bytes;
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use quorate_core::{Restore, StateMachine};
use support::{Driver, FULL, time};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn checkpoints(criterion: &mut Criterion) {
    let machine = Driver::with_keys(FULL).machine;
    let chunks: Vec<Bytes> = machine.checkpoint().collect();
    let bytes: usize = chunks.iter().map(Bytes::len).sum();

    let mut group = criterion.benchmark_group("checkpoint of 1M keys");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Bytes(bytes as u64));
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            machine
                .view()
                .checkpoint()
                .for_each(|chunk| drop(black_box(chunk)))
        });
    });
    group.bench_function("decode", |bencher| {
        bencher.iter_custom(|iterations| {
            let decodes = (0..iterations).map(|_| {
                let mut restored = None;
                let elapsed = time(|| restored = Some(decode(&chunks)));
                let restored = restored.expect("it has run");
                assert_eq!(restored.revision(), machine.revision());
                elapsed
            });
            decodes.sum::<Duration>()
        });
    });
    group.finish();
}

fn decode(chunks: &[Bytes]) -> StateMachine {
    let mut restore = Restore::new();
    for chunk in chunks {
        restore.feed(chunk).expect("a good checkpoint");
    }
    restore.finish().expect("a whole checkpoint")
}

criterion_group!(name = benches; config = support::criterion(); targets = checkpoints);
criterion_main!(benches);
