//! The quota on the size of the data: what is refused when it is reached, and what goes on.

use std::{path::Path, time::Duration};

use quorate_server::proto::etcdserverpb::{
    AlarmType, CompactionRequest, Compare, DeleteRangeRequest, PutRequest, RequestOp, TxnRequest,
    request_op::Request,
};
use tonic::{Code, Status};

use crate::harness::{Client, Cluster, Etcdctl, Peers, Port, QUORATE, eventually, peers, put, run};

const FAST: &[&str] = &["--heartbeat-interval=50", "--election-timeout=500"];

const QUOTA_BYTES: usize = 1 << 20;
const VALUE_BYTES: usize = 64 << 10;

const LIMIT: Duration = Duration::from_secs(60);

fn assert_refused<T: std::fmt::Debug>(answer: Result<T, Status>) {
    let refused = answer.expect_err("there is no room");
    let told = (refused.code(), refused.message());
    let text = "etcdserver: mvcc: database space exceeded";
    assert_eq!(told, (Code::ResourceExhausted, text));
}

/// A transaction of one operation, which comes to pass or does not.
fn txn(operation: Request, comes_to_pass: bool) -> TxnRequest {
    let operations = vec![RequestOp {
        request: Some(operation),
    }];
    let (success, failure) = match comes_to_pass {
        true => (operations, Vec::new()),
        false => (Vec::new(), operations),
    };
    TxnRequest {
        success,
        failure,
        compare: Vec::<Compare>::new(),
    }
}

fn delete(key: &str) -> DeleteRangeRequest {
    DeleteRangeRequest {
        key: key.to_owned().into(),
        ..Default::default()
    }
}

async fn raised_by(client: &Client) -> Vec<u64> {
    let alarms = client.alarms().await.expect("it serves");
    assert!(alarms.iter().all(|it| it.alarm() == AlarmType::Nospace));
    alarms.iter().map(|alarm| alarm.member_id).collect()
}

async fn fill(client: &Client) -> usize {
    let value = "x".repeat(VALUE_BYTES);
    for number in 0..=QUOTA_BYTES / VALUE_BYTES {
        let answer = client.put(&format!("k/{number:02}"), &value).await;
        if answer.is_err() {
            assert_refused(answer);
            return number;
        }
    }
    panic!("the quota is passed");
}

/// What is refused and what is not, at any member, while one has no room.
async fn assert_short(client: &Client) {
    assert_refused(client.put("k/00", "y").await);
    assert_refused(client.grant(0, 600).await);
    for comes_to_pass in [true, false] {
        let put = Request::RequestPut(put("k/00", "y"));
        assert_refused(client.kv().txn(txn(put, comes_to_pass)).await);
    }
    let found = client.get("k/00").await.expect("reads go on");
    assert_eq!(found.map_or(0, |value| value.len()), VALUE_BYTES);
    let removal = Request::RequestDeleteRange(delete("nothing"));
    let removed = client.kv().txn(txn(removal, true)).await;
    removed.expect("what only deletes goes on");
}

