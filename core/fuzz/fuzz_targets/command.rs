#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target};
use quorate_model::fuzz::COMMAND;

fuzz_target!(|input: &[u8]| {
    (COMMAND.run)(input);
});

fuzz_mutator!(
    |bytes: &mut [u8], size: usize, max_size: usize, seed: u32| {
        quorate_fuzz::mutate(&COMMAND, bytes, size, max_size, seed)
    }
);
