//! A client that takes turns with others at locks and elections.

use std::time::Duration;

use madsim::time::sleep;

use super::Session;
use crate::{
    history::{Blob, Body, Outcome, Place, QueueAnswer, QueueCall, Request, Response},
    plan::{Stream, Workload},
    recorder::Recorder,
};

/// Pause after a call without an answer.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// How long a turn lasts, milliseconds, if its holder does not outstay its lease.
const TURN_MS: [u64; 2] = [1, 300];

/// Most proclamations of one leader.
const PROCLAMATIONS_MAX: u64 = 3;

/// Locks and elections that there are, of each.
const NAMES: u64 = 2;

/// How often, in percent, a contender asks who leads instead of waiting for its turn.
const ASK_PERCENT: u64 = 25;

/// Contends.
pub(super) struct Contender {
    session: Session,
    stream: Stream,
    workload: Workload,
    recorder: Recorder,
    values: u64,
}

/// A lease that a contender has, and its time to live.
#[derive(Clone, Copy)]
struct Lease {
    id: i64,
    ttl_ms: u64,
}

impl Contender {
    pub(super) fn new(
        session: Session,
        stream: Stream,
        workload: &Workload,
        recorder: Recorder,
    ) -> Self {
        Self {
            session,
            stream,
            workload: workload.clone(),
            recorder,
            values: 0,
        }
    }

    /// Works until the quiet begins; what it holds then goes with its lease.
    pub(super) async fn run(mut self) {
        while !self.recorder.is_quiet() {
            match self.grant().await {
                Some(lease) => while self.takes_turn(lease).await {},
                None => self.turn_away().await,
            }
        }
    }

    async fn turn_away(&mut self) {
        self.session.go_on();
        sleep(FAILURE_PAUSE).await;
    }

    async fn grant(&mut self) -> Option<Lease> {
        let ttl_s = self.stream.within(self.workload.lease_ttl_s);
        let (id, ttl_s) = self.session.grant(ttl_s.cast_signed()).await?;
        let ttl_ms = ttl_s.unsigned_abs() * 1000;
        Some(Lease { id, ttl_ms })
    }

    /// One turn, or the attempt at one. Whether the lease is good for another.
    async fn takes_turn(&mut self, lease: Lease) -> bool {
        if self.recorder.is_quiet() {
            return false;
        }
        if self.stream.chance(self.workload.switch_percent) {
            self.session.go_on();
        }
        if self.stream.chance(ASK_PERCENT) {
            let name = election(&mut self.stream);
            self.call(QueueCall::Leader { name }).await;
        }
        let goes_on = if self.stream.chance(50) {
            self.locks(lease).await
        } else {
            self.is_elected(lease).await
        };
        goes_on && self.keeps_alive(lease).await
    }

    async fn locks(&mut self, lease: Lease) -> bool {
        let name = name("lock", &mut self.stream);
        let lock = QueueCall::Lock {
            name,
            lease: lease.id,
        };
        let Some(QueueAnswer::Locked(key)) = self.call(lock).await else {
            return self.tries_again().await;
        };
        self.stay(lease).await;
        if self.stream.chance(self.workload.lease_abandon_percent) {
            return false;
        }
        if self.stream.chance(self.workload.lease_revoke_percent) {
            self.session.execute(Request::LeaseRevoke(lease.id)).await;
            return false;
        }
        self.call(QueueCall::Unlock { key }).await.is_some()
    }

    async fn is_elected(&mut self, lease: Lease) -> bool {
        let campaign = QueueCall::Campaign {
            name: election(&mut self.stream),
            lease: lease.id,
            value: self.value(),
        };
        let Some(QueueAnswer::Elected { key, created }) = self.call(campaign).await else {
            return self.tries_again().await;
        };
        let place = Place {
            key,
            created,
            lease: lease.id,
        };
        for _ in 0..self.stream.between(0, PROCLAMATIONS_MAX) {
            self.stay(lease).await;
            self.proclaim(&place).await;
        }
        if self.stream.chance(self.workload.lease_abandon_percent) {
            return false;
        }
        if self.call(QueueCall::Resign(place.clone())).await.is_none() {
            return self.tries_again().await;
        }
        if self.stream.chance(20) {
            // It has not understood that it leads no more.
            self.proclaim(&place).await;
        }
        true
    }

    async fn proclaim(&mut self, place: &Place) {
        let (place, value) = (place.clone(), self.value());
        self.call(QueueCall::Proclaim { place, value }).await;
    }

    /// Does what it has the turn for; at times longer than its lease lasts.
    async fn stay(&mut self, lease: Lease) {
        let stay_ms = match self.stream.between(0, 19) {
            0 => lease.ttl_ms + self.stream.between(0, lease.ttl_ms),
            _ => self.stream.between(TURN_MS[0], TURN_MS[1]),
        };
        sleep(Duration::from_millis(stay_ms)).await;
    }

    /// After a call without an answer: by the same lease, as who does not know what came of it, or
    /// by another one, as who has started anew.
    async fn tries_again(&mut self) -> bool {
        self.turn_away().await;
        self.stream.chance(50)
    }

    async fn keeps_alive(&mut self, lease: Lease) -> bool {
        let kept = self.session.execute(Request::LeaseKeepAlive(lease.id));
        let Outcome::Ok(Response {
            body: Body::LeaseKeepAlive { ttl_s },
            ..
        }) = kept.await
        else {
            return self.tries_again().await;
        };
        ttl_s > 0
    }

    /// The answer, where there is one.
    async fn call(&mut self, call: QueueCall) -> Option<QueueAnswer> {
        match self.session.execute(Request::Queue(call.into())).await {
            Outcome::Ok(Response {
                body: Body::Queue(answer),
                ..
            }) => Some(answer),
            _ => None,
        }
    }

    fn value(&mut self) -> Blob {
        self.values += 1;
        Blob::from(format!("c{}-{}", self.session.client(), self.values).as_str())
    }
}

/// The name of an election.
pub(super) fn election(stream: &mut Stream) -> Blob {
    name("election", stream)
}

fn name(of: &str, stream: &mut Stream) -> Blob {
    let number = stream.between(1, NAMES);
    Blob::from(format!("{of}{number}").as_str())
}
