//! Who may do what: each call there is, made by everyone there is. Each cell of the table must be
//! what the call's needs say, and the table itself is [`table.txt`](table.txt), for people to read.
//!
//! After a change that is meant to show, `UPDATE_TABLE=1 cargo test -p quorate-server --lib
//! everyone_may` writes it anew.

mod administration;
mod asker;
mod calls;
mod needs;
mod queues;
mod users;

use std::{env, fmt::Write as _, fs, path::Path};

use self::{
    asker::{Asker, told},
    calls::{Call, LEASES},
    needs::Verdict,
    users::{Standing, USERS, User},
};
use super::support::Member;
use crate::proto::etcdserverpb::*;

/// Keys that are there when a call is made.
const KEYS: &[&str] = &["a", "b", "c", "q"];

pub(super) async fn everyone_may_do_what_the_table_says(member: Member) {
    let askers = set_up(&member).await;
    let root = askers.last().expect("the last one is root").1.clone();
    let calls = [
        calls::of_keys(),
        calls::of_transactions(),
        calls::of_watches(),
        calls::of_leases(),
        queues::of_queues(),
        administration::of_the_cluster(),
        administration::of_users_and_roles(),
    ];
    let mut table = heading();
    let mut wrong = Vec::new();
    let mut prepared = None;
    for call in calls.iter().flatten() {
        let _ = write!(table, "{:<46}", call.path);
        for (user, asker) in &askers {
            if prepared != Some(observe(&member)) {
                prepare(&root).await;
                prepared = Some(observe(&member));
            }
            let verdict = verdict(&member, call, asker).await;
            let expected = call.needs.verdict(user);
            if verdict != expected {
                let (path, name) = (call.path, user.name);
                wrong.push(format!("{path} by {name}: {verdict:?}, not {expected:?}"));
            }
            let _ = write!(table, " {:<6}", verdict.sign());
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    compare(&table);
}

/// What the caller hears. Whoever is refused must not have changed anything.
async fn verdict(member: &Member, call: &Call, asker: &Asker) -> Verdict {
    let before = observe(member);
    let verdict = match (call.ask)(asker.clone()).await {
        Ok(()) => Verdict::Allowed,
        Err(error) => Verdict::of(&error),
    };
    if verdict != Verdict::Allowed {
        assert_eq!(observe(member), before, "{} by {}", call.path, asker.name);
    }
    verdict
}

/// All that a call could have changed.
fn observe(member: &Member) -> (i64, u64, Vec<i64>, usize) {
    member.server.node().with_state(|state| {
        let leases = state.leases().map(|(id, ..)| id.get()).collect();
        let alarms = state.alarms().count();
        (state.revision(), state.auth_revision(), leases, alarms)
    })
}

/// Users with their roles and tokens, and authentication on.
async fn set_up(member: &Member) -> Vec<(&'static User, Asker)> {
    let nobody = Asker {
        name: "nobody",
        token: None,
        channel: member.channel(),
    };
    for user in USERS {
        add(&nobody, user).await;
    }
    prepare(&nobody).await;
    let enabled = nobody.auth().auth_enable(AuthEnableRequest {}).await;
    told(enabled).expect("there is a root");
    let mut askers = Vec::new();
    for user in USERS {
        let token = match user.standing {
            Standing::Nobody => None,
            Standing::Liar => Some(forged(&log_in(&nobody, "all").await)),
            Standing::User | Standing::Root => Some(log_in(&nobody, user.name).await),
        };
        let asker = Asker {
            name: user.name,
            token,
            channel: nobody.channel.clone(),
        };
        askers.push((user, asker));
    }
    askers
}

/// A user, with a role of the same name that has its permissions.
async fn add(nobody: &Asker, user: &User) {
    if matches!(user.standing, Standing::Nobody | Standing::Liar) {
        return;
    }
    let mut auth = nobody.auth();
    let name = user.name.to_owned();
    let added = auth.user_add(AuthUserAddRequest {
        name: name.clone(),
        password: name.clone(),
        ..Default::default()
    });
    told(added.await).expect("a new user");
    if user.standing == Standing::User {
        let role = AuthRoleAddRequest { name: name.clone() };
        told(auth.role_add(role).await).expect("a new role");
    }
    for granted in user.permissions {
        let granted = auth.role_grant_permission(AuthRoleGrantPermissionRequest {
            name: name.clone(),
            perm: Some(users::permission(granted)),
        });
        told(granted.await).expect("a permission");
    }
    let granted = auth.user_grant_role(AuthUserGrantRoleRequest {
        user: name.clone(),
        role: name,
    });
    told(granted.await).expect("a role");
}

/// A token with other letters.
fn forged(token: &str) -> String {
    let (letters, index) = token.split_once('.').expect("a simple token");
    format!("{}.{index}", "a".repeat(letters.len()))
}

async fn log_in(nobody: &Asker, name: &str) -> String {
    let request = AuthenticateRequest {
        name: name.to_owned(),
        password: name.to_owned(),
    };
    let answer = nobody.auth().authenticate(request).await;
    answer.expect("the password is right").into_inner().token
}

/// The same keys and leases before each call, whatever the one before has done.
async fn prepare(root: &Asker) {
    for (id, _) in LEASES {
        let request = LeaseGrantRequest { id: *id, ttl: 3600 };
        // It may be there.
        let _ = root.lease().lease_grant(root.ask(request)).await;
    }
    for key in KEYS {
        let lease = LEASES.iter().find(|(_, keys)| keys.contains(key));
        let request = PutRequest {
            key: (*key).into(),
            value: "old".into(),
            lease: lease.map_or(0, |(id, _)| *id),
            ..Default::default()
        };
        let put = root.kv().put(root.ask(request)).await;
        told(put).expect("root may put");
    }
}

fn heading() -> String {
    let mut heading = format!("{:<46}", "");
    for user in USERS {
        let _ = write!(heading, " {:<6}", user.name);
    }
    heading.trim_end().to_owned() + "\n"
}

fn compare(table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/api/tests/authorization/table.txt");
    if env::var_os("UPDATE_TABLE").is_some() {
        fs::write(&path, table).expect("the table can be written");
    }
    let committed = fs::read_to_string(&path).expect("there is a table");
    assert_eq!(committed, table, "the table has changed; see this module");
}
