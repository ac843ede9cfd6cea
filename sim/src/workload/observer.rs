//! A client that observes an election, and goes on at another member when its stream breaks.

use std::time::Duration;

use madsim::time::sleep;
use quorate_server::{
    clock,
    proto::v3electionpb::{LeaderRequest, LeaderResponse},
};
use tonic::{Status, Streaming};

use super::{
    Session,
    contender::election,
    convert::{bytes, kv},
};
use crate::{
    history::{Observation, What},
    plan::{Span, Stream},
    recorder::Recorder,
};

/// Pause before an election is observed anew, milliseconds.
const AGAIN_MS: Span = Span(10, 200);

/// How long an observer waits for news before it leaves, milliseconds.
const PATIENCE_MS: Span = Span(1_000, 6_000);

/// Observes.
pub(super) struct Observer {
    session: Session,
    stream: Stream,
    recorder: Recorder,
}

impl Observer {
    pub(super) fn new(session: Session, stream: Stream, recorder: Recorder) -> Self {
        Self {
            session,
            stream,
            recorder,
        }
    }

    /// Works until the quiet begins.
    pub(super) async fn run(mut self) {
        while !self.recorder.is_quiet() {
            self.session.log_in_if_due().await;
            let name = election(&mut self.stream);
            let member = self.session.member();
            self.note(Observation::Begins {
                member,
                name: name.clone(),
            });
            let request = LeaderRequest { name: bytes(&name) };
            let why = match self.observe(request).await {
                Ok(()) => {
                    self.session.hear_nothing();
                    "it has no more to tell".to_owned()
                }
                Err(status) => {
                    self.session.hear_refusal(status.message());
                    status.message().replace('\n', " ")
                }
            };
            self.note(Observation::Stops { why });
            self.session.go_on();
            sleep(Duration::from_millis(self.stream.within(AGAIN_MS))).await;
        }
    }

    fn note(&self, seen: Observation) {
        let client = self.session.client();
        self.recorder.push(What::Observes { client, seen });
    }

    /// One stream, to its end.
    async fn observe(&mut self, request: LeaderRequest) -> Result<(), Status> {
        let mut responses = self.patiently_open(request).await?;
        while let Some(response) = self.next(&mut responses).await? {
            let (header, leader) = response.header.zip(response.kv).expect("it is complete");
            self.note(Observation::Hears {
                revision: header.revision,
                kv: kv(&leader),
            });
        }
        Ok(())
    }

    async fn patiently_open(
        &mut self,
        request: LeaderRequest,
    ) -> Result<Streaming<LeaderResponse>, Status> {
        let patience = self.patience();
        let request = self.session.manner().open(request);
        let mut elections = self.session.election();
        let opened = clock::timeout(patience, elections.observe(request)).await;
        Ok(opened.map_err(|_| left())??.into_inner())
    }

    async fn next(
        &mut self,
        responses: &mut Streaming<LeaderResponse>,
    ) -> Result<Option<LeaderResponse>, Status> {
        let patience = self.patience();
        let next = clock::timeout(patience, responses.message()).await;
        next.map_err(|_| left())?
    }

    fn patience(&mut self) -> Duration {
        Duration::from_millis(self.stream.within(PATIENCE_MS))
    }
}

fn left() -> Status {
    Status::cancelled("the observer has left")
}
