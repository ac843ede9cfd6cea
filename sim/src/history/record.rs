//! One line of a history.

use super::{AuthChange, Event, Keys, Observation, Request, Response, Told};

/// Something that was seen, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Nanoseconds since the start of the run, by a clock that no fault touches.
    pub at_ns: u64,
    /// What was seen.
    pub what: What,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// The history is one of a whole run, of these members.
    Cluster {
        /// The members' numbers, from 1.
        members: Vec<u64>,
    },
    /// A client sent a request.
    Invoke {
        /// Number of the operation, unique in the history.
        op: u64,
        /// The client.
        client: u64,
        /// The member that it talks to.
        member: u64,
        /// The request.
        request: Request,
    },
    /// The client learnt the outcome. An operation without this record has an unknown outcome.
    Return {
        /// The operation.
        op: u64,
        /// Its outcome.
        outcome: Outcome,
    },
    /// A client sends another token from now on, or none.
    Token {
        /// The client.
        client: u64,
        /// The login that the token is from.
        login: Option<u64>,
    },
    /// A client observes an election.
    Observes {
        /// The client.
        client: u64,
        /// What it does or hears.
        seen: Observation,
    },
    /// A client asked for a watch.
    WatchOpen(WatchOpen),
    /// The member has set the watch up, at this revision.
    WatchCreated {
        /// The watch.
        watch: u64,
        /// The revision of the answer's header.
        revision: i64,
    },
    /// Events were delivered, in one response.
    WatchEvents {
        /// The watch.
        watch: u64,
        /// The revision of the response's header.
        revision: i64,
        /// Whether the response is a part, with more parts to come.
        fragment: bool,
        /// The events.
        events: Vec<Event>,
    },
    /// All events up to this revision have been delivered.
    WatchProgress {
        /// The watch.
        watch: u64,
        /// The revision.
        revision: i64,
    },
    /// The watch is over. To resume it, a client opens another one.
    WatchEnd {
        /// The watch.
        watch: u64,
        /// Why.
        why: WatchEnd,
    },
    /// A committed log entry, as the first member to apply it saw it. Recorded again only where
    /// another member saw something else.
    Committed {
        /// Its position in the log.
        index: u64,
        /// The term of the leader that wrote it.
        term: u64,
        /// The revision of the key space after it.
        revision: i64,
        /// The keys that it changed, in order.
        events: Vec<Event>,
        /// The leases that it changed.
        leases: Vec<LeaseChange>,
    },
    /// A committed log entry has changed users or roles, or whether they count. Recorded as above.
    AuthChanged {
        /// Its position in the log.
        index: u64,
        /// What it changed.
        change: AuthChange,
    },
    /// The reference model does not agree with what an entry did.
    Disputed {
        /// The entry's position in the log.
        index: u64,
        /// What is different, on one line.
        text: String,
    },
    /// A member's state after applying an entry.
    Applied {
        /// The member.
        member: u64,
        /// The entry's position in the log.
        index: u64,
        /// The entry's term.
        term: u64,
        /// The revision of the key space.
        revision: i64,
        /// Hash of the member's whole replicated state.
        state_hash: u64,
    },
    /// A member's process starts: it knows what it has kept, which may be less than it knew before.
    Started {
        /// The member.
        member: u64,
    },
    /// A member became the leader.
    Leader {
        /// The member.
        member: u64,
        /// The term.
        term: u64,
    },
    /// A member sent a message of raft's to another one. Recorded only where that is asked for.
    Sent {
        /// Number of the message, unique in the history.
        message: u64,
        /// The sender.
        from: u64,
        /// The receiver.
        to: u64,
        /// What it says, on one line: its kind, then the figures that matter.
        text: String,
    },
    /// The message arrived. One without this record was lost, or was on its way in the end.
    Arrived {
        /// The message.
        message: u64,
    },
    /// A member's clock runs at this rate from now on; until its first such record at 0.
    Clock {
        /// The member.
        member: u64,
        /// How much faster than true time, parts per million; negative is slower.
        rate_ppm: i64,
    },
    /// A member tells something of itself.
    Told {
        /// The member.
        member: u64,
        /// What it tells.
        told: Told,
    },
    /// The run has ended here by a panic: a member, or the simulator, had found itself at fault.
    Panic {
        /// What it said, on one line.
        text: String,
    },
    /// A member's monotonic clock is so much further at once.
    ClockSkip {
        /// The member.
        member: u64,
        /// How much, milliseconds.
        by_ms: u64,
    },
    /// Something was broken or mended, in words for people.
    Fault {
        /// The words, on one line.
        text: String,
    },
    /// The run came to a point of the product. Recorded once for each, at the end.
    Passed {
        /// Its name.
        point: String,
        /// How often members came there.
        times: u64,
    },
    /// All faults have stopped: but for those that are lost every member is up, every link works.
    Quiet {
        /// How long a correct cluster may take from now on to do what it owes, milliseconds.
        bound_ms: u64,
        /// Members that are broken for good, and need not.
        lost: Vec<u64>,
    },
}

