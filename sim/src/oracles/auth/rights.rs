//! Who may do what, by the log, as plain maps.

use std::collections::{BTreeMap, BTreeSet};

use crate::history::{Access, AuthChange, Blob, Keys, Request, Txn, TxnOp};

/// The role that allows everything.
const ROOT: &str = "root";

/// The auth revision before the first change.
const FIRST_REVISION: u64 = 1;

/// Users and roles after some change.
#[derive(Clone)]
pub(super) struct Rights {
    pub(super) enabled: bool,
    /// Counts the changes; a signed token is good for one of these only.
    pub(super) revision: u64,
    /// The roles of each user.
    users: BTreeMap<String, BTreeSet<String>>,
    roles: BTreeMap<String, Vec<(Access, Keys)>>,
}

impl Rights {
    /// Before the first change.
    pub(super) fn new() -> Self {
        Self {
            enabled: false,
            revision: FIRST_REVISION,
            users: BTreeMap::new(),
            roles: BTreeMap::new(),
        }
    }

    /// After a change that was not refused.
    pub(super) fn apply(&mut self, change: &AuthChange) {
        let mut raises = true;
        match change {
            AuthChange::Enable => {
                self.enabled = true;
                raises = false;
            }
            AuthChange::Disable => raises = std::mem::take(&mut self.enabled),
            AuthChange::UserAdd { user, .. } => {
                self.users.insert(user.clone(), BTreeSet::new());
            }
            AuthChange::UserDelete { user } => _ = self.users.remove(user),
            AuthChange::UserPassword { .. } => {}
            AuthChange::UserGrant { user, role } => {
                raises = self.roles_of(user).insert(role.clone());
            }
            AuthChange::UserRevoke { user, role } => _ = self.roles_of(user).remove(role),
            AuthChange::RoleAdd { role } => _ = self.roles.insert(role.clone(), Vec::new()),
            AuthChange::RoleDelete { role } => {
                self.roles.remove(role);
                self.users
                    .values_mut()
                    .for_each(|roles| _ = roles.remove(role));
            }
            AuthChange::RoleGrant { role, access, keys } => {
                let permissions = self.roles.entry(role.clone()).or_default();
                permissions.retain(|(_, others)| others != keys);
                permissions.push((*access, keys.clone()));
            }
            AuthChange::RoleRevoke { role, keys } => {
                let permissions = self.roles.entry(role.clone()).or_default();
                permissions.retain(|(_, others)| others != keys);
            }
        }
        self.revision += u64::from(raises);
    }

    fn roles_of(&mut self, user: &str) -> &mut BTreeSet<String> {
        self.users.entry(user.to_owned()).or_default()
    }

    /// Whether `user` may do what is needed.
    pub(super) fn allow(&self, user: &str, needed: &Needed) -> bool {
        let nobody = BTreeSet::new();
        let roles = self.users.get(user).unwrap_or(&nobody);
        if roles.contains(ROOT) {
            return true;
        }
        match needed {
            Needed::Token => true,
            Needed::Root => false,
            Needed::Keys { read, write } => {
                let granted: Vec<&(Access, Keys)> = roles
                    .iter()
                    .filter_map(|role| self.roles.get(role))
                    .flatten()
                    .collect();
                let covers = |not: Access, keys: &Keys| {
                    let useful = granted.iter().filter(|(access, _)| *access != not);
                    covers(useful.map(|(_, keys)| keys), keys)
                };
                read.iter().all(|keys| covers(Access::Write, keys))
                    && write.iter().all(|keys| covers(Access::Read, keys))
            }
        }
    }
}

/// What an operation takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Needed {
    /// A token, whosesoever.
    Token,
    /// The role `root`.
    Root,
    /// The permission to read and to write these keys.
    Keys { read: Vec<Keys>, write: Vec<Keys> },
}

impl Needed {
    /// What a request takes, but for the keys that are attached to its lease.
    pub(super) fn by(request: &Request) -> Self {
        let (mut read, mut write) = (Vec::new(), Vec::new());
        match request {
            Request::Put(put) => {
                let keys = Keys::One(put.key.clone());
                read.extend(put.prev_kv.then(|| keys.clone()));
                write.push(keys);
            }
            Request::Delete(delete) => {
                read.extend(delete.prev_kv.then(|| delete.keys.clone()));
                write.push(delete.keys.clone());
            }
            Request::Range(range) => read.push(range.keys.clone()),
            Request::Txn(txn) => return Self::by_txn(txn),
            Request::Compact(_) | Request::Auth(_) => return Self::Root,
            Request::Queue(queueing) => {
                read.extend(queueing.call().below());
                write.extend(queueing.call().key().map(Keys::One));
            }
            Request::LeaseGrant { .. }
            | Request::LeaseRevoke(_)
            | Request::LeaseKeepAlive(_)
            | Request::LeaseTimeToLive(_)
            | Request::Login { .. } => return Self::Token,
        }
        Self::Keys { read, write }
    }

