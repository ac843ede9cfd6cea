//! Users, roles and tokens of a run, and the operator's changes of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Fault, Span, Stream, TimedFault, generate};
use crate::history::Access;

/// How often a plan has authentication, in percent.
const PLANS_PERCENT: u64 = 35;

/// When the operator begins to set users and roles up, milliseconds, and the time between two steps
/// of that. It goes on when the members have found each other.
const SET_UP_MS: u64 = 300;
const SET_UP_STEP_MS: u64 = 2;

/// When authentication is turned on for the first time, milliseconds.
const ENABLE_MS: Span = Span(1_600, 4_000);

/// Most users and roles, and most permissions that a role begins with.
const USERS_MAX: u64 = 5;
const ROLES_MAX: u64 = 4;
const PERMISSIONS_MAX: u64 = 3;

/// The user that may do everything, among the numbers of users.
pub const ROOT: u64 = 0;

/// The role that allows everything, among the numbers of roles.
const ROOT_ROLE: u64 = 0;

/// The users and tokens of a run. Who is there and what they may do is up to the `change-auth` steps
/// of the schedule; clients work in the name of one of these users, or of nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Users besides `root` that clients may have, from `u1` on.
    pub users: u64,
    /// Whether tokens are signed ones (JSON web tokens).
    pub signed_tokens: bool,
    /// How long a signed token is good for, and a simple one that nobody uses, seconds.
    pub token_ttl_s: u64,
    /// How often, in percent, a client works in the name of `root`.
    pub root_percent: u64,
    /// Likewise, in the name of nobody.
    pub nobody_percent: u64,
}

/// One change of users or roles, as an operator asks for it. Users and roles are numbers: user 0 is
/// `root`, 3 is `u3`; role 0 is `root`, 3 is `r3`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum AuthStep {
    /// Check every request from now on.
    Enable,
    /// Check nothing from now on.
    Disable,
    /// Add a user.
    AddUser {
        /// The user.
        user: u64,
    },
    /// Remove a user.
    DeleteUser {
        /// The user.
        user: u64,
    },
    /// Give a user a password that it never had.
    ChangePassword {
        /// The user.
        user: u64,
    },
    /// Give a user a role.
    GrantRole {
        /// The user.
        user: u64,
        /// The role.
        role: u64,
    },
    /// Take a role from a user.
    RevokeRole {
        /// The user.
        user: u64,
        /// The role.
        role: u64,
    },
    /// Add a role.
    AddRole {
        /// The role.
        role: u64,
    },
    /// Remove a role.
    DeleteRole {
        /// The role.
        role: u64,
    },
    /// Allow a role something.
    GrantPermission {
        /// The role.
        role: u64,
        /// What.
        access: Access,
        /// The keys from the first number to the last; all keys, if these are all that clients use.
        keys: Span,
    },
    /// Take a permission from a role.
    RevokePermission {
        /// The role.
        role: u64,
        /// The keys that the permission names.
        keys: Span,
    },
}

impl AuthStep {
    /// Why it makes no sense, if it does not. `root` keeps its role: nobody else could go on.
    pub(super) fn check(&self) -> Result<(), String> {
        let breaks = match self {
            Self::DeleteUser { user: ROOT }
            | Self::RevokeRole {
                user: ROOT,
                role: ROOT_ROLE,
            } => "`root` would lose its rights",
            Self::AddRole { role: ROOT_ROLE } | Self::DeleteRole { role: ROOT_ROLE } => {
                "the role `root` would come or go"
            }
            Self::GrantPermission { keys, .. } | Self::RevokePermission { keys, .. }
                if keys.min() > keys.max() =>
            {
                "keys end before they begin"
            }
            _ => return Ok(()),
        };
        Err(format!("schedule.faults have a step by which {breaks}"))
    }
}

impl Auth {
    /// Authentication for some plans, with the steps of the operator; clients share `keys` keys and
    /// work until `run_ms`.
    pub(super) fn generate(
        stream: &mut Stream,
        members: u64,
        keys: u64,
        run_ms: u64,
    ) -> Option<(Self, Vec<TimedFault>)> {
        if !stream.chance(PLANS_PERCENT) {
            return None;
        }
        let auth = Self {
            users: stream.between(2, USERS_MAX),
            signed_tokens: stream.chance(35),
            token_ttl_s: stream.pick(&[3, 20, 300]),
            root_percent: stream.pick(&[10, 20, 40]),
            nobody_percent: stream.pick(&[0, 10]),
        };
        let mut operator = Operator {
            stream,
            members,
            last_key: keys - 1,
            users: auth.users,
            roles: BTreeMap::new(),
            granted: BTreeMap::new(),
            enabled: false,
            steps: Vec::new(),
        };
        operator.set_up();
        operator.go_on(run_ms);
        let steps = operator.steps;
        Some((auth, steps))
    }
}

/// What the operator asks for, with what comes of it if nothing goes wrong.
struct Operator<'a> {
    stream: &'a mut Stream,
    members: u64,
    last_key: u64,
    users: u64,
    /// The permissions of each role.
    roles: BTreeMap<u64, Vec<Span>>,
    /// The roles of each user.
    granted: BTreeMap<u64, Vec<u64>>,
    enabled: bool,
    steps: Vec<TimedFault>,
}

