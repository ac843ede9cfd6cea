//! A client that holds one lease after another, with keys attached.

use std::time::Duration;

use madsim::time::sleep;

use super::{Session, keys::KeyChooser};
use crate::{
    history::{Body, Outcome, Put, Request, Response},
    plan::{Stream, Workload},
    recorder::Recorder,
};

/// Pause after an operation without an answer.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);

/// Most keep-alives of one lease.
const KEEP_ALIVES_MAX: u64 = 8;

/// A keep-alive that is late is so by so much at the most, milliseconds.
const LATE_MS_MAX: u64 = 150;

/// Holds leases.
pub(super) struct Holder {
    session: Session,
    stream: Stream,
    chooser: KeyChooser,
    workload: Workload,
    recorder: Recorder,
}

impl Holder {
    pub(super) fn new(
        session: Session,
        stream: Stream,
        workload: &Workload,
        recorder: Recorder,
    ) -> Self {
        let chooser = KeyChooser::new(session.client(), workload);
        Self {
            session,
            stream,
            chooser,
            workload: workload.clone(),
            recorder,
        }
    }

    /// Works until the quiet begins; leases that it holds then are left to run out.
    pub(super) async fn run(mut self) {
        while !self.recorder.is_quiet() {
            match self.grant().await {
                Some((lease, ttl_s)) => self.hold(lease, ttl_s).await,
                None => self.turn_away().await,
            }
        }
    }

    async fn turn_away(&mut self) {
        self.session.go_on();
        sleep(FAILURE_PAUSE).await;
    }

    /// A new lease, with its time to live in seconds.
    async fn grant(&mut self) -> Option<(i64, i64)> {
        let ttl_s = self.stream.within(self.workload.lease_ttl_s);
        self.session.grant(ttl_s.cast_signed()).await
    }

    /// Keeps a lease until it is revoked, abandoned or lost.
    async fn hold(&mut self, lease: i64, ttl_s: i64) {
        for _ in 0..self.stream.between(0, 3) {
            self.attach(lease).await;
        }
        let ttl_ms = ttl_s.unsigned_abs() * 1000;
        for _ in 0..self.stream.between(0, KEEP_ALIVES_MAX) {
            // Mostly as often as etcd's clients do, at times at the last moment or after it.
            let wait_ms = match self.stream.between(0, 9) {
                0 => ttl_ms - self.stream.between(0, ttl_ms / 4),
                1 => self.stream.between(1, 50),
                2 => ttl_ms + self.stream.between(0, LATE_MS_MAX),
                // It had stopped, and goes on as if nothing had been.
                3 => ttl_ms + self.stream.between(0, ttl_ms),
                _ => ttl_ms / 3,
            };
            sleep(Duration::from_millis(wait_ms)).await;
            if self.recorder.is_quiet() || self.stream.chance(self.workload.lease_abandon_percent) {
                return;
            }
            if self.stream.chance(self.workload.lease_revoke_percent) {
                self.session.execute(Request::LeaseRevoke(lease)).await;
                return;
            }
            if !self.keep(lease).await {
                return;
            }
        }
        if self.stream.chance(30) {
            // Is it gone when it says so?
            sleep(Duration::from_millis(ttl_ms + 500)).await;
            self.session.execute(Request::LeaseTimeToLive(lease)).await;
        }
    }

    async fn attach(&mut self, lease: i64) {
        let put = Put {
            key: self.chooser.one(&mut self.stream),
            value: self.chooser.value(&mut self.stream),
            lease,
            prev_kv: false,
        };
        self.session.execute(Request::Put(put)).await;
    }

    /// One keep-alive or question, at another member if there is no answer or if clients change
    /// members by themselves. False where the lease is gone.
    async fn keep(&mut self, lease: i64) -> bool {
        if self.stream.chance(self.workload.switch_percent) {
            self.session.go_on();
        }
        if self.stream.chance(20) {
            self.session.execute(Request::LeaseTimeToLive(lease)).await;
        }
        match self.session.execute(Request::LeaseKeepAlive(lease)).await {
            Outcome::Ok(Response {
                body: Body::LeaseKeepAlive { ttl_s },
                ..
            }) => ttl_s > 0,
            _ => {
                self.turn_away().await;
                true
            }
        }
    }
}
