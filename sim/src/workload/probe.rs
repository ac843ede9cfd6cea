//! The question that decides whether a cluster has recovered: does every member serve?

use std::time::Duration;

use madsim::time::sleep;

use super::{Session, Users};
use crate::{
    history::{Blob, Keys, Outcome, Put, Range, Request},
    recorder::Recorder,
};

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Pause between tries.
const RETRY: Duration = Duration::from_millis(100);

/// Writes and then reads through `member` until both have been answered. `client` is a number that
/// no other client has.
pub async fn probe(client: u64, member: u64, members: u64, users: Users, recorder: Recorder) {
    let mut session = Session::new(client, members, member, TIMEOUT, users.root(), recorder);
    let key = Blob::from(format!("probe{member}").as_str());
    let mut tries = 0;
    loop {
        tries += 1;
        let value = Blob::from(format!("c{client}-{tries}").as_str());
        let put = Put {
            key: key.clone(),
            value,
            lease: 0,
            prev_kv: false,
        };
        if is_ok(&session.execute(Request::Put(put)).await) {
            break;
        }
        sleep(RETRY).await;
    }
    let range = Range {
        keys: Keys::One(key),
        revision: 0,
        limit: 0,
        serializable: false,
    };
    while !is_ok(&session.execute(Request::Range(range.clone())).await) {
        sleep(RETRY).await;
    }
}

fn is_ok(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Ok(_))
}