impl Operator<'_> {
    fn ask(&mut self, at_ms: u64, step: AuthStep) {
        match &step {
            AuthStep::Enable => self.enabled = true,
            AuthStep::Disable => self.enabled = false,
            AuthStep::AddUser { user } => _ = self.granted.insert(*user, Vec::new()),
            AuthStep::DeleteUser { user } => _ = self.granted.remove(user),
            AuthStep::ChangePassword { .. } => {}
            AuthStep::GrantRole { user, role } => {
                self.granted.entry(*user).or_default().push(*role);
            }
            AuthStep::RevokeRole { user, role } => {
                self.granted
                    .entry(*user)
                    .or_default()
                    .retain(|has| has != role);
            }
            AuthStep::AddRole { role } => _ = self.roles.insert(*role, Vec::new()),
            AuthStep::DeleteRole { role } => {
                self.roles.remove(role);
                self.granted
                    .values_mut()
                    .for_each(|has| has.retain(|has| has != role));
            }
            AuthStep::GrantPermission { role, keys, .. } => {
                self.roles.entry(*role).or_default().push(*keys);
            }
            AuthStep::RevokePermission { role, keys } => {
                self.roles
                    .entry(*role)
                    .or_default()
                    .retain(|has| has != keys);
            }
        }
        let target = generate::target(self.stream, self.members);
        let fault = Fault::ChangeAuth { target, step };
        self.steps.push(TimedFault { at_ms, fault });
    }

    /// `root`, all users, some roles with permissions.
    fn set_up(&mut self) {
        let mut steps = vec![
            AuthStep::AddUser { user: ROOT },
            AuthStep::GrantRole {
                user: ROOT,
                role: ROOT_ROLE,
            },
        ];
        let roles = self.stream.between(2, ROLES_MAX);
        for role in 1..=roles {
            steps.push(AuthStep::AddRole { role });
            for _ in 0..self.stream.between(1, PERMISSIONS_MAX) {
                steps.push(self.permission(role));
            }
        }
        for user in 1..=self.users {
            steps.push(AuthStep::AddUser { user });
            let first = self.stream.between(1, roles);
            for role in first..=(first + self.stream.between(0, 1)).min(roles) {
                steps.push(AuthStep::GrantRole { user, role });
            }
        }
        for (step, number) in steps.into_iter().zip(0..) {
            self.ask(SET_UP_MS + number * SET_UP_STEP_MS, step);
        }
    }

    /// Changes all the time.
    fn go_on(&mut self, run_ms: u64) {
        let mut at_ms = self.stream.within(ENABLE_MS);
        let gap_ms = self.stream.magnitude(150, 1_500);
        let mut step = AuthStep::Enable;
        while at_ms < run_ms {
            self.ask(at_ms, step);
            at_ms += self.stream.between(gap_ms / 2, gap_ms * 2);
            step = self.next();
        }
    }

    fn next(&mut self) -> AuthStep {
        if !self.enabled && self.stream.chance(40) {
            return AuthStep::Enable;
        }
        let (user, role) = (self.user(), self.role());
        match self.stream.weighted(&[1, 3, 2, 4, 4, 1, 5, 5]) {
            0 => AuthStep::Disable,
            1 => AuthStep::ChangePassword {
                user: self.stream.pick(&[user, user, user, ROOT]),
            },
            2 if self.granted.contains_key(&user) => AuthStep::DeleteUser { user },
            2 | 3 if !self.granted.contains_key(&user) => AuthStep::AddUser { user },
            2 | 3 => AuthStep::GrantRole { user, role },
            4 => {
                let has = self.granted.get(&user).cloned().unwrap_or_default();
                match has.is_empty() {
                    true => AuthStep::GrantRole { user, role },
                    false => AuthStep::RevokeRole {
                        user,
                        role: self.stream.pick(&has),
                    },
                }
            }
            5 if self.roles.contains_key(&role) => AuthStep::DeleteRole { role },
            5 | 6 if !self.roles.contains_key(&role) => AuthStep::AddRole { role },
            7 if self.roles.get(&role).is_some_and(|has| !has.is_empty()) => {
                let has = self.roles[&role].clone();
                AuthStep::RevokePermission {
                    role,
                    keys: self.stream.pick(&has),
                }
            }
            _ => self.permission(role),
        }
    }

    fn user(&mut self) -> u64 {
        self.stream.between(1, self.users)
    }

    /// One that is there, mostly.
    fn role(&mut self) -> u64 {
        let there: Vec<u64> = self
            .roles
            .keys()
            .copied()
            .filter(|role| *role != ROOT_ROLE)
            .collect();
        if there.is_empty() || self.stream.chance(15) {
            return self.stream.between(1, ROLES_MAX);
        }
        self.stream.pick(&there)
    }

    /// Something for many keys mostly, since what is always refused says little.
    fn permission(&mut self, role: u64) -> AuthStep {
        let last = self.last_key;
        let some = self.stream.between(0, last);
        let keys = match self.stream.between(0, 4) {
            0 => Span(0, last),
            1 => Span(0, some),
            2 => Span(some, last),
            3 => Span(some, self.stream.between(some, last)),
            _ => Span(some, some),
        };
        let all = [
            Access::Read,
            Access::Write,
            Access::ReadWrite,
            Access::ReadWrite,
        ];
        AuthStep::GrantPermission {
            role,
            access: self.stream.pick(&all),
            keys,
        }
    }
}
