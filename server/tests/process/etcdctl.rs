//! The real `etcdctl` prints the same against Quorate as against the real etcd. Both serve one
//! after the other on the same ports, so that ids derive from the same URLs and must be equal.

use std::path::Path;

use crate::harness::{Cluster, Etcdctl, Peers, Port, QUORATE, peers, run};

/// etcd answers at once, without a wait for stragglers of an election.
const FAST: &[&str] = &["--heartbeat-interval=50", "--election-timeout=500"];

#[test]
fn keys_and_transactions() {
    compare(1, keys);
}

#[test]
fn watches_and_leases() {
    compare(1, watches_then_leases);
}

#[test]
fn a_cluster_describes_itself() {
    compare(3, descriptions);
}

/// Runs a session against etcd and against Quorate, each with so many members.
fn compare(members: usize, session: impl AsyncFn(&mut Etcdctl)) {
    let Some(peers) = peers() else { return };
    run(async |directory| {
        let mut ports: Vec<_> = (0..members).map(|_| (Port::free(), Port::free())).collect();
        let mut transcripts = Vec::new();
        for (name, program) in [
            ("etcd", peers.etcd.as_path()),
            ("quorate", Path::new(QUORATE)),
        ] {
            let place = directory.join(name);
            std::fs::create_dir(&place).expect("writable");
            let mut flags = FAST.to_vec();
            if name == "etcd" {
                flags.push("--log-level=error");
            }
            let cluster = Cluster::start_on(program, &place, ports, &flags).await;
            transcripts.push(transcript(&cluster, &peers, &place, &session).await);
            ports = cluster.into_ports();
        }
        let [etcd, quorate] = &transcripts[..] else {
            panic!("two transcripts")
        };
        assert!(etcd.len() > 5, "the session asks little");
        for (etcd, quorate) in etcd.iter().zip(quorate) {
            assert!(
                etcd == quorate,
                "\n--- etcd\n{etcd}\n--- quorate\n{quorate}"
            );
        }
        assert_eq!(etcd.len(), quorate.len());
    });
}

async fn transcript(
    cluster: &Cluster,
    peers: &Peers,
    directory: &Path,
    session: &impl AsyncFn(&mut Etcdctl),
) -> Vec<String> {
    // One member, or answers would differ by who gave them.
    let endpoint = cluster.members[0].client_url();
    let mut etcdctl = Etcdctl::new(&peers.etcdctl, endpoint, directory);
    session(&mut etcdctl).await;
    etcdctl.into_transcript()
}

async fn keys(ctl: &mut Etcdctl) {
    for line in [
        "put k/1 c",
        "put k/2 b",
        "put k/3 a",
        "put k/2 bb",
        "put other x",
    ] {
        ctl.run(line).await;
    }
    ctl.run_with_input("put from-stdin", "two\nlines\n").await;
    for line in [
        "put k/3 aaa --prev-kv",
        "put k/3 --ignore-value",
        "put nothing --ignore-value",
        "put k/1 cc -w json",
        "get k/1",
        "get k/1 -w json",
        "get k/1 -w fields",
        "get k/1 --hex",
        "get k/1 --print-value-only",
        "get missing",
        "get missing -w json",
        "get --prefix k/",
        "get k/1 k/3",
        "get --from-key k/2",
        "get --prefix k/ --keys-only",
        "get --prefix k/ --count-only -w fields",
        "get --prefix k/ --sort-by VALUE",
        "get --prefix k/ --sort-by VALUE --order DESCEND",
        "get --prefix k/ --sort-by VERSION",
        "get --prefix k/ --sort-by CREATE --order DESCEND",
        "get --prefix k/ --sort-by MODIFY",
        "get --prefix k/ --limit 2 -w json",
        "get --prefix k/ --consistency s",
        "get --rev 3 --prefix k/",
        "get --rev 99 k/1",
    ] {
        ctl.run(line).await;
    }
    transactions(ctl).await;
    for line in [
        "del k/1 --prev-kv",
        "del k/1",
        "del --prefix k/ -w json",
        "get --prefix k/",
        "compact 5",
        "compact 5",
        "compact 4",
        "compact 99",
        "get --rev 3 k/1",
        "get --rev 6 k/2",
    ] {
        ctl.run(line).await;
    }
}

async fn transactions(ctl: &mut Etcdctl) {
    let holds =
        "value(\"k/1\") = \"cc\"\nver(\"k/3\") > \"1\"\n\nput k/1 ccc\nget k/1\n\nget k/2\n\n";
    let fails =
        "create(\"k/1\") = \"0\"\n\nput k/1 never\n\ndel k/2\nget k/2\nput \"k/4\" \"d d\"\n\n";
    let always = "\nget --prefix k/\n\n\n";
    for input in [holds, fails, always] {
        ctl.run_with_input("txn", input).await;
        ctl.run_with_input("txn -w json", input).await;
    }
    let twice = "\nput k/1 1\nput k/1 2\n\n\n";
    ctl.run_with_input("txn", twice).await;
    ctl.run_with_input("txn", "value(\"k/1\" = \"cc\"\n\n\n\n")
        .await;
}

async fn watches_then_leases(ctl: &mut Etcdctl) {
    for line in ["put w/a 1", "put w/b 2", "del w/a", "put other x"] {
        ctl.run(line).await;
    }
    // One thing after the other: what comes in one message depends on the time.
    let watching = ctl.watch("watch --prefix w/ --rev 2");
    watching.prints("DELETE").await;
    ctl.run("put w/b 3").await;
    watching.prints("w/b\n3\n").await;
    ctl.run("put w/end end").await;
    watching.prints("w/end\nend\n").await;
    ctl.end_watch(watching);

    let watching = ctl.watch("watch --prefix w/ --rev 3 --prev-kv -w json");
    watching.prints("\"type\":1").await;
    ctl.run("put w/b 4").await;
    watching.prints("\"mod_revision\":8").await;
    ctl.run("del w/end").await;
    watching.prints("\"mod_revision\":9").await;
    ctl.end_watch(watching);

    ctl.run("compact 6").await;
    ctl.run("watch --prefix w/ --rev 3").await;

    let lease = ctl.grant(500, "LEASE").await;
    for line in [
        format!("lease timetolive {lease} --keys"),
        format!("put l/1 x --lease={lease}"),
        "get l/1 -w json".to_owned(),
        format!("lease timetolive {lease}"),
        // One key: etcd lists several in no order.
        format!("lease timetolive {lease} --keys"),
        format!("put l/2 x --lease={lease}"),
        format!("lease keep-alive --once {lease}"),
        "lease list".to_owned(),
        "put l/3 x --lease=404".to_owned(),
        format!("lease revoke {lease}"),
        "get --prefix l/".to_owned(),
        format!("lease timetolive {lease}"),
        format!("lease keep-alive --once {lease}"),
        format!("lease revoke {lease}"),
        "lease list".to_owned(),
    ] {
        ctl.run(&line).await;
    }
}

async fn descriptions(ctl: &mut Etcdctl) {
    ctl.run("put k v").await;
    // A linearizable read at each member: from now on all are at one revision. Whichever answers
    // first is printed first.
    ctl.run_sorted("endpoint health --cluster").await;
    for line in [
        "get k -w json",
        "get k -w fields",
        "member list",
        "member list -w table",
        "member list -w json",
        "member list -w fields",
        "endpoint health",
        "endpoint status",
        "endpoint status --cluster",
        "endpoint status --cluster -w table",
        "endpoint status --cluster -w json",
        "endpoint status --cluster -w fields",
        "alarm list",
        "alarm list -w json",
    ] {
        ctl.run(line).await;
    }
}
