//! Properties of the state machine, over random runs and random bytes.
//!
//! * [`model`]: the reference, as naive as possible, sharing no logic with the core.
//! * [`steps`]: what a random run consists of.
//! * [`system`]: two replicas that go through the run at their own pace of physical compaction.
//!
//! A run that fails is kept in the top-level `proptest-regressions/` and tried first ever after.

// All of this is a test.
#![allow(clippy::unwrap_used)]

mod model;
mod steps;
mod system;

use bytes::Bytes;
use proptest::{prelude::*, test_runner::FileFailurePersistence};
use quorate_core::{
    Restore,
    auth::Author,
    codec::{decode_command, encode_command},
    command::Proposal,
};

/// `PROPTEST_CASES` in the environment asks for more, or fewer.
fn config(cases: u32) -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = if std::env::var_os("PROPTEST_CASES").is_some() {
        default.cases
    } else {
        cases
    };
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../proptest-regressions/core.txt"
    );
    ProptestConfig {
        cases,
        // Random transactions often write a key twice.
        max_local_rejects: cases.saturating_mul(1000),
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..default
    }
}

proptest! {
    #![proptest_config(config(48))]

    #[test]
    fn the_machine_answers_like_the_model(steps in prop::collection::vec(steps::step(), 1..120)) {
        let mut system = system::System::new();
        for step in steps {
            system.run(step);
        }
        system.finish();
    }
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn commands_come_back_from_their_encoding(command in steps::command(), id: u64, time_ms: u64) {
        let mut encoded = Vec::new();
        encode_command(&Author::Anonymous, &command, &mut encoded);
        prop_assert_eq!(decode_command(&encoded).unwrap(), (Author::Anonymous, command));
        for end in 0..encoded.len() {
            prop_assert!(decode_command(&encoded[..end]).is_err(), "cut at {}", end);
        }

        let proposal = Proposal { request_id: id, time_ms: 0, command: encoded.into() };
        let shared = proposal.encode();
        for bytes in [shared.clone(), Bytes::copy_from_slice(&shared)] {
            let stamped = Proposal::stamp(bytes, time_ms).unwrap();
            let expected = Proposal { time_ms, ..proposal.clone() };
            prop_assert_eq!(Proposal::decode(stamped).unwrap(), expected);
        }
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes: Vec<u8>, cut: u16) {
        let _ = decode_command(&bytes);
        let _ = Proposal::decode(bytes.clone().into());
        let mut restore = Restore::new();
        let (first, second) = bytes.split_at(bytes.len().min(usize::from(cut)));
        prop_assert!(restore.feed(first).and_then(|()| restore.feed(second)).is_err()
            || restore.finish().is_err());
    }

    #[test]
    fn altered_commands_decode_or_are_refused(
        command in steps::command(),
        alterations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut encoded = Vec::new();
        encode_command(&Author::Anonymous, &command, &mut encoded);
        for (position, byte) in alterations {
            let position = position.index(encoded.len());
            encoded[position] = byte;
        }
        if let Ok((author, command)) = decode_command(&encoded) {
            let mut again = Vec::new();
            encode_command(&author, &command, &mut again);
            prop_assert_eq!(again, encoded, "a command has one encoding");
        }
    }
}
