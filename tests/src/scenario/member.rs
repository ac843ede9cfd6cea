//! One member without a network: what its API does with a call before the state machine sees it,
//! and after. Which state machine, is open.

use std::{collections::BTreeMap, time::Duration};

use quorate_core::{
    Command, Entry, Error, Response, Valid,
    alarm::AlarmKind,
    auth::{AuthError, AuthRequest, Author, PermissionKind},
    codec::{decode_command, encode_command},
    command::Proposal,
    kv::{KeyRange, LeaseId},
    request::{DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest},
    watch::{CreateRequest, WatchResponse},
};

use super::{
    errors::Failure,
    executor::{Answer, Executor, Request, Settings, TokenKind, WatchRequest},
    state::State,
};

/// The least time to live of a lease, seconds: one and a half election timeouts, rounded up
/// (corner case 101).
const LEASE_TTL_MIN_S: i64 = 2;

/// How often the leader looks after leases.
const UPKEEP_INTERVAL: Duration = Duration::from_millis(500);

/// A member that is its own leader.
pub struct Member<S> {
    settings: Settings,
    state: S,
    index: u64,
    term: u64,
    time_ms: u64,
    /// The auth revision at which each user was given its token.
    tokens: BTreeMap<String, u64>,
    /// Who has opened each watch stream.
    streams: BTreeMap<String, Option<String>>,
}

impl<S: State> Member<S> {
    /// A member that has never run.
    pub fn start(settings: &Settings) -> Self {
        Self {
            settings: settings.clone(),
            state: S::new(settings),
            index: 0,
            term: 1,
            time_ms: 0,
            tokens: BTreeMap::new(),
            streams: BTreeMap::new(),
        }
    }

    /// Who asks, as it goes into the log.
    fn author(&self, user: Option<&str>) -> Author {
        let Some(name) = user else {
            return Author::Anonymous;
        };
        let auth_revision = match self.settings.tokens {
            TokenKind::Simple => self.state.auth_revision(),
            TokenKind::Jwt => self.tokens.get(name).copied().unwrap_or(0),
        };
        Author::User {
            name: name.to_owned(),
            auth_revision,
        }
    }

    /// Has the command agreed on, by way of its encoding, and applies it.
    fn propose(&mut self, author: &Author, command: &Command) -> Result<Response, Error> {
        let mut encoded = Vec::new();
        encode_command(author, command, &mut encoded);
        let proposal = Proposal {
            request_id: self.index,
            time_ms: 0,
            command: encoded.into(),
        };
        let stamped = Proposal::stamp(proposal.encode(), self.time_ms);
        let proposal = stamped.and_then(Proposal::decode).expect("just encoded");
        let (author, decoded) = decode_command(&proposal.command).expect("just encoded");
        assert_eq!(&decoded, command, "decoding is the opposite of encoding");
        self.index += 1;
        self.state.apply(Entry {
            index: self.index,
            term: self.term,
            time_ms: proposal.time_ms,
            author,
            command: decoded,
        })
    }

    fn answer(&mut self, author: &Author, request: Request) -> Result<Answer, Error> {
        self.state.check(&request, self.settings.max_txn_ops);
        match request {
            Request::Range { request, .. } => {
                let request = Valid::<RangeRequest>::check(request)?;
                self.state.authorize_range(author, &request)?;
                let answer = self.state.range(&request)?;
                self.not_outdated(author)?;
                Ok(Answer::Range(answer))
            }
            Request::Put(request) => {
                let command = Command::Put(Valid::<PutRequest>::check(request)?);
                self.write(author, &command)
            }
            Request::DeleteRange(request) => {
                let request = Valid::<DeleteRangeRequest>::check(request)?;
                self.write(author, &Command::DeleteRange(request))
            }
            Request::Txn(request) => self.txn(author, request),
            Request::Compact { revision, physical } => {
                self.state.authorize_admin(author)?;
                let answer = self.write(author, &Command::Compact { revision })?;
                if physical {
                    self.state.finish_compaction();
                }
                Ok(answer)
            }
            Request::HashKv { revision } => {
                self.state.authorize_admin(author)?;
                let hash = self.state.hash_kv(revision)?;
                let revision = self.state.revision();
                Ok(Answer::HashKv { revision, hash })
            }
            Request::LeaseGrant { .. }
            | Request::LeaseRevoke { .. }
            | Request::LeaseKeepAlive { .. }
            | Request::LeaseTimeToLive { .. }
            | Request::LeaseLeases => self.lease(author, request),
            Request::Alarms { kind } => {
                self.state.authorize_anyone(author)?;
                Ok(self.alarms(kind))
            }
            Request::Alarm { action, alarm } => {
                self.write(author, &Command::Alarm { action, alarm })
            }
            Request::Auth(request) => {
                // Who may not ask is told that, whatever is wrong with the request.
                self.state.authorize_admin(author)?;
                let request = Valid::<AuthRequest>::check(request)?;
                self.write(author, &Command::Auth(request))
            }
            request => self.read_auth(author, request),
        }
    }

