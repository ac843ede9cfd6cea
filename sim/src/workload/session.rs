//! One client's way to the members: calls with a deadline, recorded.

use std::{collections::BTreeMap, time::Duration};

use quorate_server::{
    clock,
    proto::{
        etcdserverpb::{
            AlarmRequest, AlarmType, alarm_request::AlarmAction,
            maintenance_client::MaintenanceClient, watch_client::WatchClient,
        },
        v3electionpb::election_client::ElectionClient,
    },
    wire::{Channel, ChannelOptions},
};
use tonic::{Code, Status};

use super::{
    calls::{self, Manner},
    users::{Login, Users},
};
use crate::{
    cluster::client_authority,
    history::{Body, Outcome, Request, Response, What, reason},
    plan::AlarmName,
    recorder::Recorder,
};

/// A dial takes no longer than this.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1_000);

/// Longest pause between dials that fail.
const BACKOFF_MAX: Duration = Duration::from_millis(300);

/// Silence after which a client looks whether its member is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_millis(1_000);

/// Lease ids of different clients lie so far apart.
const LEASES_PER_CLIENT: i64 = 1_000_000;

/// What is refused while an alarm is raised, in etcd's words.
const ALARMED: [&str; 2] = [
    "etcdserver: mvcc: database space exceeded",
    "etcdserver: corrupt cluster",
];

/// A client of the cluster, at one member at a time.
pub struct Session {
    client: u64,
    members: u64,
    member: u64,
    timeout: Duration,
    window_bytes: u32,
    channels: BTreeMap<u64, Channel>,
    recorder: Recorder,
    newest: i64,
    leases: i64,
    login: Login,
}

impl Session {
    /// Client number `client` of a cluster of `members`, beginning at `member`.
    pub(super) fn new(
        client: u64,
        members: u64,
        member: u64,
        timeout: Duration,
        login: Login,
        recorder: Recorder,
    ) -> Self {
        Self {
            client,
            members,
            member,
            timeout,
            window_bytes: ChannelOptions::default().stream_window_bytes,
            channels: BTreeMap::new(),
            recorder,
            newest: 0,
            leases: 0,
            login,
        }
    }

    /// The same, but no more than this may come on a stream before the client has read any of it.
    pub fn with_window(mut self, window_bytes: u32) -> Self {
        self.window_bytes = window_bytes;
        self
    }

    /// The client's number.
    pub fn client(&self) -> u64 {
        self.client
    }

    /// The member that it talks to.
    pub fn member(&self) -> u64 {
        self.member
    }

    /// The newest revision that it has been told.
    pub fn newest(&self) -> i64 {
        self.newest
    }

    /// Waits so long for an answer from now on.
    pub(super) fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Talks to this member from now on.
    pub fn go_to(&mut self, member: u64) {
        self.member = member;
    }

    /// Talks to the next member from now on.
    pub fn go_on(&mut self) {
        self.member = self.member % self.members + 1;
    }

    fn channel(&mut self) -> Channel {
        let (member, stream_window_bytes) = (self.member, self.window_bytes);
        let dial = || {
            let authority = client_authority(member).parse();
            let options = ChannelOptions {
                connect_timeout: CONNECT_TIMEOUT,
                backoff_max: BACKOFF_MAX,
                keep_alive_interval: KEEP_ALIVE_INTERVAL,
                keep_alive_while_idle: false,
                stream_window_bytes,
                ..ChannelOptions::default()
            };
            Channel::new(authority.expect("an address with a port"), options)
        };
        self.channels.entry(member).or_insert_with(dial).clone()
    }

    /// A client of the Watch service at the present member.
    pub(super) fn watch(&mut self) -> WatchClient<Channel> {
        WatchClient::new(self.channel())
    }

    /// A client of the Election service at the present member.
    pub(super) fn election(&mut self) -> ElectionClient<Channel> {
        ElectionClient::new(self.channel())
    }

    /// What its requests come with.
    pub(super) fn manner(&self) -> Manner {
        Manner {
            timeout: self.timeout,
            token: self.login.token().map(str::to_owned),
        }
    }

    /// Sends a request, waits for its outcome, and records both. Logs in before it, if the request
    /// before was refused for want of a good token.
    pub async fn execute(&mut self, request: Request) -> Outcome {
        self.log_in_if_due().await;
        let (_, outcome, _) = self.execute_as_it_is(request).await;
        if let Outcome::Failed(text) | Outcome::Unknown(text) = &outcome {
            self.hear_refusal(text);
        }
        outcome
    }

    /// Tells that a stream has ended without a word, which may be for want of a good token.
    pub(super) fn hear_nothing(&mut self) {
        self.login.want();
    }

