//! Those who ask: one for each way of being permitted or not.

use crate::proto::authpb::{Permission, permission::Type};

/// One of those who ask.
#[derive(Clone, Copy, Debug)]
pub(super) struct User {
    /// Its name, and its password.
    pub(super) name: &'static str,
    /// What its role allows: a kind, the first letter, and the first letter that is out. Keys are
    /// single letters here.
    pub(super) permissions: &'static [(Type, u8, u8)],
    pub(super) standing: Standing,
}

/// How far a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// Without a token.
    Nobody,
    /// With a token that is none.
    Liar,
    /// With a token of its own, and a role that has its name.
    User,
    /// The same, with the role `root`.
    Root,
}

/// Behind the last letter.
const OPEN: u8 = b'z' + 1;

/// The columns of the table.
pub(super) const USERS: &[User] = &[
    User {
        name: "nobody",
        permissions: &[],
        standing: Standing::Nobody,
    },
    User {
        name: "liar",
        permissions: &[],
        standing: Standing::Liar,
    },
    user("none", &[]),
    user("read", &[(Type::Read, b'a', b'd')]),
    user("write", &[(Type::Write, b'a', b'd')]),
    user("both", &[(Type::Readwrite, b'a', b'd')]),
    user("key", &[(Type::Readwrite, b'a', b'b')]),
    user(
        "parts",
        &[
            (Type::Read, b'a', b'c'),
            (Type::Readwrite, b'c', b'd'),
            (Type::Write, b'a', b'b'),
            (Type::Write, b'b', b'c'),
        ],
    ),
    user(
        "gap",
        &[(Type::Readwrite, b'a', b'b'), (Type::Readwrite, b'c', b'd')],
    ),
    user("all", &[(Type::Readwrite, b'a', OPEN)]),
    User {
        name: "root",
        permissions: &[],
        standing: Standing::Root,
    },
];

const fn user(name: &'static str, permissions: &'static [(Type, u8, u8)]) -> User {
    User {
        name,
        permissions,
        standing: Standing::User,
    }
}

impl User {
    /// Whether every key from `first` up to `end` (without it) may be read, or written: letter by
    /// letter, as slowly and plainly as can be.
    pub(super) fn may(&self, kind: Type, first: u8, end: u8) -> bool {
        self.standing == Standing::Root
            || (first..end).all(|letter| {
                self.permissions.iter().any(|&(granted, from, to)| {
                    (granted == kind || granted == Type::Readwrite) && (from..to).contains(&letter)
                })
            })
    }
}

/// A permission as the role is given it.
pub(super) fn permission(&(kind, first, end): &(Type, u8, u8)) -> Permission {
    let range_end = if end == OPEN { 0 } else { end };
    Permission {
        perm_type: kind.into(),
        key: vec![first].into(),
        range_end: vec![range_end].into(),
    }
}
