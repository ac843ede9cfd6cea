//! `grpc.health.v1.Health`.

use tonic::Code;

use super::support::{Member, assert_refused};
use crate::{
    proto::health::{
        HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
    },
    runtime,
};

fn of(service: &str) -> HealthCheckRequest {
    HealthCheckRequest {
        service: service.to_owned(),
    }
}

pub(super) async fn health_is_told_until_the_end(member: Member) {
    let mut health = HealthClient::new(member.channel());
    let checked = health.check(of("")).await.expect("an answer").into_inner();
    assert_eq!(checked.status(), ServingStatus::Serving);
    let unknown = health.check(of("etcdserverpb.KV")).await;
    assert_refused(unknown, Code::NotFound, "unknown service");

    let mut all = health.watch(of("")).await.expect("a stream").into_inner();
    let mut unknown = health.watch(of("x")).await.expect("a stream").into_inner();
    for (stream, status) in [
        (&mut all, ServingStatus::Serving),
        (&mut unknown, ServingStatus::ServiceUnknown),
    ] {
        let first = stream.message().await.expect("no error").expect("a status");
        assert_eq!(first.status(), status);
    }
    let stopped = runtime::spawn(member.server.stop());
    let last = all.message().await.expect("no error").expect("a status");
    assert_eq!(last.status(), ServingStatus::NotServing);
    for mut stream in [all, unknown] {
        let text = "etcdserver: server stopped";
        assert_refused(stream.message().await, Code::Unavailable, text);
    }
    stopped.await.expect("it stops");
}
