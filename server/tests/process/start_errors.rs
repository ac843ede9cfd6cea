//! What keeps a member from starting: an exit code that is not 0, and one line with the remedy.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::harness::{Cluster, Member, MemberSpec, Port, Process, QUORATE, run};

/// A member that cannot start says so within this time.
const REFUSAL_LIMIT: Duration = Duration::from_secs(20);

/// A member of a cluster of its own, which would start.
fn member(directory: &Path, client_port: Port, peer_port: Port) -> Member {
    let spec = MemberSpec {
        program: PathBuf::from(QUORATE),
        name: "other".to_owned(),
        directory: directory.to_owned(),
        initial_cluster: format!("other={}", peer_port.url()),
        flags: vec!["--log-level=error".to_owned()],
    };
    Member::new(spec, client_port, peer_port)
}

/// Starts `member` with these flags on top; the line that it prints before it exits with 1.
async fn refusal_of(member: &Member, flags: &[String], directory: &Path) -> String {
    let log = directory.join("refusal.log");
    let _ = fs::remove_file(&log);
    let process = Process::spawn(member.command().args(flags), &log);
    let status = process.end(REFUSAL_LIMIT).await;
    let text = fs::read_to_string(&log).expect("a log");
    assert_eq!(status.code(), Some(1), "{flags:?}: {text}");
    assert_eq!(text.lines().count(), 1, "{flags:?}: {text}");
    text.trim_end().to_owned()
}

async fn refusal(directory: &Path, flags: &[String]) -> String {
    refusal_of(
        &member(directory, Port::free(), Port::free()),
        flags,
        directory,
    )
    .await
}

#[track_caller]
fn assert_ends(line: &str, end: &str) {
    assert!(
        line.ends_with(end),
        "\n  said:     {line}\n  expected: …{end}"
    );
}

#[test]
fn what_other_processes_hold_is_not_taken() {
    run(async |directory| {
        let cluster = Cluster::start(&directory, 1, &[]).await;
        let running = &cluster.members[0];
        let taken = running.client_url();
        let address = taken.trim_start_matches("http://");

        for flag in ["--listen-client-urls", "--listen-peer-urls"] {
            let line = refusal(&directory, &[format!("{flag}={taken}")]).await;
            let end = format!(
                "{flag}: cannot listen on {address}: Address already in use (os error 98); stop \
                 the process that uses it, or give another URL"
            );
            assert_ends(&line, &end);
        }
        let data_dir = running.data_dir();
        let line = refusal(&directory, &[format!("--data-dir={}", data_dir.display())]).await;
        let end = format!(
            "data directory {}: in use by another process; stop that process, or give another \
             --data-dir",
            data_dir.display()
        );
        assert_ends(&line, &end);
    });
}

#[test]
fn data_of_others_is_not_touched() {
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 1, &[]).await;
        assert!(cluster.members[0].stop().await.success());
        let data_dir = format!("--data-dir={}", cluster.members[0].data_dir().display());
        let line = refusal(&directory, &[data_dir]).await;
        assert!(
            line.contains("data directory belongs to cluster "),
            "{line}"
        );
        assert_ends(
            &line,
            "; check --initial-cluster and --initial-cluster-token, or give another --data-dir",
        );

        let etcd = directory.join("of-etcd");
        fs::create_dir_all(etcd.join("member/wal")).expect("writable");
        fs::write(
            etcd.join("member/wal/0000000000000000-0000000000000000.wal"),
            b"x",
        )
        .expect("writable");
        let line = refusal(&directory, &[format!("--data-dir={}", etcd.display())]).await;
        let end = format!(
            "data directory holds the data of an etcd member ({}); it has to be imported first, or \
             give another --data-dir",
            etcd.join("member").display()
        );
        assert_ends(&line, &end);
    });
}

#[test]
fn data_of_another_member_of_the_cluster_is_not_taken() {
    run(async |directory| {
        let mut cluster = Cluster::start(&directory, 3, &["--log-level=error"]).await;
        for member in &mut cluster.members {
            assert!(member.stop().await.success());
        }
        let theirs = format!("--data-dir={}", cluster.members[1].data_dir().display());
        let line = refusal_of(&cluster.members[0], &[theirs], &directory).await;
        assert!(line.contains("data directory belongs to member "), "{line}");
        assert!(
            line.contains(r#" ("m2") of this cluster, not to "#),
            "{line}"
        );
        assert_ends(&line, "; give this member's own --data-dir");
    });
}

#[test]
fn a_place_where_nothing_can_be_written_is_refused() {
    run(async |directory| {
        let file = directory.join("file");
        fs::write(&file, b"").expect("writable");
        let below = file.join("data");
        let line = refusal(&directory, &[format!("--data-dir={}", below.display())]).await;
        let end = format!(
            "data directory {}: not a directory; give another --data-dir",
            below.display()
        );
        assert_ends(&line, &end);

        let sealed = directory.join("sealed");
        fs::create_dir(&sealed).expect("writable");
        fs::set_permissions(&sealed, fs::Permissions::from_mode(0o500)).expect("it is ours");
        if fs::write(sealed.join("probe"), b"").is_ok() {
            // Past the capture of the test's output: it is to be seen.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: a directory that is not writable: this user may write everywhere"
            );
            return;
        }
        let line = refusal(&directory, &[format!("--data-dir={}", sealed.display())]).await;
        let end = "not writable: Permission denied (os error 13); give this user write permission, \
                   or give another --data-dir";
        assert_ends(&line, end);
    });
}

#[test]
fn flags_that_make_no_sense_are_refused() {
    run(async |directory| {
        let line = refusal(&directory, &["--name=stranger".to_owned()]).await;
        assert!(
            line.starts_with("quorate: ") && line.contains("stranger"),
            "{line}"
        );
        assert!(line.contains("--initial-cluster"), "{line}");

        let url = "--listen-client-urls=127.0.0.1:2379".to_owned();
        let log = directory.join("refusal.log");
        let _ = fs::remove_file(&log);
        let member = member(&directory, Port::free(), Port::free());
        let process = Process::spawn(member.command().arg(url), &log);
        assert_eq!(process.end(REFUSAL_LIMIT).await.code(), Some(2));
        let text = fs::read_to_string(&log).expect("a log");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.contains("--listen-client-urls") && text.contains("127.0.0.1:2379"),
            "{text}"
        );
    });
}
