//! Services that `etcdctl` does not call, called in the same way on Quorate and on the real etcd:
//! what they answer must be equal, word for word. Where etcd cannot be had, Quorate alone is asked,
//! and compared with what is written here.

mod elections;
mod locks;
mod maintenance;
mod refusals;

use std::path::Path;

use quorate_server::proto::etcdserverpb::ResponseHeader;
use tonic::Status;

use crate::harness::{Client, Cluster, QUORATE, peers, run};

/// etcd answers at once, without a wait for stragglers of an election.
const FAST: &[&str] = &["--heartbeat-interval=50", "--election-timeout=500"];

/// What was asked and answered, a line each.
#[derive(Default)]
struct Transcript(Vec<String>);

impl Transcript {
    fn note(&mut self, line: impl Into<String>) {
        self.0.push(line.into());
    }

    /// Notes an answer as `shown`, or the refusal.
    fn answer<T>(
        &mut self,
        asked: &str,
        answer: Result<tonic::Response<T>, Status>,
        shown: impl FnOnce(T) -> String,
    ) {
        let answer = match answer {
            Ok(answer) => shown(answer.into_inner()),
            Err(status) => format!("{:?}: {}", status.code(), status.message()),
        };
        self.note(format!("{asked}: {answer}"));
    }
}

/// The header's revision: all that does not differ between two clusters.
fn at(header: Option<ResponseHeader>) -> String {
    header.map_or("no header".to_owned(), |header| {
        assert!(header.cluster_id != 0 && header.member_id != 0 && header.raft_term != 0);
        format!("@{}", header.revision)
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a session against a new member of etcd and one of Quorate; both must answer `expected`.
fn compare(expected: &str, session: impl AsyncFn(&Client, &mut Transcript)) {
    let etcd = peers().map(|peers| peers.etcd);
    let quorate = Path::new(QUORATE).to_owned();
    let servers = [("etcd", etcd), ("quorate", Some(quorate))];
    for (name, program) in servers {
        let Some(program) = program else { continue };
        run(async |directory| {
            let mut flags = FAST.to_vec();
            if name == "etcd" {
                flags.push("--log-level=error");
            }
            let cluster = Cluster::start_program(&program, &directory, 1, &flags).await;
            let mut transcript = Transcript::default();
            session(cluster.members[0].client(), &mut transcript).await;
            let transcript = transcript.0.join("\n");
            let expected = expected.trim();
            assert!(
                transcript == expected,
                "--- {name}\n{transcript}\n--- expected\n{expected}\n"
            );
        });
    }
}
