//! The question that decides whether a cluster has recovered: does every member serve?

use std::time::Duration;

use madsim::time::sleep;

use super::{Session, Users};
use crate::{
    history::{Blob, Keys, Outcome, Put, QueueCall, Range, Request, Response, reason},
    plan::Plan,
    recorder::Recorder,
};

/// How long one try may take.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Pause between tries.
const RETRY: Duration = Duration::from_millis(100);

/// Time to live of a probe's lease, seconds: longer than all turns take.
const LEASE_TTL_S: i64 = 30;

/// The lock at which all probes take turns.
const LOCK: &str = "probe";

/// Writes, takes its turn at a lock, where the clients of `plan` do so, and then reads, all through
/// `member` and each until it has been answered. `client` is a number that no other client has.
pub async fn probe(client: u64, member: u64, plan: Plan, users: Users, recorder: Recorder) {
    let login = users.root();
    let members = plan.cluster.members;
    let session = Session::new(client, members, member, TIMEOUT, login, recorder);
    let mut probe = Probe { session, tries: 0 };
    let key = Blob::from(format!("probe{member}").as_str());
    probe.write(&key).await;
    if plan.workload.contenders > 0 {
        let patience = Duration::from_millis(plan.schedule.quiet_ms);
        probe.take_turn(patience).await;
    }
    probe.read(key).await;
}

struct Probe {
    session: Session,
    tries: i64,
}

impl Probe {
    /// The answer to a request; after a pause, what was said instead.
    async fn ask(&mut self, request: Request) -> Result<Response, String> {
        match self.session.execute(request).await {
            Outcome::Ok(response) => Ok(response),
            Outcome::Failed(text) | Outcome::Unknown(text) => {
                sleep(RETRY).await;
                Err(text)
            }
        }
    }

    async fn write(&mut self, key: &Blob) {
        loop {
            self.tries += 1;
            let value = format!("c{}-{}", self.session.client(), self.tries);
            let put = Put {
                key: key.clone(),
                value: Blob::from(value.as_str()),
                lease: 0,
                prev_kv: false,
            };
            if self.ask(Request::Put(put)).await.is_ok() {
                return;
            }
        }
    }

    /// Waits for its turn as long as a correct cluster may take for all.
    async fn take_turn(&mut self, patience: Duration) {
        let mut lease = self.grant().await;
        loop {
            let lock = QueueCall::Lock {
                name: Blob::from(LOCK),
                lease,
            };
            self.session.set_timeout(patience);
            let locked = self.ask(Request::Queue(lock.into())).await;
            self.session.set_timeout(TIMEOUT);
            match locked {
                Ok(_) => break,
                Err(text) if is_lost(&text) => {
                    self.end(lease).await;
                    lease = self.grant().await;
                }
                // By the same lease it finds the place that it has.
                Err(_) => {}
            }
        }
        // The next one's turn comes with the lease's end.
        self.end(lease).await;
    }

    /// Ends a lease, and what may yet be put with it.
    async fn end(&mut self, lease: i64) {
        while let Err(text) = self.ask(Request::LeaseRevoke(lease)).await
            && !is_lost(&text)
        {}
    }

    async fn grant(&mut self) -> i64 {
        loop {
            match self.session.grant(LEASE_TTL_S).await {
                Some((lease, _)) => return lease,
                None => sleep(RETRY).await,
            }
        }
    }

    async fn read(&mut self, key: Blob) {
        let range = Range {
            keys: Keys::One(key),
            revision: 0,
            limit: 0,
            serializable: false,
        };
        while self.ask(Request::Range(range.clone())).await.is_err() {}
    }
}

/// Whether the lease, or the place that it held, is gone.
fn is_lost(text: &str) -> bool {
    [reason::LEASE_NOT_FOUND, reason::SESSION_EXPIRED].contains(&text)
}
