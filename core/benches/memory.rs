//! What keys, watchers and leases take in memory.
//!
//! Resident bytes are the process's, before and after: with what the allocator rounds up to and
//! cannot reuse. Heap bytes are those that were asked for.

#![allow(unsafe_code, reason = "a global allocator that counts")]

#[allow(dead_code, reason = "each benchmark uses a part")]
mod support;

use std::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicUsize, Ordering},
};

use mimalloc::MiMalloc;
use quorate_core::{
    Command,
    kv::KeyRange,
    lease::LeaseKeeper,
    limits::WatchLimits,
    watch::{Hub, Poll},
};
use support::{Driver, FULL, key, lease, watch};

/// Watchers, on a key of their own.
const WATCHERS: u64 = 100_000;

/// Watchers on one stream.
const STREAM_WATCHERS: u64 = 1_000;

/// The server's allocator, counting.
struct Counting;

static HEAP_BYTES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: everything is left to that allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HEAP_BYTES.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { MiMalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HEAP_BYTES.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps to the contract.
        unsafe { MiMalloc.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    measure("1M keys of 16 + 256 bytes", "key", FULL, || {
        Driver::with_keys(FULL)
    });
    let what = "100k watchers on keys of 16 bytes, on 100 streams";
    measure(what, "watcher", WATCHERS, watched_keys);
    measure("1M leases, replicated", "lease", FULL, || {
        let mut driver = Driver::default();
        for number in 0..FULL {
            let id = lease(number);
            driver.apply(Command::LeaseGrant { id, ttl_s: 60 });
        }
        driver
    });
    measure("1M leases, on the leader besides", "lease", FULL, || {
        let leases = (0..FULL).map(|number| (lease(number), 60, 0));
        LeaseKeeper::take_over(leases, 0, 0)
    });
}

fn watched_keys() -> Hub {
    let mut hub = Hub::new(WatchLimits::default(), |_| 0, 1);
    let mut stream = hub.open();
    for number in 0..WATCHERS {
        if number > 0 && number % STREAM_WATCHERS == 0 {
            stream = hub.open();
        }
        let request = watch(KeyRange::Key(key(number)));
        hub.create(stream, request, 1, -1);
        assert!(matches!(hub.poll(stream), Poll::Response(_)), "created");
    }
    hub
}

/// Prints what the thing that `make` makes takes, and for each of its parts.
fn measure<T>(what: &str, part: &str, parts: u64, make: impl FnOnce() -> T) {
    let (heap_before, resident_before) = (heap_bytes(), resident_bytes());
    let made = make();
    let heap = heap_bytes() - heap_before;
    let resident = resident_bytes() - resident_before;
    println!(
        "{what}: {:.1} MB resident, {} bytes for each {part}; {} of heap",
        resident as f64 / 1e6,
        resident / parts,
        heap / parts,
    );
    // Not given back: the next measurement starts with an allocator that has nothing left over.
    std::mem::forget(made);
}

fn heap_bytes() -> u64 {
    HEAP_BYTES.load(Ordering::Relaxed) as u64
}

fn resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux tells of memory");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    1024 * kib.expect("the resident size is in the status")
}
