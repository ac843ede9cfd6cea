//! Bytes as log entries: what is accepted is what would have been written, and is valid.

use bytes::Bytes;
use quorate_core::{
    Command,
    codec::{decode_command, encode_command},
    command::Proposal,
};

use super::random::Random;
use crate::model::check;

/// A leader's stamp.
const TIME_MS: u64 = 0x0102_0304_0506_0708;

/// See [`super::Target::run`].
pub(super) fn run(input: &[u8]) -> bool {
    let input = Bytes::copy_from_slice(input);
    let is_command = run_command(&input);
    let is_proposal = run_proposal(input);
    is_command || is_proposal
}

/// A command; one time in four as a proposal.
pub(super) fn seed(random: &mut Random) -> Vec<u8> {
    let mut encoded = Vec::new();
    encode_command(&random.author(), &random.command(), &mut encoded);
    if random.below(4) > 0 {
        return encoded;
    }
    let proposal = Proposal {
        request_id: random.below(1000) as u64,
        time_ms: 0,
        command: encoded.into(),
    };
    proposal.encode().into()
}

fn run_command(encoded: &Bytes) -> bool {
    let Ok((author, command)) = decode_command(encoded) else {
        return false;
    };
    let mut again = Vec::new();
    encode_command(&author, &command, &mut again);
    assert_eq!(
        again, *encoded,
        "each command has one encoding: {command:#?}"
    );
    let checked = match &command {
        Command::Put(request) => check::put(request),
        Command::DeleteRange(request) => check::delete_range(request),
        Command::Txn(request) => check::txn(request, usize::MAX),
        Command::Auth(request) => check::auth(request),
        _ => Ok(()),
    };
    assert_eq!(checked, Ok(()), "only what is valid is read: {command:#?}");
    true
}

/// The command in it stays as it is; only the stamp changes.
fn run_proposal(encoded: Bytes) -> bool {
    // Both ways: where the buffer is shared, and where it is not.
    let stamped = Proposal::stamp(encoded.clone(), TIME_MS);
    let own = Proposal::stamp(Bytes::copy_from_slice(&encoded), TIME_MS);
    assert_eq!(stamped, own);
    match Proposal::decode(encoded.clone()) {
        Ok(proposal) => {
            assert_eq!(proposal.encode(), encoded);
            let expected = Proposal {
                time_ms: TIME_MS,
                ..proposal.clone()
            };
            assert_eq!(stamped.and_then(Proposal::decode), Ok(expected));
            run_command(&proposal.command)
        }
        Err(error) => {
            assert_eq!(stamped, Err(error));
            false
        }
    }
}
