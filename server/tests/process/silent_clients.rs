//! Watchers that do not read: they take little of the server, and nothing of each other.

use crate::harness::{Cluster, http2::Connection, run};

const SILENT_CLIENTS: usize = 40;

/// What is put: 25 MiB, which the server keeps in any case, as history.
const PUTS: usize = 400;
const VALUE_BYTES: usize = 64 << 10;

/// What waits for each in any case, in the window of HTTP/2.
const BEGINNING_BYTES: usize = 60_000;

/// What the server may take with all of them: a few responses for each. If it encoded for each what
/// that does not read, it would take 1 GiB, and half of it if it did so where HTTP/2 lets it.
const RESIDENT_MAX_BYTES: u64 = 400 << 20;

#[cfg(target_os = "linux")]
#[test]
fn clients_that_do_not_read_take_little_and_hold_up_nobody() {
    run(async |directory| {
        let cluster = Cluster::start(&directory, 1, &[]).await;
        let member = &cluster.members[0];
        let mut silent = Vec::new();
        for number in 0..SILENT_CLIENTS {
            let mut connection = Connection::open(member.client_port()).await;
            // Held back by HTTP/2, or only by TCP.
            if number % 2 == 0 {
                connection.widen().await;
            }
            connection.watch().await.expect("it watches");
            silent.push(connection);
        }
        let client = member.client();
        let mut watch = client.watch("k", 0).await.expect("it watches");
        let value = "x".repeat(VALUE_BYTES);
        for number in 0..PUTS {
            // Each call has its deadline, and so has each event.
            let revision = client.put("k", &value).await.expect("it is answered");
            let events = watch.events(1).await.expect("it comes");
            let seen = events[0].kv.as_ref().map_or(0, |kv| kv.mod_revision);
            assert_eq!((events.len(), seen), (1, revision), "put {number}");
        }
        let resident_bytes = member.resident_bytes();
        assert!(resident_bytes < RESIDENT_MAX_BYTES, "{resident_bytes}");
        // Not because the server has sent them away.
        for connection in &mut silent {
            let read = connection.reads(BEGINNING_BYTES).await;
            read.expect("its events are there");
        }
    });
}
