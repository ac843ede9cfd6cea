//! Scenarios over gRPC.

use std::{collections::BTreeMap, path::Path, time::Duration};

use quorate_core::watch;
use quorate_server::proto::etcdserverpb::WatchResponse;
use quorate_tests::scenario::{Answer, Executor, Failure, Request, Settings, WatchRequest};
use tokio::runtime::Runtime;
use tonic::Status;

use super::{
    answers,
    reply::Reply,
    requests,
    server::{Program, Server},
    stream::Stream,
};

/// The clients of one server: users with their tokens, and streams.
pub(crate) struct Session {
    server: Server,
    tokens: BTreeMap<String, String>,
    streams: BTreeMap<String, Stream>,
    /// The newest that any answer told.
    revision: i64,
}

impl Session {
    pub(crate) fn new(server: Server) -> Self {
        Self {
            server,
            tokens: BTreeMap::new(),
            streams: BTreeMap::new(),
            revision: 1,
        }
    }

    /// Asks on behalf of a user.
    pub(crate) async fn call(
        &mut self,
        user: Option<&str>,
        request: Request,
    ) -> Result<Reply, Status> {
        let user_of = match &request {
            Request::Authenticate { name, .. } => Some(name.clone()),
            _ => None,
        };
        let token = user.and_then(|user| self.tokens.get(user));
        let caller = self.server.caller();
        let reply = caller.call(token.map(String::as_str), request).await?;
        self.revision = self.revision.max(reply.revision());
        if let (Some(name), Reply::Authenticate(reply)) = (user_of, &reply) {
            self.tokens.insert(name, reply.token.clone());
        }
        Ok(reply)
    }

    /// Sends on a stream, which is opened on behalf of the user if it is not there.
    pub(crate) fn watch(&mut self, user: Option<&str>, stream: &str, request: WatchRequest) {
        let token = user.and_then(|user| self.tokens.get(user));
        let caller = self.server.caller();
        let open = || Stream::open(caller, token.map(String::as_str));
        let stream = self.streams.entry(stream.to_owned()).or_insert_with(open);
        match request {
            WatchRequest::Create(request) => stream.create(requests::create(request)),
            WatchRequest::Cancel { watch_id } => stream.cancel(watch_id),
            WatchRequest::Progress => stream.progress(),
        }
    }

    /// All that has come on a stream.
    pub(crate) async fn receive(&mut self, stream: &str) -> Result<Vec<WatchResponse>, Status> {
        match self.streams.get_mut(stream) {
            Some(stream) => stream.receive(self.revision).await,
            None => Ok(Vec::new()),
        }
    }

    async fn restart(&mut self) {
        self.tokens.clear();
        self.streams.clear();
        self.server.restart().await;
    }
}

/// Runs a scenario on a server of its own.
pub(crate) struct GrpcExecutor {
    runtime: Runtime,
    session: Session,
    is_reference: bool,
}

impl GrpcExecutor {
    /// Starts the server.
    pub(crate) fn start(program: &Program, directory: &Path, settings: &Settings) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let server = runtime.block_on(Server::start(program, directory, settings, &[]));
        Self {
            runtime,
            session: Session::new(server),
            is_reference: matches!(program, Program::Etcd(_)),
        }
    }
}

impl Executor for GrpcExecutor {
    fn call(&mut self, user: Option<&str>, request: Request) -> Result<Answer, Failure> {
        let hashed = match request {
            Request::HashKv { revision } => revision,
            _ => 0,
        };
        let reply = self.runtime.block_on(self.session.call(user, request));
        let answer = reply.map(answers::answer).map_err(answers::failure)?;
        Ok(if self.is_reference {
            with_hash_revision(answer, hashed)
        } else {
            answer
        })
    }

    fn watch(&mut self, user: Option<&str>, stream: &str, request: WatchRequest) {
        let _inside = self.runtime.enter();
        self.session.watch(user, stream, request);
    }

    fn receive(&mut self, stream: &str) -> Vec<watch::WatchResponse> {
        let received = self.runtime.block_on(self.session.receive(stream));
        let received = received.unwrap_or_else(|status| panic!("stream {stream}: {status}"));
        received.into_iter().map(answers::watch_response).collect()
    }

    fn restart(&mut self) {
        self.runtime.block_on(self.session.restart());
    }

    fn wait(&mut self, time: Duration) {
        self.runtime
            .block_on(async { tokio::time::sleep(time).await });
    }

    fn is_reference(&self) -> bool {
        self.is_reference
    }
}

/// etcd 3.5 does not say which revision it has hashed: the one asked for, or the newest.
fn with_hash_revision(answer: Answer, asked: i64) -> Answer {
    match answer {
        Answer::HashKv { revision, mut hash } if hash.revision == 0 => {
            hash.revision = if asked == 0 { revision } else { asked };
            Answer::HashKv { revision, hash }
        }
        answer => answer,
    }
}
