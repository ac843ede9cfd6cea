//! What a scenario asks, and what whoever runs it answers: all that a gRPC client can see, and
//! nothing else.

use std::time::Duration;

use bytes::Bytes;
use quorate_core::{
    alarm::{Alarm, AlarmAction, AlarmKind},
    auth::{AuthRequest, Permission},
    request::{DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest},
    response::{DeleteRangeResponse, HashKv, PutResponse, RangeResponse, TxnResponse},
    watch::{CreateRequest, WatchResponse},
};

use super::errors::Failure;

/// Something that behaves like one etcd server with its clients.
pub trait Executor {
    /// Asks something on behalf of a user who has logged in, or of nobody.
    ///
    /// # Errors
    ///
    /// What the server refuses, in etcd's words.
    fn call(&mut self, user: Option<&str>, request: Request) -> Result<Answer, Failure>;

    /// Sends a request on a watch stream, which is opened if it is not there. A stream keeps the
    /// user who opened it.
    fn watch(&mut self, user: Option<&str>, stream: &str, request: WatchRequest);

    /// Everything that has come on a stream since it was last asked, until it is silent.
    fn receive(&mut self, stream: &str) -> Vec<WatchResponse>;

    /// Stops the server and starts it again. All streams end, users have to log in again.
    fn restart(&mut self);

    /// Lets time pass.
    fn wait(&mut self, time: Duration);

    /// Whether this is etcd itself, which answers otherwise where a scenario says so.
    fn is_reference(&self) -> bool {
        false
    }
}

/// The flags that the server is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `--max-txn-ops`.
    pub max_txn_ops: usize,
    /// `--max-request-bytes`.
    pub max_request_bytes: usize,
    /// `--auth-token`.
    pub tokens: TokenKind,
    /// `--watch-progress-notify-interval`.
    pub progress_notify_interval: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_txn_ops: 128,
            max_request_bytes: 1_572_864,
            tokens: TokenKind::Simple,
            progress_notify_interval: Duration::from_secs(600),
        }
    }
}

/// What a user gets for name and password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// A token that always stands for the current auth revision.
    Simple,
    /// A token that stands for the auth revision at which it was given.
    Jwt,
}

/// A call. Numbers that the core has types for are plain here, so that any can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// KV/Range.
    Range {
        /// The read.
        request: RangeRequest,
        /// Whether this member's own state will do.
        serializable: bool,
    },
    /// KV/Put.
    Put(PutRequest),
    /// KV/DeleteRange.
    DeleteRange(DeleteRangeRequest),
    /// KV/Txn.
    Txn(TxnRequest),
    /// KV/Compact.
    Compact {
        /// The oldest revision that stays readable.
        revision: i64,
        /// Whether to wait until the rest is gone.
        physical: bool,
    },
    /// Lease/LeaseGrant.
    LeaseGrant {
        /// Not 0: the server's choice would not be the same everywhere.
        id: i64,
        /// Time to live, seconds.
        ttl_s: i64,
    },
    /// Lease/LeaseRevoke.
    LeaseRevoke {
        /// The lease.
        id: i64,
    },
    /// Lease/LeaseKeepAlive, once.
    LeaseKeepAlive {
        /// The lease.
        id: i64,
    },
    /// Lease/LeaseTimeToLive.
    LeaseTimeToLive {
        /// The lease.
        id: i64,
        /// Whether to list its keys.
        keys: bool,
    },
    /// Lease/LeaseLeases.
    LeaseLeases,
    /// Maintenance/HashKV.
    HashKv {
        /// The revision to hash, 0 for the newest.
        revision: i64,
    },
    /// Maintenance/Alarm with action GET.
    Alarms {
        /// Only those; `None` for all.
        kind: Option<AlarmKind>,
    },
    /// Maintenance/Alarm.
    Alarm {
        /// Raise or clear.
        action: AlarmAction,
        /// Which one.
        alarm: Alarm,
    },
    /// The changes of the auth service. The password itself stands where its hash belongs.
    Auth(AuthRequest),
    /// Auth/AuthStatus.
    AuthStatus,
    /// Auth/Authenticate. The executor keeps the token for the user's next calls.
    Authenticate {
        /// The user.
        name: String,
        /// The password.
        password: String,
    },
    /// Auth/UserGet.
    UserGet {
        /// The user.
        name: String,
    },
    /// Auth/UserList.
    UserList,
    /// Auth/RoleGet.
    RoleGet {
        /// The role.
        name: String,
    },
    /// Auth/RoleList.
    RoleList,
}

/// The answer to a call. `revision` is the header's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To KV/Range.
    Range(RangeResponse),
    /// To KV/Put.
    Put(PutResponse),
    /// To KV/DeleteRange.
    DeleteRange(DeleteRangeResponse),
    /// To KV/Txn.
    Txn(TxnResponse),
    /// To what answers with a header only.
    Done {
        /// Store revision.
        revision: i64,
    },
    /// To Lease/LeaseGrant and LeaseKeepAlive.
    Lease {
        /// Store revision.
        revision: i64,
        /// The lease.
        id: i64,
        /// Granted time to live, seconds; 0 for a lease that is not there.
        ttl_s: i64,
    },
    /// To Lease/LeaseTimeToLive. What remains of the time is not shown: it depends on the moment.
    TimeToLive {
        /// Store revision.
        revision: i64,
        /// The lease.
        id: i64,
        /// Granted time to live, seconds; `None` where TTL is -1.
        granted_ttl_s: Option<i64>,
        /// Its keys, in key order.
        keys: Vec<Bytes>,
    },
    /// To Lease/LeaseLeases.
    Leases {
        /// Store revision.
        revision: i64,
        /// By id; the order on the wire goes by time.
        ids: Vec<i64>,
    },
    /// To Maintenance/HashKV.
    HashKv {
        /// Store revision.
        revision: i64,
        /// The rest.
        hash: HashKv,
    },
    /// To Maintenance/Alarm.
    Alarms {
        /// Store revision.
        revision: i64,
        /// By kind, then by member.
        alarms: Vec<Alarm>,
    },
    /// To Auth/AuthStatus.
    AuthStatus {
        /// Store revision.
        revision: i64,
        /// Whether requests are checked.
        enabled: bool,
        /// The auth revision.
        auth_revision: u64,
    },
    /// To Auth/UserGet (roles), UserList and RoleList.
    Names {
        /// Store revision.
        revision: i64,
        /// In order.
        names: Vec<String>,
    },
    /// To Auth/RoleGet.
    Permissions {
        /// Store revision.
        revision: i64,
        /// In order.
        permissions: Vec<Permission>,
    },
}

/// A message on a watch stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchRequest {
    /// Create a watcher.
    Create(CreateRequest),
    /// Cancel one.
    Cancel {
        /// Its id.
        watch_id: i64,
    },
    /// Ask how far the stream has got.
    Progress,
}
