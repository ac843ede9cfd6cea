//! Corner cases that no scenario can write down, since only messages have them: what is unset,
//! undefined or half-closed, and tokens. The table in `tests/scenarios/README.md` names each test.

mod requests;
mod tokens;
mod watches;

use crate::{
    grpc::{Caller, Program, Server},
    harness::{peers, run},
};
use quorate_tests::scenario::Settings;
use tonic::Status;

/// Runs a test on Quorate, and on the real etcd where it can be had.
fn on_both(flags: &[&str], test: impl AsyncFn(&Caller, &Program)) {
    let etcd = peers().map(Program::Etcd);
    for program in [Some(Program::Quorate), etcd].into_iter().flatten() {
        on(&program, flags, &test);
    }
}

/// Runs a test on a server of its own.
fn on(program: &Program, flags: &[&str], test: impl AsyncFn(&Caller, &Program)) {
    run(async |directory| {
        let settings = Settings::default();
        let server = Server::start(program, &directory, &settings, flags).await;
        test(server.caller(), program).await;
    });
}

/// Code and text of a refusal.
fn refusal<T: std::fmt::Debug>(result: Result<T, Status>) -> (tonic::Code, String) {
    let status = result.expect_err("it is refused");
    (status.code(), status.message().to_owned())
}
