//! The steps of a run as bytes.

use bytes::Bytes;
use quorate_core::{
    Command, Entry, View,
    auth::Author,
    codec::{decode_command, encode_command},
    command::Renewal,
};

use super::random::Random;

const APPLY: u8 = 0;
const SKIP: u8 = 1;
const SWEEP: u8 = 2;
const RESTORE: u8 = 3;
const KEEP_VIEW: u8 = 4;

const NEW_TERM: u8 = 1;
const RELATIVE: u8 = 2;

/// One step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// An entry.
    Apply(Proposed),
    /// An entry that is not a command.
    Skip {
        /// Whether a new term begins with it.
        new_term: bool,
    },
    /// Physical compaction on one replica.
    Sweep {
        /// How much at most.
        keys_max: u8,
    },
    /// That replica starts over from a checkpoint.
    Restore,
    /// A view is taken that must not change.
    KeepView,
}

/// An entry to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposed {
    /// Whether a new term begins with it.
    new_term: bool,
    /// Whether numbers count back from the state's: the author's auth revision, the time of
    /// renewals and the term of expiries.
    relative: bool,
    /// How much later than the entry before its stamp is, milliseconds; may be earlier.
    later_ms: i16,
    /// By how many bits to shift that.
    shift: u8,
    author: Author,
    command: Command,
}

/// A step out of a piece of input; `None` if it is none.
pub(super) fn read(piece: &[u8]) -> Option<Step> {
    match *piece {
        [APPLY, flags, shift, low, high, ref encoded @ ..] => {
            let (author, command) = decode_command(&Bytes::copy_from_slice(encoded)).ok()?;
            Some(Step::Apply(Proposed {
                new_term: flags & NEW_TERM != 0,
                relative: flags & RELATIVE != 0,
                later_ms: i16::from_le_bytes([low, high]),
                shift,
                author,
                command,
            }))
        }
        [SKIP, flags, ..] => Some(Step::Skip {
            new_term: flags & NEW_TERM != 0,
        }),
        [SWEEP, keys_max, ..] => Some(Step::Sweep { keys_max }),
        [RESTORE, ..] => Some(Step::Restore),
        [KEEP_VIEW, ..] => Some(Step::KeepView),
        _ => None,
    }
}

/// A step, mostly an entry.
pub(super) fn random(random: &mut Random) -> Vec<u8> {
    let new_term = u8::from(random.below(30) == 0) * NEW_TERM;
    match random.below(20) {
        0 => vec![SKIP, new_term],
        1 | 2 => vec![SWEEP, random.below(16) as u8],
        3 => vec![RESTORE],
        4 => vec![KEEP_VIEW],
        _ => {
            let mut piece = vec![APPLY, new_term | RELATIVE, 0];
            piece.extend((random.below(2500) as i16 - 500).to_le_bytes());
            encode_command(&random.author(), &random.command(), &mut piece);
            piece
        }
    }
}

impl Proposed {
    /// The entry that comes next at a state.
    pub(super) fn entry(self, view: &View) -> Entry {
        let term = next_term(view, self.new_term);
        let later_ms = i128::from(self.later_ms) << (self.shift % 64);
        let time_ms = (i128::from(view.time_ms()) + later_ms).clamp(0, u64::MAX.into()) as u64;
        let (mut author, mut command) = (self.author, self.command);
        if self.relative {
            if let Author::User { auth_revision, .. } = &mut author {
                *auth_revision = view.auth_revision().saturating_sub(*auth_revision);
            }
            count_back(&mut command, term, time_ms);
        }
        Entry {
            index: view.applied_index() + 1,
            term,
            time_ms,
            author,
            command,
        }
    }
}

/// The term of the next entry.
pub(super) fn next_term(view: &View, new_term: bool) -> u64 {
    view.applied_term().max(1) + u64::from(new_term)
}

fn count_back(command: &mut Command, term: u64, time_ms: u64) {
    match command {
        Command::LeaseRenew { renewals } => {
            for Renewal { renewed_at_ms, .. } in renewals {
                // The first second is of the future.
                let future_ms = time_ms.saturating_add(1000);
                *renewed_at_ms = future_ms.saturating_sub(*renewed_at_ms);
            }
        }
        Command::LeaseExpire { term: proposed, .. } => *proposed = term.saturating_sub(*proposed),
        _ => {}
    }
}
