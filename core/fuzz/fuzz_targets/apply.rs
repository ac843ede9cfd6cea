#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use quorate_model::fuzz::APPLY;

fuzz_target!(|input: &[u8]| {
    (APPLY.run)(input);
});

fuzz_mutator!(
    |bytes: &mut [u8], size: usize, max_size: usize, seed: u32| {
        quorate_fuzz::mutate(&APPLY, bytes, size, max_size, seed)
    }
);
