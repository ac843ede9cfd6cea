//! A random script.

use std::collections::VecDeque;

use bytes::Bytes;
use quorate_core::{kv::KeyRange, request::RangeRequest};

use super::{
    admission::Admission,
    auth::{self, USERS, login},
    dice::Dice,
    kv, txn,
};
use crate::scenario::{Request, Step, WatchRequest};

const STREAMS: &[&str] = &["1", "2", "3"];

/// More watchers on a stream are not created: each event would be told too often.
const WATCHERS_MAX: usize = 6;

/// Of a script's steps, about this part comes before authentication is turned on, in those that
/// do so at all.
const AUTH_AFTER: usize = 3;

/// What the next step is about.
#[derive(Clone, Copy)]
enum Subject {
    Put,
    Get,
    Delete,
    Txn,
    Compact,
    Lease,
    Hash,
    Watch,
    Receive,
    ReadAuth,
    ChangeAuth,
    Switch,
}

use Subject::{
    ChangeAuth, Compact, Delete, Get, Hash, Lease, Put, ReadAuth, Receive, Switch, Txn, Watch,
};

/// How often each subject comes while nothing is checked.
const OPEN: &[(usize, Subject)] = &[
    (220, Put),
    (190, Get),
    (80, Delete),
    (230, Txn),
    (12, Compact),
    (90, Lease),
    (25, Hash),
    (60, Watch),
    (70, Receive),
    (6, ReadAuth),
    (8, ChangeAuth),
];

/// And while authentication is on.
const CHECKED: &[(usize, Subject)] = &[
    (180, Put),
    (150, Get),
    (70, Delete),
    (200, Txn),
    (8, Compact),
    (100, Lease),
    (15, Hash),
    (60, Watch),
    (60, Receive),
    (25, ReadAuth),
    (40, ChangeAuth),
    (90, Switch),
];

/// A script of so many steps, the same for the same seed. Every other seed turns authentication on
/// after a while.
pub fn generate(seed: u64, steps: usize) -> Vec<Step> {
    let mut dice = Dice::new(seed);
    let mut admission = Admission::default();
    let mut script = Vec::with_capacity(steps);
    let mut planned = VecDeque::new();
    let auth_from = (seed % 2 == 1).then_some(steps / AUTH_AFTER);
    while script.len() < steps {
        if auth_from == Some(script.len()) && planned.is_empty() {
            planned.extend(auth::turn_on(&mut dice));
        }
        let next = planned.pop_front();
        let step = next.unwrap_or_else(|| step(&mut dice, &admission));
        if admission.admit(&step) {
            script.push(step);
        }
    }
    let closing = closing(&admission).into_iter();
    script.extend(closing.filter(|step| admission.admit(step)));
    script
}

/// All that there is in the end.
fn closing(admission: &Admission) -> Vec<Step> {
    let is_checked = admission.known().is_auth_on;
    let mut steps = if is_checked {
        vec![login("root"), Step::As(Some("root".to_owned()))]
    } else {
        Vec::new()
    };
    let everything = KeyRange::From(Bytes::from_static(b"\0"));
    steps.push(Step::Call(Request::Range {
        request: RangeRequest::new(everything),
        serializable: false,
    }));
    steps.push(Step::Call(Request::HashKv { revision: 0 }));
    steps.push(Step::Call(Request::LeaseLeases));
    steps.push(Step::Call(Request::UserList));
    steps.push(Step::Call(Request::RoleList));
    let streams = STREAMS.iter();
    steps.extend(streams.map(|stream| Step::Receive {
        stream: (*stream).to_owned(),
    }));
    steps
}

fn step(dice: &mut Dice, admission: &Admission) -> Step {
    let known = admission.known();
    let subjects = if known.is_auth_on { CHECKED } else { OPEN };
    let request = match dice.weighted(subjects) {
        Put => Request::Put(kv::put(dice, known)),
        Get => Request::Range {
            request: kv::get(dice, known),
            serializable: dice.percent(20),
        },
        Delete => Request::DeleteRange(kv::delete(dice)),
        Txn => Request::Txn(txn::txn(dice, known)),
        Compact => kv::compact(dice, known),
        Lease => kv::lease_call(dice, known),
        Hash => kv::hash(dice, known),
        ReadAuth => auth::read(dice),
        ChangeAuth => auth::change(dice),
        Watch => return watch(dice, admission),
        Receive => {
            let stream = dice.pick(STREAMS).to_owned();
            return Step::Receive { stream };
        }
        Switch => return switch(dice, admission),
    };
    Step::Call(request)
}

/// Somebody else asks: root most often, for the others may do little.
fn switch(dice: &mut Dice, admission: &Admission) -> Step {
    let user = match dice.below(10) {
        0 => return Step::As(None),
        1..5 => "root",
        _ => dice.pick(USERS),
    };
    if admission.known().logged_in.contains(user) {
        Step::As(Some(user.to_owned()))
    } else {
        login(user)
    }
}

fn watch(dice: &mut Dice, admission: &Admission) -> Step {
    let known = admission.known();
    let stream = dice.pick(STREAMS).to_owned();
    let watchers = known.watchers.get(&stream).copied().unwrap_or_default();
    let request = match dice.below(100) {
        0..55 if watchers < WATCHERS_MAX => WatchRequest::Create(kv::watch(dice, known)),
        0..80 => WatchRequest::Cancel {
            watch_id: dice.pick(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, -1, -5, 100]),
        },
        _ => WatchRequest::Progress,
    };
    Step::Watch { stream, request }
}