    fn txn(&mut self, author: &Author, request: TxnRequest) -> Result<Answer, Error> {
        let request = Valid::<TxnRequest>::check(request, self.settings.max_txn_ops)?;
        if !request.is_read_only() {
            return self.write(author, &Command::Txn(request));
        }
        self.state.authorize_txn(author, &request)?;
        let answer = self.state.read_txn(&request)?;
        self.not_outdated(author)?;
        Ok(Answer::Txn(answer))
    }

    /// After a read: users and roles must not have changed since the token was given, even if the
    /// read was of nothing (contract api.md §5.2).
    fn not_outdated(&self, author: &Author) -> Result<(), AuthError> {
        let current = self.state.auth_revision();
        match author {
            Author::User { auth_revision, .. }
                if self.state.auth_enabled() && *auth_revision != current =>
            {
                Err(AuthError::AuthOldRevision)
            }
            _ => Ok(()),
        }
    }

    /// What goes through the log.
    fn write(&mut self, author: &Author, command: &Command) -> Result<Answer, Error> {
        let response = self.propose(author, command)?;
        let revision = self.state.revision();
        Ok(match response {
            Response::Put(response) => Answer::Put(response),
            Response::DeleteRange(response) => Answer::DeleteRange(response),
            Response::Txn(response) => Answer::Txn(response),
            Response::LeaseGrant { id, ttl_s } => Answer::Lease {
                revision,
                id: id.get(),
                ttl_s,
            },
            Response::Alarm { alarm } => Answer::Alarms {
                revision,
                alarms: alarm.into_iter().collect(),
            },
            _ => Answer::Done { revision },
        })
    }

    fn lease(&mut self, author: &Author, request: Request) -> Result<Answer, Error> {
        let revision = self.state.revision();
        match request {
            Request::LeaseGrant { id, ttl_s } => {
                let id = LeaseId::new(id).expect("checked when the scenario was read");
                let ttl_s = ttl_s.max(LEASE_TTL_MIN_S);
                self.write(author, &Command::LeaseGrant { id, ttl_s })
            }
            Request::LeaseRevoke { id } => {
                let id = LeaseId::new(id).ok_or(Error::LeaseNotFound)?;
                self.write(author, &Command::LeaseRevoke { id })
            }
            Request::LeaseKeepAlive { id } => {
                self.state.authorize_anyone(author)?;
                let mut ttl_s = 0;
                if let Some(id) = LeaseId::new(id) {
                    let kind = PermissionKind::Write;
                    self.state.authorize_lease_keys(author, id, kind)?;
                    ttl_s = self.keep_alive(id);
                }
                Ok(Answer::Lease {
                    revision,
                    id,
                    ttl_s,
                })
            }
            Request::LeaseTimeToLive { id, keys } => {
                self.state.authorize_anyone(author)?;
                let lease = LeaseId::new(id);
                if let (true, Some(id)) = (keys, lease) {
                    let kind = PermissionKind::Read;
                    self.state.authorize_lease_keys(author, id, kind)?;
                }
                let lease = lease.and_then(|id| self.state.lease(id));
                let attached = lease.iter().filter(|_| keys);
                Ok(Answer::TimeToLive {
                    revision,
                    id,
                    keys: attached.flat_map(|lease| lease.keys.clone()).collect(),
                    granted_ttl_s: lease.map(|lease| lease.ttl_s),
                })
            }
            _ => {
                self.state.authorize_anyone(author)?;
                self.state.authorize_all_leases(author)?;
                let ids = self.state.lease_ids();
                let ids = ids.into_iter().map(LeaseId::get).collect();
                Ok(Answer::Leases { revision, ids })
            }
        }
    }

    /// The time to live, 0 for a lease that is not there.
    fn keep_alive(&mut self, id: LeaseId) -> i64 {
        if let Some(ttl_s) = self.state.keep_alive(id, self.time_ms) {
            return ttl_s;
        }
        self.upkeep();
        let answer = self.state.keep_alive(id, self.time_ms);
        answer.expect("renewals that are replicated at once are never waited for twice")
    }

