//! What a call needs, as the contract says it (api.md §8), and what its caller must hear.

use super::users::{Standing, User};
use crate::proto::authpb::permission::Type;

/// What a call needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Needs {
    /// Nothing, not even that a token is one.
    Nothing,
    /// No token; but one that is there has to be one.
    NoLie,
    /// To be somebody.
    Token,
    /// To be this user, or root.
    Being(&'static str),
    /// To read and write keys: the kind, the first letter, the first letter that is out.
    Keys(&'static [(Type, u8, u8)]),
    /// The same, of a stream that ends without a reason where it may not.
    Silently(&'static [(Type, u8, u8)]),
    /// To be root.
    Root,
}

/// What comes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Allowed,
    Denied,
    NoUser,
    BadToken,
    Ended,
}

impl Needs {
    /// What `user` must hear.
    pub(super) fn verdict(self, user: &User) -> Verdict {
        let allowed = match self {
            Self::Nothing => return Verdict::Allowed,
            Self::NoLie => user.standing != Standing::Liar,
            Self::Token => matches!(user.standing, Standing::User | Standing::Root),
            Self::Being(name) => user.name == name || user.standing == Standing::Root,
            Self::Keys(keys) | Self::Silently(keys) => keys
                .iter()
                .all(|&(kind, first, end)| user.may(kind, first, end)),
            Self::Root => user.standing == Standing::Root,
        };
        match user.standing {
            _ if allowed => Verdict::Allowed,
            _ if matches!(self, Self::Silently(_)) => Verdict::Ended,
            Standing::Nobody => Verdict::NoUser,
            Standing::Liar => Verdict::BadToken,
            Standing::User | Standing::Root => Verdict::Denied,
        }
    }
}

impl Verdict {
    /// The verdict in an error, by its text: some services give all errors one code. Whatever else
    /// went wrong, went wrong behind the check.
    pub(super) fn of(error: &str) -> Self {
        if error.contains("permission denied") {
            Self::Denied
        } else if error.contains("user name is empty") {
            Self::NoUser
        } else if error.contains("invalid auth token") {
            Self::BadToken
        } else if error.contains("observe closed early") {
            Self::Ended
        } else {
            Self::Allowed
        }
    }

    /// In the table.
    pub(super) fn sign(self) -> &'static str {
        match self {
            Self::Allowed => "yes",
            Self::Denied => ".",
            Self::NoUser => "who?",
            Self::BadToken => "liar",
            Self::Ended => "ends",
        }
    }
}
