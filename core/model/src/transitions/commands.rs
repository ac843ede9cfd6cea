//! Entries.

use proptest::{prelude::*, sample::select};
use quorate_core::{
    Command, Entry, Valid,
    alarm::{Alarm, AlarmAction, AlarmKind},
    command::{MemberAttributes, Renewal},
    request::{DeleteRangeRequest, PutRequest, TxnRequest},
};

use super::{
    auth::{self, Who},
    requests::{self, lease},
};
use crate::Model;

/// An entry to be, as far as it does not depend on the state.
#[derive(Clone, Debug)]
pub struct Proposed {
    /// How much later than the entry before its stamp is, milliseconds; may be earlier.
    pub later_ms: i64,
    /// Whether a new term begins with it.
    pub new_term: bool,
    /// Who asks.
    pub who: Who,
    /// What to do. Renewals count back from the entry's time, the term of expiries from its term,
    /// the auth revision of an authentication from the present one.
    pub command: Command,
}

impl Proposed {
    /// The entry that comes next after what the model has applied.
    pub fn entry(&self, model: &Model, term: u64) -> Entry {
        let term = term + u64::from(self.new_term);
        let time_ms = model.time_ms().saturating_add_signed(self.later_ms);
        let mut command = self.command.clone();
        match &mut command {
            Command::LeaseRenew { renewals } => {
                for Renewal { renewed_at_ms, .. } in renewals {
                    // The first second is of the future.
                    *renewed_at_ms = (time_ms + 1000).saturating_sub(*renewed_at_ms);
                }
            }
            Command::Authenticate { auth_revision, .. } => {
                *auth_revision = model.auth_revision().saturating_sub(*auth_revision);
            }
            Command::LeaseExpire { term: proposed, .. } => {
                *proposed = term.saturating_sub(*proposed)
            }
            _ => {}
        }
        Entry {
            index: model.applied_index() + 1,
            term,
            time_ms,
            author: self.who.author(model),
            command,
        }
    }
}

pub(super) fn proposed(revision: i64) -> impl Strategy<Value = Proposed> {
    let new_term = prop::bool::weighted(0.02);
    (-500..2000_i64, new_term, auth::who(), command(revision)).prop_map(
        |(later_ms, new_term, who, command)| Proposed {
            later_ms,
            new_term,
            who,
            command,
        },
    )
}

/// A command while the store is at about `revision`.
pub fn command(revision: i64) -> impl Strategy<Value = Command> {
    let put = requests::valid(requests::put(), Valid::<PutRequest>::check);
    let delete = requests::valid(requests::delete_range(), Valid::<DeleteRangeRequest>::check);
    let check = |txn| Valid::<TxnRequest>::check(txn, requests::OPS_MAX);
    let txn = requests::valid(requests::txn(revision), check);
    prop_oneof![
        26 => put.prop_map(Command::Put),
        7 => delete.prop_map(Command::DeleteRange),
        18 => txn.prop_map(Command::Txn),
        3 => compact(revision),
        12 => of_leases(),
        2 => alarm(),
        7 => auth::request().prop_map(Command::Auth),
        1 => authenticate(),
        2 => of_members(),
    ]
}

/// A put of always the same key, a frequent one.
pub(super) fn put_often() -> Command {
    let put = PutRequest::new("a", "often");
    Command::Put(Valid::<PutRequest>::check(put).expect("it has a key"))
}

fn compact(revision: i64) -> impl Strategy<Value = Command> {
    prop_oneof![
        1 => -1..revision + 2,
        2 => revision - 6..revision + 1,
    ]
    .prop_map(|revision| Command::Compact { revision })
}

fn of_leases() -> impl Strategy<Value = Command> {
    let ttl_s = prop_oneof![
        10 => -1..30_i64,
        1 => select(&[9_000_000_000, 9_000_000_001, i64::MAX]),
    ];
    let renewal = (lease(), 0..20_000_u64);
    let renewal = renewal.prop_map(|(id, renewed_at_ms)| Renewal { id, renewed_at_ms });
    let terms_ago = prop_oneof![3 => Just(0), 1 => 1..3_u64];
    let ids = prop::collection::vec(lease(), 0..5);
    prop_oneof![
        6 => (lease(), ttl_s).prop_map(|(id, ttl_s)| Command::LeaseGrant { id, ttl_s }),
        2 => lease().prop_map(|id| Command::LeaseRevoke { id }),
        2 => prop::collection::vec(renewal, 0..4)
            .prop_map(|renewals| Command::LeaseRenew { renewals }),
        2 => (terms_ago, ids).prop_map(|(term, ids)| Command::LeaseExpire { term, ids }),
    ]
}

fn authenticate() -> impl Strategy<Value = Command> {
    let revisions_ago = prop_oneof![4 => Just(0), 1 => 1..3_u64];
    (auth::user(), revisions_ago).prop_map(|(user, auth_revision)| Command::Authenticate {
        user,
        auth_revision,
        secret: "secret".to_owned(),
    })
}

/// Cleared more often than raised: there is not much to be seen while one is there.
fn alarm() -> impl Strategy<Value = Command> {
    let action = prop_oneof![
        1 => Just(AlarmAction::Activate),
        5 => Just(AlarmAction::Deactivate),
    ];
    let kind = select(&[AlarmKind::NoSpace, AlarmKind::Corrupt]);
    let member_id = prop_oneof![9 => Just(1), 1 => 0..3_u64];
    (action, kind, member_id).prop_map(|(action, kind, member_id)| {
        let alarm = Alarm { kind, member_id };
        Command::Alarm { action, alarm }
    })
}

fn of_members() -> impl Strategy<Value = Command> {
    let name = select(&["", "one", "two"]).prop_map(str::to_owned);
    let url = select(&["", "http://one:2379"]).prop_map(str::to_owned);
    let version = select(&["", "3.5.0", "3.6.0"]).prop_map(str::to_owned);
    let urls = prop::collection::vec(url, 0..3);
    let attributes = (0..4_u64, name, urls, 0..2_u64);
    prop_oneof![
        attributes.prop_map(|(member_id, name, client_urls, instance)| {
            Command::MemberAttributes(MemberAttributes {
                member_id,
                name,
                client_urls,
                instance,
            })
        }),
        version.prop_map(|version| Command::ClusterVersion { version }),
    ]
}