/// How an operation ended, in the eyes of its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was carried out.
    Ok(Response),
    /// It was refused for this [`reason`], and had and will have no effect.
    Failed(String),
    /// The client cannot know: a deadline, a broken connection.
    Unknown(String),
}

/// The reasons of refusals that oracles look at: etcd's texts.
pub mod reason {
    /// No lease has this id.
    pub const LEASE_NOT_FOUND: &str = "etcdserver: requested lease not found";
    /// The revision is no longer kept.
    pub const COMPACTED: &str = "etcdserver: mvcc: required revision has been compacted";
    /// The revision is not there yet.
    pub const FUTURE: &str = "etcdserver: mvcc: required revision is a future revision";
    /// The user may not do this.
    pub const DENIED: &str = "etcdserver: permission denied";
    /// A request without a token.
    pub const NO_TOKEN: &str = "etcdserver: user name is empty";
    /// The token is no token, or not any more.
    pub const BAD_TOKEN: &str = "etcdserver: invalid auth token";
    /// The token is older than the last change of users or roles.
    pub const OLD_TOKEN: &str = "etcdserver: revision of auth store is old";
    /// Nobody is a candidate.
    pub const NO_LEADER: &str = "election: no leader";
    /// The place is not the one that it was.
    pub const NOT_LEADER: &str = "election: not leader";
    /// A place in a queue is gone.
    pub const SESSION_EXPIRED: &str = "mutex: session is expired";
    /// Nobody can log in while authentication is off.
    pub const NOT_ENABLED: &str = "etcdserver: authentication is not enabled";
    /// There is no such user, or it has another password.
    pub const BAD_PASSWORD: &str = "etcdserver: authentication failed, invalid user ID or password";
}

/// What a client asked to watch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchOpen {
    /// Number of the watch, unique in the history.
    pub watch: u64,
    /// The client.
    pub client: u64,
    /// The member that it talks to.
    pub member: u64,
    /// The keys.
    pub keys: Keys,
    /// The first revision to deliver; 0 is the one after the creation.
    pub start_revision: i64,
    /// Whether events carry the state before them.
    pub prev_kv: bool,
    /// Leave puts out.
    pub no_put: bool,
    /// Leave deletes out.
    pub no_delete: bool,
}

impl WatchOpen {
    /// Whether `event` belongs to the watch, whatever its revision.
    pub fn wants(&self, event: &Event) -> bool {
        let filtered = match event {
            Event::Put { .. } => self.no_put,
            Event::Delete { .. } => self.no_delete,
        };
        !filtered && self.keys.contains(event.key())
    }
}

/// Why a watch is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchEnd {
    /// The client wanted no more.
    Closed,
    /// The stream broke.
    Broken,
    /// The member refused to go on: it needs revisions that are compacted up to this one.
    Compacted(i64),
    /// The member ended it for another reason, which it gave.
    Cancelled(String),
    /// The client may not read the keys.
    Denied,
}

/// What an entry did to one lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseChange {
    /// It exists from now on.
    Granted {
        /// The lease.
        lease: i64,
        /// Its time to live, seconds.
        ttl_s: i64,
    },
    /// A keep-alive became durable.
    Renewed {
        /// The lease.
        lease: i64,
    },
    /// It is gone, revoked or expired.
    Ended {
        /// The lease.
        lease: i64,
    },
}
