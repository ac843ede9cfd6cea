//! Users, roles and permissions: who asks, and what is asked of the auth state.

use proptest::{prelude::*, sample::select};
use quorate_core::{
    Command, Valid,
    auth::{AuthRequest, Author, Credential, Permission, PermissionKind},
    kv::{KeyRange, LeaseId},
    request::{RangeRequest, TxnRequest},
};

use super::requests;
use crate::Model;

/// On whose behalf a step is taken.
#[derive(Clone, Debug)]
pub enum Who {
    /// The cluster.
    Member,
    /// Nobody.
    Anonymous,
    /// A user.
    User {
        /// Its name.
        name: String,
        /// By how many changes of the auth state its token is behind.
        behind: u64,
    },
}

impl Who {
    /// The author at this state.
    pub fn author(&self, model: &Model) -> Author {
        match self {
            Self::Member => Author::Member,
            Self::Anonymous => Author::Anonymous,
            Self::User { name, behind } => Author::User {
                name: name.clone(),
                auth_revision: model.auth_revision().saturating_sub(*behind),
            },
        }
    }
}

/// What the auth state is asked about.
#[derive(Clone, Debug)]
pub enum Question {
    /// A read.
    Range(Valid<RangeRequest>),
    /// A transaction that only reads.
    Txn(Valid<TxnRequest>),
    /// A watch.
    Watch(KeyRange),
    /// The keys of a lease.
    LeaseKeys(LeaseId, PermissionKind),
    /// The list of leases.
    AllLeases,
    /// What everybody may who has a token.
    Anyone,
    /// What only root may.
    Admin,
    /// One user.
    User(String),
    /// One role.
    Role(String),
}

/// Members, root and users with fresh and old tokens.
pub fn who() -> impl Strategy<Value = Who> {
    let user = (
        select(&["root", "root", "alice", "alice", "bob", "carol", ""]),
        prop_oneof![6 => Just(0), 1 => 1..3_u64],
    );
    prop_oneof![
        3 => Just(Who::Member),
        1 => Just(Who::Anonymous),
        6 => user.prop_map(|(name, behind)| Who::User { name: name.to_owned(), behind }),
    ]
}

pub(super) fn question() -> impl Strategy<Value = Question> {
    let range = requests::valid(requests::range(1), Valid::<RangeRequest>::check);
    let kind = select(&[PermissionKind::Read, PermissionKind::Write]);
    prop_oneof![
        4 => range.prop_map(Question::Range),
        1 => requests::read_txn(1).prop_map(Question::Txn),
        2 => requests::watch_range().prop_map(Question::Watch),
        2 => (requests::lease(), kind).prop_map(|(id, kind)| Question::LeaseKeys(id, kind)),
        1 => Just(Question::AllLeases),
        1 => Just(Question::Anyone),
        1 => Just(Question::Admin),
        1 => user().prop_map(Question::User),
        1 => role().prop_map(Question::Role),
    ]
}

/// A beginning with root and some users that are not; mostly with authentication on.
pub(super) fn setup() -> impl Strategy<Value = Vec<Command>> {
    let grants = prop::collection::vec((role(), permission(requests::key_range().boxed())), 0..8);
    (grants, prop::bool::weighted(0.7)).prop_map(|(grants, enabled)| {
        let mut requests = Vec::new();
        for user in ["root", "alice", "bob"] {
            let credential = Credential::PasswordHash(format!("{user}'s"));
            let name = user.to_owned();
            requests.push(AuthRequest::UserAdd { name, credential });
        }
        for name in ["readers", "writers"] {
            let name = name.to_owned();
            requests.push(AuthRequest::RoleAdd { name });
        }
        for (user, role) in [
            ("root", "root"),
            ("alice", "readers"),
            ("alice", "writers"),
            ("bob", "readers"),
        ] {
            let (user, role) = (user.to_owned(), role.to_owned());
            requests.push(AuthRequest::UserGrantRole { user, role });
        }
        for (role, permission) in grants {
            requests.push(AuthRequest::RoleGrantPermission { role, permission });
        }
        requests.extend(enabled.then_some(AuthRequest::Enable));
        let checked = requests.into_iter().map(Valid::<AuthRequest>::check);
        checked.flatten().map(Command::Auth).collect()
    })
}

pub(super) fn request() -> impl Strategy<Value = Valid<AuthRequest>> {
    requests::valid(
        any_request(requests::key_range().boxed()),
        Valid::<AuthRequest>::check,
    )
}

/// A change of the auth state, checked or not.
pub(super) fn any_request(range: BoxedStrategy<KeyRange>) -> impl Strategy<Value = AuthRequest> {
    let credential = prop_oneof![
        2 => password().prop_map(Credential::PasswordHash),
        1 => Just(Credential::NoPassword),
    ];
    let user_role = || (user(), role());
    prop_oneof![
        2 => Just(AuthRequest::Enable),
        1 => Just(AuthRequest::Disable),
        3 => (user(), credential)
            .prop_map(|(name, credential)| AuthRequest::UserAdd { name, credential }),
        1 => user().prop_map(|name| AuthRequest::UserDelete { name }),
        1 => (user(), password()).prop_map(|(name, password_hash)| {
            AuthRequest::UserChangePassword { name, password_hash }
        }),
        4 => user_role().prop_map(|(user, role)| AuthRequest::UserGrantRole { user, role }),
        2 => user_role().prop_map(|(user, role)| AuthRequest::UserRevokeRole { user, role }),
        2 => role().prop_map(|name| AuthRequest::RoleAdd { name }),
        1 => role().prop_map(|name| AuthRequest::RoleDelete { name }),
        6 => (role(), permission(range.clone()))
            .prop_map(|(role, permission)| AuthRequest::RoleGrantPermission { role, permission }),
        3 => (role(), range)
            .prop_map(|(role, range)| AuthRequest::RoleRevokePermission { role, range }),
    ]
}

pub(super) fn user() -> impl Strategy<Value = String> {
    select(&["root", "root", "alice", "alice", "bob", ""]).prop_map(str::to_owned)
}

fn role() -> impl Strategy<Value = String> {
    select(&["root", "readers", "readers", "writers", "writers", ""]).prop_map(str::to_owned)
}

fn password() -> impl Strategy<Value = String> {
    select(&["", "one", "two"]).prop_map(str::to_owned)
}

fn permission(range: BoxedStrategy<KeyRange>) -> impl Strategy<Value = Permission> {
    let kinds = &[
        PermissionKind::Read,
        PermissionKind::Write,
        PermissionKind::ReadWrite,
    ];
    // In order, so that most are let in.
    let range = range.prop_map(|range| match range {
        KeyRange::Range { start, end } if end < start => KeyRange::Range {
            start: end,
            end: start,
        },
        range => range,
    });
    (select(kinds), range).prop_map(|(kind, range)| Permission { kind, range })
}