    /// Tells what a member has said instead of an answer. Whether it asks for another token.
    pub(super) fn hear_refusal(&mut self, text: &str) -> bool {
        let for_want = [reason::NO_TOKEN, reason::BAD_TOKEN, reason::OLD_TOKEN];
        let is_for_want = for_want.iter().any(|reason| text.contains(reason));
        if is_for_want {
            self.login.want();
        }
        is_for_want
    }

    /// The users that there are.
    pub(super) fn users(&self) -> &Users {
        self.login.users()
    }

    /// Whether it does not help to log in.
    pub(super) fn is_hopeless(&self) -> bool {
        self.login.is_hopeless()
    }

    /// Gets a token, if there is need for one.
    pub(super) async fn log_in_if_due(&mut self) {
        let Some((user, password)) = self.login.due() else {
            return;
        };
        let request = Request::Login { user, password };
        let (op, outcome, token) = self.execute_as_it_is(request).await;
        match outcome {
            Outcome::Ok(_) => self.settle(Some(op), token),
            Outcome::Failed(text) if text == reason::NOT_ENABLED => self.settle(None, None),
            Outcome::Failed(text) => self.login.fail(text == reason::BAD_PASSWORD),
            Outcome::Unknown(_) => self.login.fail(false),
        }
    }

    fn settle(&mut self, login: Option<u64>, token: Option<String>) {
        self.login.settle(token);
        self.recorder.push(What::Token {
            client: self.client,
            login,
        });
    }

    /// A new lease of this client, with its time to live in seconds; `None` where none is granted.
    pub(super) async fn grant(&mut self, ttl_s: i64) -> Option<(i64, i64)> {
        self.leases += 1;
        let lease = self.client.cast_signed() * LEASES_PER_CLIENT + self.leases;
        match self.execute(Request::LeaseGrant { lease, ttl_s }).await {
            Outcome::Ok(Response {
                body: Body::LeaseGrant { ttl_s, .. },
                ..
            }) => Some((lease, ttl_s)),
            _ => None,
        }
    }

    /// The operation's number, its outcome, and the token that it got.
    async fn execute_as_it_is(&mut self, request: Request) -> (u64, Outcome, Option<String>) {
        let op = self.recorder.next_op();
        self.recorder.push(What::Invoke {
            op,
            client: self.client,
            member: self.member,
            request: request.clone(),
        });
        let call = calls::call(self.channel(), request.clone(), self.manner());
        let (outcome, token) = match clock::timeout(self.timeout, call).await {
            Ok(Ok((response, token))) => (Outcome::Ok(response), token),
            Ok(Err(status)) => (outcome(&status, Some(&request)), None),
            Err(clock::Elapsed) => (Outcome::Unknown("no answer in time".into()), None),
        };
        if let Outcome::Ok(response) = &outcome {
            self.newest = self.newest.max(response.revision);
        }
        self.recorder.push(What::Return {
            op,
            outcome: outcome.clone(),
        });
        (op, outcome, token)
    }

    /// Raises an alarm of a member or disarms it. Nothing is recorded.
    ///
    /// # Errors
    /// It was refused, or nobody knows.
    pub async fn alarm(
        &mut self,
        raises: bool,
        alarm: AlarmName,
        member_id: u64,
    ) -> Result<(), Outcome> {
        let action = match raises {
            true => AlarmAction::Activate,
            false => AlarmAction::Deactivate,
        };
        let alarm = match alarm {
            AlarmName::NoSpace => AlarmType::Nospace,
            AlarmName::Corrupt => AlarmType::Corrupt,
        };
        let request = AlarmRequest {
            action: action.into(),
            member_id,
            alarm: alarm.into(),
        };
        self.log_in_if_due().await;
        let mut maintenance = MaintenanceClient::new(self.channel());
        let call = maintenance.alarm(self.manner().within(request));
        match clock::timeout(self.timeout, call).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) => {
                self.hear_refusal(status.message());
                Err(outcome(&status, None))
            }
            Err(clock::Elapsed) => Err(Outcome::Unknown("no answer in time".into())),
        }
    }
}

/// What a client can conclude: some refusals say that nothing happened, everything else leaves
/// that open. Of a call in several steps the last one may have been refused.
fn outcome(status: &Status, request: Option<&Request>) -> Outcome {
    let text = status.message().replace('\n', " ");
    let refused = matches!(
        status.code(),
        Code::InvalidArgument
            | Code::NotFound
            | Code::FailedPrecondition
            | Code::OutOfRange
            | Code::PermissionDenied
            | Code::Unauthenticated
    );
    // No connection, so nothing was sent.
    let unsent = status.code() == Code::Unavailable && text.starts_with("cannot connect to ");
    // An alarm is raised: nothing is written.
    let in_steps = matches!(request, Some(Request::Queue(_)));
    let alarmed = ALARMED.contains(&text.as_str()) && !in_steps;
    if refused || unsent || alarmed {
        Outcome::Failed(text)
    } else {
        Outcome::Unknown(text)
    }
}