    /// The same as what each step of `request` takes: some are carried out in several, between
    /// which permissions may change.
    pub(super) fn of_each_step(self, request: &Request) -> Vec<Self> {
        let only = |read, write| Self::Keys { read, write };
        match (request, self) {
            (Request::Queue(_), Self::Keys { read, write }) => {
                vec![only(read, Vec::new()), only(Vec::new(), write)]
            }
            (_, whole) => vec![whole],
        }
    }

    /// All compares and both branches count.
    fn by_txn(txn: &Txn) -> Self {
        let compared = txn.compares.iter();
        let mut read: Vec<Keys> = compared
            .map(|compare| Keys::One(compare.key.clone()))
            .collect();
        let mut write = Vec::new();
        for op in txn.ops() {
            let request = match op {
                TxnOp::Put(put) => Request::Put(put.clone()),
                TxnOp::Delete(delete) => Request::Delete(delete.clone()),
                TxnOp::Range(range) => Request::Range(range.clone()),
            };
            if let Self::Keys {
                read: also_read,
                write: also_write,
            } = Self::by(&request)
            {
                read.extend(also_read);
                write.extend(also_write);
            }
        }
        Self::Keys { read, write }
    }

    /// To write these keys, too.
    pub(super) fn and_write(mut self, keys: impl IntoIterator<Item = Keys>) -> Self {
        let mut keys = keys.into_iter().peekable();
        if keys.peek().is_none() {
            return self;
        }
        if !matches!(self, Self::Keys { .. }) {
            self = Self::Keys {
                read: Vec::new(),
                write: Vec::new(),
            };
        }
        if let Self::Keys { write, .. } = &mut self {
            write.extend(keys);
        }
        self
    }

    /// The permission to read `keys`.
    pub(super) fn to_read(keys: &Keys) -> Self {
        Self::Keys {
            read: vec![keys.clone()],
            write: Vec::new(),
        }
    }
}

/// All keys there are.
pub(super) fn all_keys() -> Keys {
    Keys::From(Blob::default())
}

/// Whether every key of `keys` belongs to one of the sets.
fn covers<'a>(sets: impl Iterator<Item = &'a Keys>, keys: &Keys) -> bool {
    let sets: Vec<_> = sets.map(ends).collect();
    let (mut from, to) = ends(keys);
    loop {
        let reaching = sets
            .iter()
            .filter(|(start, end)| *start <= from && end.as_ref().is_none_or(|end| *end > from));
        // An end that is open lies behind all others.
        let Some(furthest) = reaching
            .map(|(_, end)| end)
            .max_by_key(|end| (end.is_none(), *end))
        else {
            return false;
        };
        match (furthest, &to) {
            (None, _) => return true,
            (Some(end), Some(to)) if end >= to => return true,
            (Some(end), _) => from = end.clone(),
        }
    }
}

/// The first key of a set and the first one behind it. A set without keys counts as its start.
fn ends(keys: &Keys) -> (Vec<u8>, Option<Vec<u8>>) {
    let after = |key: &[u8]| [key, b"\0"].concat();
    let first = |key: &Blob| match key.as_bytes() {
        [] => vec![0],
        bytes => bytes.to_vec(),
    };
    match keys {
        Keys::One(key) => (first(key), Some(after(key.as_bytes()))),
        Keys::Span(start, end) if end <= start => (first(start), Some(after(start.as_bytes()))),
        Keys::Span(start, end) => (first(start), Some(end.as_bytes().to_vec())),
        Keys::From(start) => (first(start), None),
    }
}

#[cfg(test)]
mod tests {
    use super::covers;
    use crate::history::Keys;

    fn is_covered(keys: &str, by: &[&str]) -> bool {
        let sets: Vec<Keys> = by.iter().map(|set| set.parse().unwrap()).collect();
        covers(sets.iter(), &keys.parse().unwrap())
    }

    #[test]
    fn sets_that_touch_add_up() {
        assert!(is_covered("[a,e)", &["[c,e)", "[a,c)"]));
        assert!(!is_covered("[a,f)", &["[c,e)", "[a,c)"]));
        assert!(!is_covered("[a,e)", &["[a,b)", "[c,e)"]));
        assert!(is_covered("[a,e)", &["[a,)"]));
        assert!(!is_covered("[a,)", &["[a,z)"]));
        assert!(is_covered("[%,)", &["[%,)"]));
        assert!(is_covered("b", &["[a,c)"]) && !is_covered("c", &["[a,c)"]));
        assert!(is_covered("b", &["b"]) && !is_covered("[b,c)", &["b"]));
        assert!(is_covered("[c,a)", &["c"]) && !is_covered("[c,a)", &["a"]));
        assert!(!is_covered("a", &[]));
    }
}
