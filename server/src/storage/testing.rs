//! What the tests of this module share.

use std::future::Future;

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use crate::disk::memory::MemoryDisk;

/// A disk whose choices come from a seed.
pub(super) fn disk(seed: u64) -> MemoryDisk {
    let mut stream = ChaCha8Rng::seed_from_u64(seed);
    MemoryDisk::new(move |below| stream.next_u64() % below)
}

/// Runs a test and all of its tasks on this thread, so that it is a function of its seeds. The test
/// itself gets a turn after every turn of a task.
pub(super) fn run<T>(test: impl Future<Output = T>) -> T {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime
        .event_interval(1)
        .enable_time()
        .build()
        .expect("a runtime")
        .block_on(test)
}
