//! Applying puts, transactions and deletes.

#[allow(dead_code, reason = "each benchmark uses a part")]
mod support;

use std::{hint::black_box, sync::mpsc};

use criterion::{Criterion, criterion_group, criterion_main};
use quorate_core::{
    Command, Entry, StateMachine, Valid, View,
    kv::KeyRange,
    limits::TXN_OPS_MAX_DEFAULT,
    request::{Compare, CompareTarget, DeleteRangeRequest, Op, PutRequest, Relation, TxnRequest},
};
use support::{BATCH, Driver, FULL, HOT, Numbers, in_batches, key, put, read, time, value};

/// As in the server.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Puts after which a reader is given a new view.
const PUTS_BY_VIEW: u64 = 100;

fn full(criterion: &mut Criterion) {
    let mut driver = Driver::with_compacted_keys(FULL);
    let mut numbers = Numbers::new(1);
    let mut group = criterion.benchmark_group("apply at 1M keys");
    group.bench_function("put", |bencher| {
        driver.measure_apply(bencher, || put(numbers.below(FULL)));
    });
    group.bench_function("put on a hot set of 10k", |bencher| {
        driver.measure_apply(bencher, || put(numbers.below(HOT)));
    });
    group.bench_function("put while views are scanned", |bencher| {
        while_scanned(|views| {
            let mut puts = 0;
            let run = |machine: &mut StateMachine, entry: Entry| {
                if puts % PUTS_BY_VIEW == 0 {
                    // The reader drops the view that it has got only when it has scanned it.
                    let _ = views.try_send(machine.view());
                }
                puts += 1;
                black_box(machine.apply(entry));
            };
            driver.measure(bencher, || put(numbers.below(FULL)), run);
        });
    });
    group.bench_function("txn: compare and swap", |bencher| {
        swap(bencher, &mut driver, &mut numbers);
    });
    group.bench_function("delete", |bencher| delete(bencher, &mut driver));
    group.finish();
}

fn hot(criterion: &mut Criterion) {
    let mut driver = Driver::with_compacted_keys(HOT);
    let mut numbers = Numbers::new(2);
    let mut group = criterion.benchmark_group("apply at 10k keys");
    group.bench_function("put", |bencher| {
        driver.measure_apply(bencher, || put(numbers.below(HOT)));
    });
    group.finish();
}

/// Runs `run` beside a thread that scans the views it is sent, a thousand keys at a time.
fn while_scanned(run: impl FnOnce(&mpsc::SyncSender<View>)) {
    std::thread::scope(|scope| {
        let (sender, receiver) = mpsc::sync_channel::<View>(1);
        scope.spawn(move || {
            let mut numbers = Numbers::new(3);
            for view in receiver {
                // A thousandth of the key space.
                let start = key(numbers.below(FULL));
                let mut end = start.to_vec();
                let high = u64::from_be_bytes(start[..8].try_into().expect("eight bytes"));
                end[..8].copy_from_slice(&high.saturating_add(u64::MAX / 1_000).to_be_bytes());
                let range = KeyRange::Range {
                    start,
                    end: end.into(),
                };
                black_box(view.range(&read(range))).expect("the newest revision is there");
            }
        });
        run(&sender);
    });
}

/// Each transaction compares the key's last revision, which holds, and puts the key.
fn swap(bencher: &mut criterion::Bencher<'_>, driver: &mut Driver, numbers: &mut Numbers) {
    let mut revisions: Vec<i64> = (0..FULL)
        .map(|number| {
            let response = driver.machine.range(&read(KeyRange::Key(key(number))));
            response.expect("a read of the present").kvs[0].mod_revision
        })
        .collect();
    let mut revision = driver.machine.revision();
    let make = || {
        let number = numbers.below(FULL);
        revision += 1;
        let last = std::mem::replace(&mut revisions[number as usize], revision);
        swap_command(number, last)
    };
    driver.measure(bencher, make, |machine, entry| {
        let applied = black_box(machine.apply(entry));
        assert_eq!(applied.events.len(), 1, "the compare holds");
    });
}

fn swap_command(number: u64, mod_revision: i64) -> Command {
    let range = KeyRange::Key(key(number));
    let request = TxnRequest {
        compares: vec![Compare {
            range,
            relation: Relation::Equal,
            target: CompareTarget::ModRevision(mod_revision),
        }],
        success: vec![Op::Put(PutRequest::new(key(number), value(number)))],
        failure: Vec::new(),
    };
    let request = Valid::<TxnRequest>::check(request, TXN_OPS_MAX_DEFAULT);
    Command::Txn(request.expect("a put after a compare is valid"))
}

/// Deletes keys, and puts them again beside the clock.
fn delete(bencher: &mut criterion::Bencher<'_>, driver: &mut Driver) {
    let mut next = 0;
    bencher.iter_custom(|iterations| {
        let elapsed = in_batches(iterations, BATCH, |batch| {
            let numbers: Vec<u64> = (next..next + batch).map(|number| number % FULL).collect();
            next += batch;
            let entries: Vec<Entry> = numbers
                .iter()
                .map(|number| {
                    let request = DeleteRangeRequest {
                        range: KeyRange::Key(key(*number)),
                        prev_kv: false,
                    };
                    let request = Valid::<DeleteRangeRequest>::check(request);
                    driver.entry(Command::DeleteRange(
                        request.expect("a plain delete is valid"),
                    ))
                })
                .collect();
            let elapsed = time(|| {
                for entry in entries {
                    black_box(driver.machine.apply(entry));
                }
            });
            numbers
                .iter()
                .for_each(|number| drop(driver.apply(put(*number))));
            elapsed
        });
        driver.compact();
        elapsed
    });
}

criterion_group!(name = benches; config = support::criterion(); targets = hot, full);
criterion_main!(benches);
