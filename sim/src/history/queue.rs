//! Calls of the Lock and Election services. A member makes them out of several reads and writes of
//! keys: whoever has put the key below a name that was created first holds the lock, or leads.

use super::{Blob, Compare, CompareTarget, Delete, Keys, Kv, Put, Relation, Request, Txn, TxnOp};

/// A call, with the writes that its member may make for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queueing {
    call: QueueCall,
    writes: Vec<Request>,
    /// What it may do besides for a caller that gives up while it waits: delete its key.
    leaves: Vec<Request>,
}

/// What is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueCall {
    /// Wait for the lock.
    Lock {
        /// Its name.
        name: Blob,
        /// The lease that the caller's key goes with.
        lease: i64,
    },
    /// Give the lock back.
    Unlock {
        /// The caller's key.
        key: Blob,
    },
    /// Wait to be elected.
    Campaign {
        /// The election's name.
        name: Blob,
        /// The lease that the caller's key goes with.
        lease: i64,
        /// What the caller stands for.
        value: Blob,
    },
    /// Stand for something else, as the leader.
    Proclaim {
        /// The caller's place.
        place: Place,
        /// What it stands for from now on.
        value: Blob,
    },
    /// Lead no more.
    Resign(Place),
    /// Ask who leads.
    Leader {
        /// The election's name.
        name: Blob,
    },
}

/// A place below a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The key.
    pub key: Blob,
    /// The revision that created it.
    pub created: i64,
    /// The lease that it goes with.
    pub lease: i64,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueueAnswer {
    /// The caller holds the lock by this key.
    Locked(Blob),
    /// To an unlock.
    Unlocked,
    /// The caller has been elected.
    Elected {
        /// Its key.
        key: Blob,
        /// The revision that created it.
        created: i64,
    },
    /// To a proclamation.
    Proclaimed,
    /// To a resignation.
    Resigned,
    /// This is the leader's key.
    Leads(Kv),
}

/// What a client that observes an election does and hears, one stream after the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// It asks who leads, and to be told of all that follows.
    Begins {
        /// The member that it talks to.
        member: u64,
        /// The election's name.
        name: Blob,
    },
    /// This is the leader's key, or what it has proclaimed.
    Hears {
        /// The revision of the response's header.
        revision: i64,
        /// The key.
        kv: Kv,
    },
    /// The stream is over.
    Stops {
        /// Why, in words.
        why: String,
    },
}

impl QueueCall {
    /// The keys of which the caller asks which was created first, to be it or to know; `None` where
    /// it does not.
    pub fn below(&self) -> Option<Keys> {
        match self {
            Self::Lock { name, .. } | Self::Campaign { name, .. } | Self::Leader { name } => {
                Some(below(name))
            }
            Self::Unlock { .. } | Self::Proclaim { .. } | Self::Resign(_) => None,
        }
    }

    /// The key that it may change; `None` where it changes none.
    pub fn key(&self) -> Option<Blob> {
        match self {
            Self::Lock { name, lease } | Self::Campaign { name, lease, .. } => {
                Some(key_below(name, *lease))
            }
            Self::Unlock { key } => Some(key.clone()),
            Self::Proclaim { place, .. } | Self::Resign(place) => Some(place.key.clone()),
            Self::Leader { .. } => None,
        }
    }

    fn writes(&self) -> Vec<Request> {
        match self {
            Self::Lock { name, lease } => {
                let key = key_below(name, *lease);
                vec![put_if(&key, 0, &Blob::default(), *lease)]
            }
            Self::Unlock { key } => vec![delete(key)],
            Self::Campaign { name, lease, value } => {
                let key = key_below(name, *lease);
                let again = Put {
                    key: key.clone(),
                    value: value.clone(),
                    lease: *lease,
                    prev_kv: false,
                };
                vec![
                    put_if(&key, 0, value, *lease),
                    only_if(&key, Relation::NotEqual, 0, TxnOp::Put(again)),
                ]
            }
            Self::Proclaim { place, value } => {
                vec![put_if(&place.key, place.created, value, place.lease)]
            }
            Self::Resign(place) => {
                let delete = Delete {
                    keys: Keys::One(place.key.clone()),
                    prev_kv: false,
                };
                vec![only_if(
                    &place.key,
                    Relation::Equal,
                    place.created,
                    TxnOp::Delete(delete),
                )]
            }
            Self::Leader { .. } => Vec::new(),
        }
    }
}

impl Queueing {
    /// What is called.
    pub fn call(&self) -> &QueueCall {
        &self.call
    }

    /// The writes that the member may make for it: each once at the most, or not at all. A caller
    /// that gives up, or hears of a failure, may lose its place.
    pub fn writes(&self, is_answered: bool) -> impl Iterator<Item = &Request> {
        let leaves = if is_answered { &[] } else { &self.leaves[..] };
        self.writes.iter().chain(leaves)
    }
}

impl From<QueueCall> for Queueing {
    fn from(call: QueueCall) -> Self {
        let takes_place = matches!(call, QueueCall::Lock { .. } | QueueCall::Campaign { .. });
        let place = call.key().filter(|_| takes_place);
        Self {
            writes: call.writes(),
            leaves: place.iter().map(delete).collect(),
            call,
        }
    }
}

impl QueueAnswer {
    /// Whether this is the kind of answer that `call` asks for.
    pub fn answers(&self, call: &QueueCall) -> bool {
        matches!(
            (self, call),
            (Self::Locked(_), QueueCall::Lock { .. })
                | (Self::Unlocked, QueueCall::Unlock { .. })
                | (Self::Elected { .. }, QueueCall::Campaign { .. })
                | (Self::Proclaimed, QueueCall::Proclaim { .. })
                | (Self::Resigned, QueueCall::Resign(_))
                | (Self::Leads(_), QueueCall::Leader { .. })
        )
    }
}

/// The keys that begin with `name/`.
pub fn below(name: &Blob) -> Keys {
    let with = |last: u8| Blob::from(&[name.as_bytes(), &[last]].concat()[..]);
    Keys::Span(with(b'/'), with(b'/' + 1))
}

/// The key of a lease's place below a name, for leases above 0 alone.
fn key_below(name: &Blob, lease: i64) -> Blob {
    let place = format!("/{lease:x}");
    Blob::from(&[name.as_bytes(), place.as_bytes()].concat()[..])
}

fn put_if(key: &Blob, created: i64, value: &Blob, lease: i64) -> Request {
    let put = Put {
        key: key.clone(),
        value: value.clone(),
        lease,
        prev_kv: false,
    };
    only_if(key, Relation::Equal, created, TxnOp::Put(put))
}

/// Does something if the revision that created the key compares so.
fn only_if(key: &Blob, relation: Relation, created: i64, op: TxnOp) -> Request {
    let compare = Compare {
        key: key.clone(),
        relation,
        target: CompareTarget::Create(created),
    };
    Request::Txn(Txn {
        compares: vec![compare],
        success: vec![op],
        failure: Vec::new(),
    })
}

fn delete(key: &Blob) -> Request {
    Request::Delete(Delete {
        keys: Keys::One(key.clone()),
        prev_kv: false,
    })
}
