//! What the fuzz targets have in common.

use libfuzzer_sys::fuzzer_mutate;
use quorate_model::fuzz::{Random, Target};

/// Changes the first `size` of the bytes, which may become as many as there are or as `max_size`
/// says, and gives how many they are then. Every other time libFuzzer does so in its own ways.
pub fn mutate(target: &Target, bytes: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    if seed.is_multiple_of(2) {
        return fuzzer_mutate(bytes, size, max_size);
    }
    let mut input = bytes[..size].to_vec();
    target.mutate(&mut input, &mut Random::new(seed.into()));
    input.truncate(max_size.min(bytes.len()));
    bytes[..input.len()].copy_from_slice(&input);
    input.len()
}
