//! Log entries as bytes: each comes back as it was, and no bytes do harm.

use bytes::Bytes;
use proptest::{prelude::*, sample::Index};
use quorate_core::{
    Command, Entry, Restore, StateMachine,
    auth::Author,
    codec::{decode_command, encode_command},
    command::Proposal,
};
use quorate_model::{Model, transitions};

use crate::config;

/// About the revision at which commands are drawn.
const REVISION: i64 = 20;

fn encoded(author: &Author, command: &Command) -> Vec<u8> {
    let mut encoded = Vec::new();
    encode_command(author, command, &mut encoded);
    encoded
}

proptest! {
    #![proptest_config(config(256))]

    #[test]
    fn commands_come_back_from_their_encoding(
        who in transitions::who(),
        command in transitions::command(REVISION),
        id: u64,
        time_ms: u64,
    ) {
        let author = who.author(&Model::new());
        let encoded = Bytes::from(encoded(&author, &command));
        prop_assert_eq!(decode_command(&encoded), Ok((author, command)));
        for end in 0..encoded.len() {
            prop_assert!(decode_command(&encoded.slice(..end)).is_err(), "cut at {}", end);
        }

        let proposal = Proposal { request_id: id, time_ms: 0, command: encoded };
        let shared = proposal.encode();
        for bytes in [shared.clone(), Bytes::copy_from_slice(&shared)] {
            let stamped = Proposal::stamp(bytes, time_ms).expect("a proposal can be stamped");
            let expected = Proposal { time_ms, ..proposal.clone() };
            prop_assert_eq!(Proposal::decode(stamped), Ok(expected));
        }
    }

    #[test]
    fn any_bytes_decode_or_are_refused(bytes: Vec<u8>, cut: u16) {
        let bytes = Bytes::from(bytes);
        let _ = decode_command(&bytes);
        let _ = Proposal::decode(bytes.clone());
        let mut restore = Restore::new();
        let (first, second) = bytes.split_at(bytes.len().min(usize::from(cut)));
        prop_assert!(restore.feed(first).and_then(|()| restore.feed(second)).is_err()
            || restore.finish().is_err());
    }

    /// What can be read can be applied, and has one encoding.
    #[test]
    fn altered_commands_are_refused_or_applied(
        who in transitions::who(),
        command in transitions::command(REVISION),
        alterations in prop::collection::vec((any::<Index>(), any::<u8>()), 1..4),
    ) {
        let mut altered = encoded(&who.author(&Model::new()), &command);
        for (position, byte) in alterations {
            let position = position.index(altered.len());
            altered[position] = byte;
        }
        let altered = Bytes::from(altered);
        if let Ok((author, command)) = decode_command(&altered) {
            prop_assert_eq!(encoded(&author, &command), altered);

            let entry = Entry { index: 1, term: 1, time_ms: 1, author, command };
            let expected = Model::new().apply(&entry);
            let mut machine = StateMachine::new();
            prop_assert_eq!(machine.apply(entry), expected);
            machine.validate();
        }
    }

    #[test]
    fn altered_checkpoints_are_refused(
        commands in prop::collection::vec(transitions::command(REVISION), 0..20),
        chunk in any::<Index>(),
        position in any::<Index>(),
        byte: u8,
    ) {
        let mut machine = StateMachine::new();
        for (index, command) in (1..).zip(commands) {
            let author = Author::Member;
            machine.apply(Entry { index, term: 1, time_ms: index, author, command });
        }
        let mut chunks: Vec<Vec<u8>> = machine.checkpoint().map(|chunk| chunk.to_vec()).collect();
        let chunk = chunk.index(chunks.len());
        let position = position.index(chunks[chunk].len());
        let before = std::mem::replace(&mut chunks[chunk][position], byte);
        let mut restore = Restore::new();
        let fed = chunks.iter().try_for_each(|chunk| restore.feed(chunk));
        let restored = fed.and_then(|()| restore.finish());
        prop_assert_eq!(restored.is_ok(), before == byte);
    }
}
