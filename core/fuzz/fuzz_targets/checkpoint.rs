#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use quorate_model::fuzz::CHECKPOINT;

fuzz_target!(|input: &[u8]| {
    (CHECKPOINT.run)(input);
});

fuzz_mutator!(
    |bytes: &mut [u8], size: usize, max_size: usize, seed: u32| {
        quorate_fuzz::mutate(&CHECKPOINT, bytes, size, max_size, seed)
    }
);