#[test]
fn a_full_quota_refuses_what_takes_space_until_there_is_room() {
    run(async |directory| {
        let quota = format!("--quota-backend-bytes={QUOTA_BYTES}");
        let flags = [FAST, &[quota.as_str()]].concat();
        let mut cluster = Cluster::start(&directory, 3, &flags).await;
        let client = cluster.members[0].client().clone();
        let status = client.status().await.expect("it serves");
        assert_eq!(status.db_size_quota, QUOTA_BYTES as i64);
        let count = fill(&client).await;
        assert!(count >= 14, "{count} values of 64 KiB");
        // Whoever is refused finds the alarm of the member that refused.
        let own_id = status.header.expect("a header").member_id;
        assert_eq!(raised_by(&client).await, [own_id]);
        // Before it is looked at what is wrong with it.
        let value = vec![0; VALUE_BYTES].into();
        let without_key = PutRequest {
            value,
            ..Default::default()
        };
        assert_refused(client.kv().put(without_key).await);
        for member in &cluster.members {
            assert_short(member.client()).await;
        }

        cluster.members[0].kill();
        cluster.members[0].start();
        cluster.members[0].serves().await;
        assert_short(&client).await;

        // Deleted is not gone: the history goes on taking space until it is compacted.
        let mut all = delete("k/");
        all.range_end = "k0".into();
        let deleted = client.kv().delete_range(all).await.expect("deletes go on");
        let revision = deleted.into_inner().header.expect("a header").revision;
        let physical = true;
        let compact = CompactionRequest { revision, physical };
        client.kv().compact(compact).await.expect("compacted");
        eventually("the alarm is taken back", LIMIT, async || {
            raised_by(&client).await.is_empty().then_some(())
        })
        .await;
        // What is refused until all members have heard is refused without effect.
        let next = eventually("a put is taken", LIMIT, async || {
            client.put("k/00", "y").await.ok()
        })
        .await;
        assert_eq!(next, revision + 1);
        drop(cluster);
    });
}

/// An operator's session with a member that is over its quota.
async fn session(ctl: &mut Etcdctl) {
    for line in [
        "alarm list",
        "get k",
        "put k v",
        "alarm list",
        "lease grant 60",
    ] {
        ctl.run(line).await;
    }
    for input in [
        "\nput k v\n\n\n",
        "ver(\"k\") = \"0\"\n\nput k v\n\n\n",
        "\nget k\n\n\n",
    ] {
        ctl.run_with_input("txn", input).await;
    }
    for line in [
        "alarm disarm",
        "alarm list",
        "del nothing",
        "put k v",
        "alarm list",
        "endpoint health",
        "compact 2",
        "del k",
    ] {
        ctl.run(line).await;
    }
    ctl.run_with_input("txn", "\ndel k\n\n\n").await;
}

async fn transcript(
    program: &Path,
    ports: Vec<(Port, Port)>,
    peers: &Peers,
    place: &Path,
) -> (Vec<String>, Vec<(Port, Port)>) {
    std::fs::create_dir(place).expect("writable");
    let with_log_level = [FAST, &["--log-level=error"]].concat();
    let mut cluster = Cluster::start_on(program, place, ports, &with_log_level).await;
    let value = "x".repeat(VALUE_BYTES);
    let first = cluster.members[0].client().put("k", &value).await;
    first.expect("there is room");
    // In order, or etcd applies the put once more, and then against the quota.
    cluster.members[0].stop().await;
    let ports = cluster.into_ports();
    // Less than there is.
    let with_quota = [&with_log_level[..], &["--quota-backend-bytes=20000"]].concat();
    let cluster = Cluster::start_on(program, place, ports, &with_quota).await;
    let endpoint = cluster.members[0].client_url();
    let mut etcdctl = Etcdctl::new(&peers.etcdctl, endpoint, place);
    session(&mut etcdctl).await;
    (etcdctl.into_transcript(), cluster.into_ports())
}

#[test]
fn an_operator_sees_what_etcd_would_show() {
    let Some(peers) = peers() else { return };
    run(async |directory| {
        let ports = vec![(Port::free(), Port::free())];
        let place = directory.join("etcd");
        let (etcd, ports) = transcript(&peers.etcd, ports, &peers, &place).await;
        let place = directory.join("quorate");
        let (quorate, _) = transcript(Path::new(QUORATE), ports, &peers, &place).await;
        for (etcd, quorate) in etcd.iter().zip(&quorate) {
            assert!(
                etcd == quorate,
                "\n--- etcd\n{etcd}\n--- quorate\n{quorate}"
            );
        }
        assert_eq!(etcd.len(), quorate.len());
        let refusals = quorate.iter().filter(|it| it.contains("space exceeded"));
        assert!(refusals.count() >= 5, "{quorate:?}");
    });
}
