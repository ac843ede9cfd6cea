//! The operations of a history in words of its own: neither the product's types nor the wire's,
//! so that an oracle shares nothing with what it judges.

use super::{AuthChange, Blob, QueueAnswer, Queueing};

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Put one key.
    Put(Put),
    /// Delete an interval.
    Delete(Delete),
    /// Read an interval.
    Range(Range),
    /// A transaction.
    Txn(Txn),
    /// Forget the history below this revision.
    Compact(i64),
    /// Create a lease.
    LeaseGrant {
        /// The id that the client chose.
        lease: i64,
        /// Time to live asked for, seconds.
        ttl_s: i64,
    },
    /// End a lease.
    LeaseRevoke(i64),
    /// Keep a lease alive, once.
    LeaseKeepAlive(i64),
    /// Ask for a lease's remaining time.
    LeaseTimeToLive(i64),
    /// Get a token.
    Login {
        /// The user.
        user: String,
        /// The number of the password. No two passwords of a run have the same.
        password: u64,
    },
    /// Change users or roles.
    Auth(AuthChange),
    /// Lock or elect.
    Queue(Queueing),
}

impl Request {
    /// Whether it could change `key` itself, not by way of a lease.
    pub fn may_change(&self, key: &Blob) -> bool {
        match self {
            Self::Put(put) => put.key == *key,
            Self::Delete(delete) => delete.keys.contains(key),
            Self::Txn(txn) => txn.ops().any(|op| match op {
                TxnOp::Put(put) => put.key == *key,
                TxnOp::Delete(delete) => delete.keys.contains(key),
                TxnOp::Range(_) => false,
            }),
            Self::Queue(queueing) => {
                let mut writes = queueing.writes(false);
                writes.any(|write| write.may_change(key))
            }
            _ => false,
        }
    }
}

/// A set of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keys {
    /// One key.
    One(Blob),
    /// From the first, included, to the second, not included.
    Span(Blob, Blob),
    /// From this key on.
    From(Blob),
}

impl Keys {
    /// Whether `key` belongs to the set.
    pub fn contains(&self, key: &Blob) -> bool {
        match self {
            Self::One(only) => key == only,
            Self::Span(start, end) => start <= key && key < end,
            Self::From(start) => start <= key,
        }
    }

    /// Whether every non-empty key belongs to the set.
    pub fn is_everything(&self) -> bool {
        matches!(self, Self::From(start) if start.as_bytes().is_empty() || start.as_bytes() == [0])
    }
}

/// A put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Put {
    /// The key.
    pub key: Blob,
    /// The value.
    pub value: Blob,
    /// The lease to attach to; 0 for none.
    pub lease: i64,
    /// Whether to return the key as it was.
    pub prev_kv: bool,
}

/// A delete of an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete {
    /// The keys.
    pub keys: Keys,
    /// Whether to return the keys as they were.
    pub prev_kv: bool,
}

/// A read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Range {
    /// The keys.
    pub keys: Keys,
    /// The revision to read at; 0 is the newest.
    pub revision: i64,
    /// Most keys to return; 0 is no limit.
    pub limit: i64,
    /// Whether an old answer is good enough.
    pub serializable: bool,
}

/// A transaction, without nested ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Txn {
    /// All must hold.
    pub compares: Vec<Compare>,
    /// What to do if they hold.
    pub success: Vec<TxnOp>,
    /// What to do if they do not.
    pub failure: Vec<TxnOp>,
}

impl Txn {
    /// Whether either branch could change keys.
    pub fn may_write(&self) -> bool {
        self.ops().any(|op| !matches!(op, TxnOp::Range(_)))
    }

    /// Whether it may be answered from old state: nothing but serializable reads.
    pub fn is_serializable(&self) -> bool {
        self.ops()
            .all(|op| matches!(op, TxnOp::Range(range) if range.serializable))
    }

    /// The operations of both branches.
    pub fn ops(&self) -> impl Iterator<Item = &TxnOp> {
        self.success.iter().chain(&self.failure)
    }
}

/// One operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TxnOp {
    /// A put.
    Put(Put),
    /// A delete.
    Delete(Delete),
    /// A read; sees the writes before it.
    Range(Range),
}

/// A condition on one key. A missing key has version, revisions and lease 0 and no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compare {
    /// The key.
    pub key: Blob,
    /// The relation between the key's field and the operand.
    pub relation: Relation,
    /// The field with its operand.
    pub target: CompareTarget,
}

/// The relation of a [`Compare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// Equal.
    Equal,
    /// The key's field is greater.
    Greater,
    /// The key's field is less.
    Less,
    /// Not equal.
    NotEqual,
}

/// The field of a [`Compare`], with the operand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CompareTarget {
    /// Puts since creation.
    Version(i64),
    /// Create revision.
    Create(i64),
    /// Mod revision.
    Mod(i64),
    /// The value.
    Value(Blob),
    /// The lease, 0 for none.
    Lease(i64),
}

