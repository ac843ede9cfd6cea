//! Quorate and etcd, asked the same at the same time.

use std::{collections::BTreeSet, path::Path};

use quorate_server::proto::etcdserverpb::WatchResponse;
use quorate_tests::scenario::{Request, Settings, Step, WatchRequest};
use tonic::Status;

use crate::{
    grpc::{Program, Reply, Server, Session, normalise},
    harness::Peers,
};

/// A single member is its own leader after this time, milliseconds.
const FLAGS: &[&str] = &["--heartbeat-interval=20", "--election-timeout=100"];

/// What two servers have answered to the same step, where it is not the same.
#[derive(Debug)]
pub(super) struct Difference {
    /// Which step, from 0.
    pub(super) at: usize,
    pub(super) step: Step,
    pub(super) quorate: String,
    pub(super) etcd: String,
}

impl Difference {
    /// Whether it may well be the same one: the same kind of step shows it.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        let request = |step: &Step| match step {
            Step::Call(request) => Some(std::mem::discriminant(request)),
            _ => None,
        };
        std::mem::discriminant(&self.step) == std::mem::discriminant(&other.step)
            && request(&self.step) == request(&other.step)
    }
}

/// Both servers, with the clients of one script.
pub(super) struct Pair {
    quorate: Session,
    etcd: Session,
    user: Option<String>,
    /// Those that have been opened.
    streams: BTreeSet<String>,
}

impl Pair {
    /// Starts both on empty directories.
    pub(super) async fn start(peers: &Peers, directory: &Path) -> Self {
        let settings = Settings::default();
        let etcd = Program::Etcd(peers.clone());
        // What is lost with the power does not matter here.
        let etcd_flags = [FLAGS, &["--unsafe-no-fsync"]].concat();
        let (quorate, etcd) = tokio::join!(
            Server::start(&Program::Quorate, directory, &settings, FLAGS),
            Server::start(&etcd, directory, &settings, &etcd_flags),
        );
        Self {
            quorate: Session::new(quorate),
            etcd: Session::new(etcd),
            user: None,
            streams: BTreeSet::new(),
        }
    }

    /// Takes the steps, up to the first that is not answered alike.
    pub(super) async fn run(&mut self, script: &[Step]) -> Result<(), Difference> {
        for (at, step) in script.iter().enumerate() {
            let difference = |(quorate, etcd): (Answered, Answered)| Difference {
                at,
                step: step.clone(),
                quorate: quorate.to_string(),
                etcd: etcd.to_string(),
            };
            for stream in self.disturbed(step) {
                let events = self.receive(&stream).await;
                if events.0 != events.1 {
                    return Err(difference(events));
                }
            }
            let answers = self.take(step).await;
            if answers.0 != answers.1 {
                return Err(difference(answers));
            }
        }
        Ok(())
    }

    /// The streams whose events must be there before this step: of what is still on its way to a
    /// watcher that is cancelled, etcd drops some by chance, or what was before; and what was before
    /// it looks up on the way, where a compaction may have come first.
    fn disturbed(&self, step: &Step) -> Vec<String> {
        match step {
            Step::Call(Request::Compact { .. }) => self.streams.iter().cloned().collect(),
            Step::Watch {
                stream,
                request: WatchRequest::Cancel { .. },
            } => vec![stream.clone()],
            _ => Vec::new(),
        }
    }

    async fn take(&mut self, step: &Step) -> (Answered, Answered) {
        let user = self.user.as_deref();
        match step {
            Step::As(user) => {
                self.user.clone_from(user);
                (Answered::Nothing, Answered::Nothing)
            }
            Step::Call(request) => {
                let (quorate, etcd) = tokio::join!(
                    self.quorate.call(user, request.clone()),
                    self.etcd.call(user, request.clone()),
                );
                (called(request, quorate), called(request, etcd))
            }
            Step::Watch { stream, request } => {
                self.streams.insert(stream.clone());
                self.quorate.watch(user, stream, request.clone());
                self.etcd.watch(user, stream, request.clone());
                self.receive(stream).await
            }
            Step::Receive { stream } => self.receive(stream).await,
        }
    }

    async fn receive(&mut self, stream: &str) -> (Answered, Answered) {
        let (quorate, etcd) = tokio::join!(self.quorate.receive(stream), self.etcd.receive(stream));
        (received(quorate), received(etcd))
    }
}

/// An answer, without what two servers cannot agree on.
#[derive(PartialEq)]
enum Answered {
    Nothing,
    Reply(Box<Reply>),
    Received(Vec<WatchResponse>),
    Refused(tonic::Code, String),
}

impl std::fmt::Display for Answered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Nothing => write!(f, "nothing"),
            Self::Reply(reply) => write!(f, "{reply:?}"),
            Self::Received(responses) => {
                let mut lines = responses.iter();
                lines.try_for_each(|response| write!(f, "\n    {response:?}"))
            }
            Self::Refused(code, text) => write!(f, "{code:?}: {text}"),
        }
    }
}

fn called(request: &Request, result: Result<Reply, Status>) -> Answered {
    match result.map(Reply::normalised) {
        Ok(Reply::HashKv(mut reply)) => {
            assert!(matches!(request, Request::HashKv { .. }));
            // etcd 3.5 does not say which revision it has hashed.
            reply.hash_revision = 0;
            Answered::Reply(Box::new(Reply::HashKv(reply)))
        }
        Ok(reply) => Answered::Reply(Box::new(reply)),
        Err(status) => Answered::Refused(status.code(), status.message().to_owned()),
    }
}

/// Between the responses of two watchers there is no order.
fn received(result: Result<Vec<WatchResponse>, Status>) -> Answered {
    match result {
        Ok(mut responses) => {
            for response in &mut responses {
                normalise(&mut response.header);
            }
            responses.sort_by_key(|response| response.watch_id);
            Answered::Received(responses)
        }
        Err(status) => Answered::Refused(status.code(), status.message().to_owned()),
    }
}