    /// What the leader proposes by itself.
    fn upkeep(&mut self) {
        for command in self.state.upkeep(self.term, self.time_ms) {
            let done = self.propose(&Author::Member, &command);
            // Where nothing may be changed, leases do not end either.
            assert!(matches!(done, Ok(_) | Err(Error::Corrupt)), "{done:?}");
        }
    }

    fn alarms(&self, kind: Option<AlarmKind>) -> Answer {
        let mut alarms = self.state.alarm_list();
        alarms.retain(|alarm| kind.is_none_or(|kind| alarm.kind == kind));
        Answer::Alarms {
            revision: self.state.revision(),
            alarms,
        }
    }

    fn read_auth(&self, author: &Author, request: Request) -> Result<Answer, Error> {
        let state = &self.state;
        let revision = state.revision();
        match request {
            Request::UserGet { name } => {
                state.authorize_user(author, &name)?;
                let names = state.user_roles(&name)?;
                Ok(Answer::Names { revision, names })
            }
            Request::UserList => {
                state.authorize_admin(author)?;
                let names = state.user_names();
                Ok(Answer::Names { revision, names })
            }
            Request::RoleGet { name } => {
                state.authorize_role(author, &name)?;
                Ok(Answer::Permissions {
                    revision,
                    permissions: state.role(&name)?,
                })
            }
            Request::RoleList => {
                state.authorize_admin(author)?;
                let names = state.role_names();
                Ok(Answer::Names { revision, names })
            }
            Request::AuthStatus => {
                state.authorize_admin(author)?;
                Ok(Answer::AuthStatus {
                    revision,
                    enabled: state.auth_enabled(),
                    auth_revision: state.auth_revision(),
                })
            }
            request => unreachable!("{request:?} is answered elsewhere"),
        }
    }

    fn authenticate(&mut self, name: &str, password: &str) -> Result<Answer, Error> {
        if self.state.password(name)? != password {
            return Err(AuthError::AuthFailed.into());
        }
        let auth_revision = self.state.auth_revision();
        self.tokens.insert(name.to_owned(), auth_revision);
        Ok(Answer::Done {
            revision: self.state.revision(),
        })
    }

    /// What a negative start revision is refused for comes before permissions, all else after.
    fn create(&mut self, stream: &str, author: &Author, request: CreateRequest) {
        let range = match &request.range {
            KeyRange::Key(key) if key.is_empty() => KeyRange::Key("\0".into()),
            range => range.clone(),
        };
        let permitted = self.state.authorize_watch(author, &range);
        match permitted {
            Err(error) if request.start_revision >= 0 => {
                let reason = Failure::from(error).to_string();
                self.state.refuse_watch(stream, reason);
            }
            _ => self.state.create_watch(stream, request),
        }
    }
}

impl<S: State> Executor for Member<S> {
    fn call(&mut self, user: Option<&str>, request: Request) -> Result<Answer, Failure> {
        let author = self.author(user);
        let answer = match request {
            Request::Authenticate { name, password } => self.authenticate(&name, &password),
            request => self.answer(&author, request),
        };
        Ok(answer?)
    }

    fn watch(&mut self, user: Option<&str>, stream: &str, request: WatchRequest) {
        if !self.streams.contains_key(stream) {
            let user = user.map(str::to_owned);
            self.streams.insert(stream.to_owned(), user);
            self.state.open(stream);
        }
        match request {
            WatchRequest::Create(request) => {
                let author = self.author(self.streams[stream].as_deref());
                self.create(stream, &author, request);
            }
            WatchRequest::Cancel { watch_id } => self.state.cancel_watch(stream, watch_id),
            WatchRequest::Progress => self.state.request_progress(stream),
        }
    }

    fn receive(&mut self, stream: &str) -> Vec<WatchResponse> {
        if self.streams.contains_key(stream) {
            self.state.receive(stream)
        } else {
            Vec::new()
        }
    }

    fn restart(&mut self) {
        self.term += 1;
        self.tokens.clear();
        self.streams.clear();
        self.state.restart(self.time_ms);
    }

    fn wait(&mut self, time: Duration) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let interval_ms = millis(self.settings.progress_notify_interval);
        let until_ms = self.time_ms + millis(time);
        while self.time_ms < until_ms {
            let step_ms = millis(UPKEEP_INTERVAL).min(until_ms - self.time_ms);
            let ticks_before = self.time_ms / interval_ms;
            self.time_ms += step_ms;
            self.upkeep();
            for _ in ticks_before..self.time_ms / interval_ms {
                self.streams
                    .keys()
                    .for_each(|stream| self.state.tick_progress(stream));
            }
        }
    }
}
