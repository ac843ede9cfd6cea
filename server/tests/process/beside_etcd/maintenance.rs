//! `Maintenance` and `grpc.health.v1.Health`.

use quorate_server::proto::{
    etcdserverpb::{
        CompactionRequest, DefragmentRequest, HashKvRequest, HashRequest,
        maintenance_client::MaintenanceClient,
    },
    health::{HealthCheckRequest, health_client::HealthClient},
};

use super::{at, compare};

#[test]
fn keys_are_hashed_and_space_is_given_back() {
    let expected = "
hash 0: @5 537724440 -1
hash 2: @5 2587454935 -1
hash 4: @5 2069675932 -1
hash 5: @5 537724440 -1
hash 6: OutOfRange: etcdserver: mvcc: required revision is a future revision
hash -1: @5 1084519789 -1
compacted 3
hash 0: @5 2788028894 3
hash 2: OutOfRange: etcdserver: mvcc: required revision has been compacted
hash 4: @5 1107643163 3
hash 5: @5 2788028894 3
hash 6: OutOfRange: etcdserver: mvcc: required revision is a future revision
hash -1: @5 1084519789 3
defragment: no header
hash of all: @5 true
";
    compare(expected, async |client, transcript| {
        let mut maintenance = MaintenanceClient::new(client.channel());
        for (key, value) in [("a", "1"), ("b", "2"), ("a", "3"), ("c", "4")] {
            client.put(key, value).await.expect("put");
        }
        for compacted in [None, Some(3)] {
            if let Some(revision) = compacted {
                let physical = true;
                let request = CompactionRequest { revision, physical };
                client.kv().compact(request).await.expect("compacted");
                transcript.note(format!("compacted {revision}"));
            }
            // Not the compact revision itself: of the last few, etcd remembers what it has hashed
            // before it compacted, until it is started again.
            for revision in [0, 2, 4, 5, 6, -1] {
                let hash = maintenance.hash_kv(HashKvRequest { revision }).await;
                transcript.answer(&format!("hash {revision}"), hash, |it| {
                    let (hash, compacted) = (it.hash, it.compact_revision);
                    format!("{} {hash} {compacted}", at(it.header))
                });
            }
        }
        let defragmented = maintenance.defragment(DefragmentRequest {}).await;
        transcript.answer("defragment", defragmented, |it| at(it.header));
        let hash = maintenance.hash(HashRequest {}).await;
        transcript.answer("hash of all", hash, |it| {
            format!("{} {}", at(it.header), it.hash != 0)
        });
    });
}

#[test]
fn the_server_as_a_whole_is_healthy() {
    let expected = "
check : SERVING
watch : SERVING
check etcdserverpb.KV: NotFound: unknown service
watch etcdserverpb.KV: SERVICE_UNKNOWN
";
    compare(expected, async |client, transcript| {
        for service in ["", "etcdserverpb.KV"] {
            let request = || HealthCheckRequest {
                service: service.to_owned(),
            };
            let mut health = HealthClient::new(client.channel());
            let checked = health.check(request()).await;
            transcript.answer(&format!("check {service}"), checked, |it| {
                it.status().as_str_name().to_owned()
            });
            let mut stream = health
                .watch(request())
                .await
                .expect("a stream")
                .into_inner();
            let first = stream.message().await;
            let first = first.map(|first| tonic::Response::new(first.expect("no end")));
            transcript.answer(&format!("watch {service}"), first, |it| {
                it.status().as_str_name().to_owned()
            });
        }
    });
}
