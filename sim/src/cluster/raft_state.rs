//! A member's vote and log, as records.

use std::{sync::Arc, time::Duration};

use madsim::time::sleep;
use quorate_server::{config::Config, node::Node, raft::RaftState};

use crate::{
    history::{RaftView, Told, What},
    recorder::Recorder,
};

/// How often a member is asked for its vote and its log.
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
