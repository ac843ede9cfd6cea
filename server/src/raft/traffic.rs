//! Raft's messages between members, for whoever wants to see them: the pictures of simulated runs.
//! Where nobody does, nothing is counted, written or added to a call.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use tonic::{Request, metadata::MetadataMap};

use crate::proto::peer;

/// Metadata key under which a call names its number, where somebody watches.
const CALL_KEY: &str = "x-quorate-call";

/// Sees messages leave and arrive. It must be quick and must not call back into the server.
pub trait Traffic: Send + Sync {
    /// This member begins a call to the peer of this name. The call's number, never given twice in
    /// a cluster.
    fn call(&self, peer: &str) -> u64;

    /// This member sends a message of a call; `text` begins with its kind.
    fn sent(&self, message: Message, text: String);

    /// A message of a call has arrived at this member.
    fn arrived(&self, message: Message);
}

/// Which message of which call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Message {
    /// The call's number.
    pub call: u64,
    /// Whether it is one of the answers.
    pub is_answer: bool,
    /// Its place among the requests or the answers of the call.
    pub position: u64,
}

/// Whoever watches this member's messages, if anybody does.
#[derive(Clone, Default)]
pub struct Tap(Option<Arc<dyn Traffic>>);

impl Tap {
    /// For this one.
    pub fn new(traffic: Option<Arc<dyn Traffic>>) -> Self {
        Self(traffic)
    }

    /// The caller's end of a call that begins now.
    pub(super) fn call(&self, peer: &str) -> End {
        self.end(|traffic| Some(traffic.call(peer)), true)
    }

    /// The other end, of the call that came with this number.
    pub(super) fn answer(&self, call: CallNumber) -> End {
        self.end(|_| call.0, false)
    }

    fn end(&self, number: impl FnOnce(&dyn Traffic) -> Option<u64>, is_caller: bool) -> End {
        let ends = self.0.as_ref().and_then(|traffic| {
            Some(Watched {
                call: number(traffic.as_ref())?,
                traffic: traffic.clone(),
                is_caller,
                sent: AtomicU64::new(0),
                arrived: AtomicU64::new(0),
            })
        });
        End(ends.map(Arc::new))
    }
}

/// The number that a call came with, where somebody watches.
#[derive(Clone, Copy, Debug)]
pub struct CallNumber(Option<u64>);

impl CallNumber {
    /// Of a call with this metadata.
    pub fn of(metadata: &MetadataMap) -> Self {
        let named = metadata.get(CALL_KEY).and_then(|value| value.to_str().ok());
        Self(named.and_then(|number| number.parse().ok()))
    }
}

/// One end of a call. Clones share it.
#[derive(Clone)]
pub(super) struct End(Option<Arc<Watched>>);

struct Watched {
    traffic: Arc<dyn Traffic>,
    call: u64,
    is_caller: bool,
    sent: AtomicU64,
    arrived: AtomicU64,
}

impl Watched {
    fn next(&self, counter: &AtomicU64, is_answer: bool) -> Message {
        Message {
            call: self.call,
            is_answer,
            position: counter.fetch_add(1, Ordering::Relaxed),
        }
    }
}

impl End {
    /// `message` as a request that names the call.
    pub(super) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if let Some(watched) = &self.0 {
            request.metadata_mut().insert(CALL_KEY, watched.call.into());
        }
        request
    }

    /// The next message leaves this end.
    pub(super) fn sent(&self, text: impl FnOnce() -> String) {
        if let Some(watched) = &self.0 {
            let message = watched.next(&watched.sent, !watched.is_caller);
            watched.traffic.sent(message, text());
        }
    }

    /// The next message has arrived at this end.
    pub(super) fn arrived(&self) {
        if let Some(watched) = &self.0 {
            let message = watched.next(&watched.arrived, watched.is_caller);
            watched.traffic.arrived(message);
        }
    }
}

/// Log positions as the rest of Quorate counts, from 1; 0 is none.
fn position(log_id: Option<&peer::LogId>) -> u64 {
    log_id.map_or(0, |log_id| log_id.index + 1)
}

fn term(vote: Option<&peer::Vote>) -> u64 {
    vote.map_or(0, |vote| vote.term)
}

/// `append term=2 after=11 entries=12..14 commit=11`, or a heartbeat.
pub(super) fn append(request: &peer::AppendRequest) -> String {
    let term = term(request.vote.as_ref());
    let after = position(request.prev_log_id.as_ref());
    let commit = position(request.leader_commit.as_ref());
    match request.entries.len() as u64 {
        0 => format!("heartbeat term={term} after={after} commit={commit}"),
        count => {
            let (first, last) = (after + 1, after + count);
            format!("append term={term} after={after} entries={first}..{last} commit={commit}")
        }
    }
}

/// `appended through=14`, or why not.
pub(super) fn appended(response: &peer::AppendResponse) -> String {
    use peer::append_response::Result as Wire;
    match &response.result {
        Some(Wire::Matched(matched)) => match position(matched.log_id.as_ref()) {
            0 => "appended all".to_owned(),
            through => format!("appended through={through}"),
        },
        Some(Wire::Conflict(log_id)) => format!("refused conflict={}", position(Some(log_id))),
        Some(Wire::HigherVote(vote)) => format!("refused term={}", vote.term),
        None => "appended nothing".to_owned(),
    }
}

/// `vote term=3 last=11`; `kind` tells votes from pre-votes.
pub(super) fn vote(kind: &str, request: &peer::VoteRequest) -> String {
    let term = term(request.vote.as_ref());
    let last = position(request.last_log_id.as_ref());
    format!("{kind} term={term} last={last}")
}

/// `vote-answer granted term=3`.
pub(super) fn voted(kind: &str, response: &peer::VoteResponse) -> String {
    let granted = if response.granted {
        "granted"
    } else {
        "refused"
    };
    let term = term(response.vote.as_ref());
    format!("{kind}-answer {granted} term={term}")
}
