//! In whose name clients work, and by which passwords.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use madsim::time::TimeHandle;

use crate::plan::{Auth, Plan, ROOT, Stream};

/// A client that could not log in leaves it at that for so long.
const LOGIN_PAUSE: Duration = Duration::from_millis(300);

/// The users of a run, as all of its clients know them. Clones are the same.
#[derive(Clone)]
pub struct Users {
    plan: Option<Auth>,
    seed: u64,
    keys: u64,
    passwords: Arc<Mutex<Passwords>>,
}

#[derive(Default)]
struct Passwords {
    /// So many were thought of.
    count: u64,
    /// Those that each user may have: the last one that was acknowledged, later ones of which
    /// nobody knows, and earlier ones that may come into effect yet.
    of: BTreeMap<String, Vec<Password>>,
}

struct Password {
    number: u64,
    /// A request for it was lost from sight, and may be carried out at any time.
    may_come_late: bool,
}

impl Users {
    /// Those of `plan`.
    pub fn of(plan: &Plan) -> Self {
        Self {
            plan: plan.auth.clone(),
            seed: plan.seed,
            keys: plan.workload.keys,
            passwords: Arc::default(),
        }
    }

    /// The one in whose name this client works, if there are users and it is not nobody.
    pub(super) fn choose(&self, client: u64) -> Login {
        let user = self.plan.as_ref().and_then(|plan| {
            let mut stream = Stream::new(self.seed, &format!("user/c{client}"));
            let percent = stream.between(0, 99);
            if percent < plan.root_percent {
                Some(user_name(ROOT))
            } else if percent < plan.root_percent + plan.nobody_percent {
                None
            } else {
                Some(user_name(stream.between(1, plan.users)))
            }
        });
        self.login(user)
    }

    /// `root`, if there are users.
    pub(super) fn root(&self) -> Login {
        self.login(self.plan.as_ref().map(|_| user_name(ROOT)))
    }

    fn login(&self, user: Option<String>) -> Login {
        Login {
            users: self.clone(),
            user,
            token: None,
            wanted: false,
            tries: 0,
            refused: 0,
            not_before: Duration::ZERO,
        }
    }

    /// A password that nobody has had, which `user` is to get.
    pub(super) fn next_password(&self, user: &str) -> u64 {
        let passwords = &mut *self.passwords();
        passwords.count += 1;
        let of = passwords.of.entry(user.to_owned()).or_default();
        of.push(Password {
            number: passwords.count,
            may_come_late: false,
        });
        passwords.count
    }

    /// `user` has this password, and an older one only if that comes late.
    pub(super) fn has_password(&self, user: &str, password: u64) {
        if let Some(of) = self.passwords().of.get_mut(user) {
            of.retain(|other| other.number >= password || other.may_come_late);
        }
    }

    /// `user` may get this password at any time from now on.
    pub(super) fn may_get_password(&self, user: &str, password: u64) {
        if let Some(of) = self.passwords().of.get_mut(user) {
            let asked = of.iter_mut().filter(|other| other.number == password);
            asked.for_each(|asked| asked.may_come_late = true);
        }
    }

    /// `user` does not get this password after all.
    pub(super) fn has_not_password(&self, user: &str, password: u64) {
        if let Some(of) = self.passwords().of.get_mut(user) {
            of.retain(|other| other.number != password);
        }
    }

    /// How many keys clients share.
    pub(super) fn keys(&self) -> u64 {
        self.keys
    }

    fn passwords(&self) -> MutexGuard<'_, Passwords> {
        self.passwords
            .lock()
            .expect("nobody panics with this lock held")
    }
}

/// What one client does about its token.
pub(super) struct Login {
    users: Users,
    user: Option<String>,
    token: Option<String>,
    /// The last request was refused for want of a good token.
    wanted: bool,
    tries: u64,
    /// How many logins in a row were refused.
    refused: u64,
    not_before: Duration,
}

impl Login {
    /// The users that there are.
    pub(super) fn users(&self) -> &Users {
        &self.users
    }

    /// The token to send, if there is one.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// A request was refused for want of a good token.
    pub(super) fn want(&mut self) {
        self.wanted = true;
    }

    /// User and password to log in with, if it is time to.
    pub(super) fn due(&mut self) -> Option<(String, u64)> {
        if !self.wanted || TimeHandle::current().elapsed() < self.not_before {
            return None;
        }
        let user = self.user.clone()?;
        let passwords = self.users.passwords();
        let known = passwords.of.get(&user).filter(|known| !known.is_empty())?;
        let newest_first = known.len() - 1 - (self.tries as usize) % known.len();
        let password = known[newest_first].number;
        drop(passwords);
        self.tries += 1;
        Some((user, password))
    }

    /// It got a token, or none because none is needed.
    pub(super) fn settle(&mut self, token: Option<String>) {
        self.token = token;
        self.wanted = false;
        self.tries = 0;
        self.refused = 0;
    }

    /// It got none: refused, or who knows.
    pub(super) fn fail(&mut self, refused: bool) {
        self.refused = if refused { self.refused + 1 } else { 0 };
        self.not_before = TimeHandle::current().elapsed() + LOGIN_PAUSE;
    }

    /// Whether there is no use in trying: nobody's, or no password is right.
    pub(super) fn is_hopeless(&self) -> bool {
        let passwords = self.users.passwords();
        let known = self.user.as_ref().and_then(|user| passwords.of.get(user));
        known.is_none_or(|known| self.refused >= known.len() as u64)
    }
}

/// The name of a user.
pub(super) fn user_name(user: u64) -> String {
    name("u", user)
}

/// The name of a role.
pub(super) fn role_name(role: u64) -> String {
    name("r", role)
}

fn name(prefix: &str, number: u64) -> String {
    match number {
        ROOT => "root".into(),
        number => format!("{prefix}{number}"),
    }
}

/// The password with this number.
pub(super) fn password(number: u64) -> String {
    format!("password-{number}")
}
