//! What a member holds, as records: its vote and its log as they change, and how full its queues
//! have been when all is over.

use std::{sync::Arc, time::Duration};

use madsim::time::sleep;
use quorate_server::{
    config::Config,
    node::{Load, Node},
    raft::RaftState,
};

use crate::{
    history::{Fill, RaftView, Told, What},
    recorder::Recorder,
};

/// How often a member is asked what it holds.
const POLL: Duration = Duration::from_millis(100);

/// Records what member `number` holds as that changes, while this process of it runs.
pub(super) async fn tell(
    number: u64,
    process: u64,
    node: Arc<Node>,
    config: Config,
    recorder: Recorder,
) {
    // Members have ids that nobody chose; they are called by their names' numbers.
    let name = |id: u64| {
        let member = config.cluster.members.iter().find(|member| member.id == id);
        member?.name.strip_prefix('n')?.parse().ok()
    };
    let mut last = None;
    while let Some(state) = node.raft_state().await {
        let view = view(process, &state, name);
        if last.as_ref() != Some(&view) {
            recorder.push(What::Told {
                member: number,
                told: Told::Raft(view.clone()),
            });
            last = Some(view);
        }
        for load in node.load() {
            recorder.fill(number, load.name, load.now as u64);
        }
        sleep(POLL).await;
    }
}

fn view(process: u64, state: &RaftState, name: impl Fn(u64) -> Option<u64>) -> RaftView {
    RaftView {
        process,
        term: state.term,
        voted_for: state.voted_for.and_then(name),
        is_granted: state.is_granted,
        leads: state.leads,
        purged: state.purged,
        log: state.log.clone(),
        committed: state.committed,
        applied: state.applied,
    }
}

/// Records how full each queue of member `number` is, and the most that was found in it.
pub(super) fn tell_fills(number: u64, node: &Node, recorder: &Recorder) {
    for Load { name, now, max } in node.load() {
        let now = now as u64;
        let fill = Fill {
            name: name.to_owned(),
            now,
            most: recorder.fill(number, name, now),
            limit: max.map(|max| max as u64),
        };
        recorder.push(What::Told {
            member: number,
            told: Told::Fill(fill),
        });
    }
}

/// Whether nothing waits in a member. Watches may be open: clients have them.
pub(super) fn is_at_rest(node: &Node) -> bool {
    let mut load = node.load().into_iter();
    load.all(|load| load.now == 0 || load.name.starts_with("watch"))
}
