//! What a call is answered with, as it came.

use quorate_server::proto::etcdserverpb::*;

/// The answer to one call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Range(RangeResponse),
    Put(PutResponse),
    DeleteRange(DeleteRangeResponse),
    Txn(TxnResponse),
    LeaseGrant(LeaseGrantResponse),
    KeepAlive(LeaseKeepAliveResponse),
    TimeToLive(LeaseTimeToLiveResponse),
    Leases(LeaseLeasesResponse),
    HashKv(HashKvResponse),
    Alarm(AlarmResponse),
    AuthStatus(AuthStatusResponse),
    Authenticate(AuthenticateResponse),
    UserGet(AuthUserGetResponse),
    UserList(AuthUserListResponse),
    RoleGet(AuthRoleGetResponse),
    RoleList(AuthRoleListResponse),
    /// The calls that answer with a header and nothing else.
    Done(Option<ResponseHeader>),
}

impl Reply {
    fn header(&mut self) -> &mut Option<ResponseHeader> {
        match self {
            Self::Range(reply) => &mut reply.header,
            Self::Put(reply) => &mut reply.header,
            Self::DeleteRange(reply) => &mut reply.header,
            Self::Txn(reply) => &mut reply.header,
            Self::LeaseGrant(reply) => &mut reply.header,
            Self::KeepAlive(reply) => &mut reply.header,
            Self::TimeToLive(reply) => &mut reply.header,
            Self::Leases(reply) => &mut reply.header,
            Self::HashKv(reply) => &mut reply.header,
            Self::Alarm(reply) => &mut reply.header,
            Self::AuthStatus(reply) => &mut reply.header,
            Self::Authenticate(reply) => &mut reply.header,
            Self::UserGet(reply) => &mut reply.header,
            Self::UserList(reply) => &mut reply.header,
            Self::RoleGet(reply) => &mut reply.header,
            Self::RoleList(reply) => &mut reply.header,
            Self::Done(header) => header,
        }
    }

    /// The header's revision.
    pub(crate) fn revision(&self) -> i64 {
        let header = self.clone().header().take();
        header.map_or(0, |header| header.revision)
    }

    /// The same without what two servers cannot agree on: ids, terms, tokens, what remains of a
    /// lease's time, and the order of what has none. Whether there is one is kept.
    pub(crate) fn normalised(mut self) -> Self {
        normalise(self.header());
        match &mut self {
            Self::Authenticate(reply) if !reply.token.is_empty() => reply.token = "TOKEN".into(),
            Self::TimeToLive(reply) => {
                reply.ttl = reply.ttl.signum();
                reply.keys.sort();
            }
            Self::Leases(reply) => reply.leases.sort_by_key(|lease| lease.id),
            Self::RoleGet(reply) => reply.perm.sort_by(|one, other| {
                (&one.key, &one.range_end, one.perm_type).cmp(&(
                    &other.key,
                    &other.range_end,
                    other.perm_type,
                ))
            }),
            _ => {}
        }
        self
    }
}

/// Keeps of ids and term only whether they are set.
pub(crate) fn normalise(header: &mut Option<ResponseHeader>) {
    if let Some(header) = header {
        header.cluster_id = header.cluster_id.min(1);
        header.member_id = header.member_id.min(1);
        header.raft_term = header.raft_term.min(1);
    }
}
