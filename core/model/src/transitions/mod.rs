//! What a random run consists of. Few keys, leases, users and revisions, so that steps meet each
//! other.

mod auth;
mod commands;
mod requests;
pub mod unchecked;
mod watch;

use std::{cell::RefCell, collections::BTreeMap, fmt};

use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;
use quorate_core::{
    Applied, Command, Entry, Valid,
    auth::Author,
    limits::WatchLimits,
    request::{RangeRequest, TxnRequest},
};

pub use self::{
    auth::{Question, Who, who},
    commands::{Proposed, command},
    watch::{STREAMS, WatchStep},
};
use crate::Model;

/// About the number of versions at which the core begins to keep a key's in another way.
const VERSIONS_MANY: std::ops::Range<usize> = 25..40;

/// One step of a run.
#[derive(Clone, Debug)]
pub enum Transition {
    /// An entry.
    Apply(Proposed),
    /// An entry that is not a command, in a term that may be new.
    Skip {
        /// Whether it is.
        new_term: bool,
    },
    /// A read.
    Range(Valid<RangeRequest>),
    /// A transaction that only reads.
    ReadTxn(Valid<TxnRequest>),
    /// Watch catch-up.
    History {
        /// First revision.
        from: i64,
    },
    /// The checksum of the key space.
    HashKv {
        /// At which revision.
        revision: i64,
    },
    /// May somebody read something?
    Authorize(Who, Question),
    /// Physical compaction on one replica.
    Sweep {
        /// How much at most.
        keys_max: usize,
    },
    /// One replica starts over from a checkpoint.
    Restore,
    /// A view is taken, to be looked at again at the end.
    KeepView,
    /// Something about watches.
    Watch(WatchStep),
}

/// The model, and what is needed to bring the system to the same state.
#[derive(Clone)]
pub struct Reference {
    /// What the system should know.
    pub model: Model,
    /// What was applied before the run.
    pub setup: Vec<Entry>,
    /// Bounds of the watch hub.
    pub watch_limits: WatchLimits,
    /// The last entry applied, with what the model made of it.
    pub last: Option<(Entry, Applied)>,
}

impl Reference {
    fn new(setup: Vec<Command>, watch_limits: WatchLimits) -> Self {
        let mut reference = Self {
            model: Model::new(),
            setup: Vec::new(),
            watch_limits,
            last: None,
        };
        for command in setup {
            let entry = Entry {
                index: reference.model.applied_index() + 1,
                term: 1,
                time_ms: 0,
                author: Author::Member,
                command,
            };
            reference.model.apply(&entry);
            reference.setup.push(entry);
        }
        reference
    }

    /// The term of the next entry, unless a new one begins.
    fn term(&self) -> u64 {
        self.model.applied_term().max(1)
    }
}

/// What makes the runs begin as they do: the model follows from it.
impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line each, however many there are.
        let setup = self.setup.iter();
        let setup = setup.map(|entry| format!("{:?}", entry.command));
        f.debug_struct("Reference")
            .field("setup", &setup.collect::<Vec<_>>())
            .field("watch_limits", &self.watch_limits)
            .finish()
    }
}

impl ReferenceStateMachine for Reference {
    type State = Self;
    type Transition = Transition;

    /// Many runs begin with nothing; some with users, with authentication on, or with a key that
    /// has so many versions that the core may keep them in another way.
    fn init_state() -> BoxedStrategy<Self> {
        let users = prop_oneof![3 => Just(Vec::new()), 2 => auth::setup()];
        let versions = prop_oneof![3 => Just(0), 1 => VERSIONS_MANY];
        (users, versions, watch::limits())
            .prop_map(|(users, versions, limits)| {
                let mut setup = vec![commands::put_often(); versions];
                setup.extend(users);
                Self::new(setup, limits)
            })
            .boxed()
    }

    /// Strategies take long to build, and depend on the revision alone.
    fn transitions(state: &Self) -> BoxedStrategy<Transition> {
        thread_local! {
            static BUILT: RefCell<BTreeMap<i64, BoxedStrategy<Transition>>> = RefCell::default();
        }
        let revision = state.model.revision();
        BUILT.with_borrow_mut(|built| {
            let strategy = built.entry(revision);
            strategy.or_insert_with(|| transition(revision)).clone()
        })
    }

    fn apply(mut state: Self, transition: &Transition) -> Self {
        match transition {
            Transition::Apply(proposed) => {
                let entry = proposed.entry(&state.model, state.term());
                let applied = state.model.apply(&entry);
                state.last = Some((entry, applied));
            }
            Transition::Skip { new_term } => {
                let index = state.model.applied_index() + 1;
                let term = state.term() + u64::from(*new_term);
                state.model.skip(index, term);
            }
            _ => {}
        }
        state
    }
}

/// A step while the store is at about `revision`.
fn transition(revision: i64) -> BoxedStrategy<Transition> {
    let read = requests::valid(requests::range(revision), Valid::<RangeRequest>::check);
    prop_oneof![
        60 => commands::proposed(revision).prop_map(Transition::Apply),
        8 => read.prop_map(Transition::Range),
        2 => requests::read_txn(revision).prop_map(Transition::ReadTxn),
        2 => (-1..revision + 3).prop_map(|from| Transition::History { from }),
        3 => requests::revision(revision).prop_map(|revision| Transition::HashKv { revision }),
        3 => (who(), auth::question())
            .prop_map(|(who, question)| Transition::Authorize(who, question)),
        5 => (1..16_usize).prop_map(|keys_max| Transition::Sweep { keys_max }),
        2 => Just(Transition::Restore),
        1 => Just(Transition::KeepView),
        2 => any::<bool>().prop_map(|new_term| Transition::Skip { new_term }),
        16 => watch::step(revision).prop_map(Transition::Watch),
    ]
    .boxed()
}
