//! Properties of the state machine, over random runs, random requests and random bytes.
//!
//! A case that fails is kept in the top-level `proptest-regressions/` and tried first ever after.

mod bytes;
mod runs;
mod validation;

use proptest::{prelude::ProptestConfig, test_runner::FileFailurePersistence};

/// `PROPTEST_CASES` in the environment asks for more cases, or fewer.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        default.cases
    } else {
        cases
    };
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../proptest-regressions/core.txt"
    );
    ProptestConfig {
        cases,
        // Random transactions often write a key twice.
        max_local_rejects: cases.saturating_mul(10_000),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..default
    }
}