/// A key at one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kv {
    /// The key.
    pub key: Blob,
    /// Its value.
    pub value: Blob,
    /// Revision of its last put.
    pub mod_revision: i64,
    /// Revision of the put that created it.
    pub create_revision: i64,
    /// Puts since the creation.
    pub version: i64,
    /// The lease that it is attached to; 0 for none.
    pub lease: i64,
}

/// One change of one key, with the state before it where that was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A put.
    Put {
        /// The key after it.
        kv: Kv,
        /// The key before it.
        prev: Option<Kv>,
    },
    /// A delete.
    Delete {
        /// The key.
        key: Blob,
        /// The delete's revision.
        mod_revision: i64,
        /// The key before it.
        prev: Option<Kv>,
    },
}

impl Event {
    /// The key that changed.
    pub fn key(&self) -> &Blob {
        match self {
            Self::Put { kv, .. } => &kv.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The revision of the change.
    pub fn mod_revision(&self) -> i64 {
        match self {
            Self::Put { kv, .. } => kv.mod_revision,
            Self::Delete { mod_revision, .. } => *mod_revision,
        }
    }

    /// The state before, where that was told.
    pub fn prev(&self) -> Option<&Kv> {
        match self {
            Self::Put { prev, .. } | Self::Delete { prev, .. } => prev.as_ref(),
        }
    }

    /// The same change without the state before.
    pub fn without_prev(&self) -> Self {
        match self {
            Self::Put { kv, .. } => Self::Put {
                kv: kv.clone(),
                prev: None,
            },
            Self::Delete {
                key, mod_revision, ..
            } => Self::Delete {
                key: key.clone(),
                mod_revision: *mod_revision,
                prev: None,
            },
        }
    }
}

/// A successful answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The revision of the answer's header.
    pub revision: i64,
    /// The answer itself.
    pub body: Body,
}

/// The answer itself, one kind for each kind of request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// To a put.
    Put {
        /// The key before.
        prev: Option<Kv>,
    },
    /// To a delete.
    Delete {
        /// Number of keys deleted.
        deleted: i64,
        /// The keys before.
        prevs: Vec<Kv>,
    },
    /// To a read.
    Range {
        /// Number of keys in the interval, before the limit.
        count: i64,
        /// Whether the limit left some out.
        more: bool,
        /// The keys.
        kvs: Vec<Kv>,
    },
    /// To a transaction.
    Txn {
        /// Whether the compares held.
        succeeded: bool,
        /// One answer for each operation of the branch.
        responses: Vec<Body>,
    },
    /// To a compaction.
    Compact,
    /// To a lease grant.
    LeaseGrant {
        /// The lease.
        lease: i64,
        /// The granted time to live, seconds.
        ttl_s: i64,
    },
    /// To a lease revoke.
    LeaseRevoke,
    /// To a keep-alive.
    LeaseKeepAlive {
        /// The time to live from now on, seconds; 0 where the lease is gone.
        ttl_s: i64,
    },
    /// To a question for the remaining time.
    LeaseTimeToLive {
        /// The remaining time, seconds; -1 where the lease is gone.
        ttl_s: i64,
        /// The granted time to live, seconds.
        granted_ttl_s: i64,
    },
    /// To a login.
    Login {
        /// The log position from which on members know the token; `None` for a signed one, which
        /// they need not know.
        index: Option<u64>,
    },
    /// To a change of users or roles.
    Auth,
    /// To a call of the Lock or Election service.
    Queue(QueueAnswer),
}

impl Body {
    /// Whether this is the kind of answer that `request` asks for.
    pub fn answers(&self, request: &Request) -> bool {
        if let (Self::Queue(answer), Request::Queue(queueing)) = (self, request) {
            return answer.answers(queueing.call());
        }
        matches!(
            (self, request),
            (Self::Put { .. }, Request::Put(_))
                | (Self::Delete { .. }, Request::Delete(_))
                | (Self::Range { .. }, Request::Range(_))
                | (Self::Txn { .. }, Request::Txn(_))
                | (Self::Compact, Request::Compact(_))
                | (Self::LeaseGrant { .. }, Request::LeaseGrant { .. })
                | (Self::LeaseRevoke, Request::LeaseRevoke(_))
                | (Self::LeaseKeepAlive { .. }, Request::LeaseKeepAlive(_))
                | (Self::LeaseTimeToLive { .. }, Request::LeaseTimeToLive(_))
                | (Self::Login { .. }, Request::Login { .. })
                | (Self::Auth, Request::Auth(_))
        )
    }

    /// Whether the answer says that keys have changed.
    pub fn wrote(&self) -> bool {
        match self {
            Self::Put { .. } => true,
            Self::Delete { deleted, .. } => *deleted > 0,
            Self::Txn { responses, .. } => responses.iter().any(Self::wrote),
            _ => false,
        }
    }
}
