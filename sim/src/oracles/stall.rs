//! What a cluster that does not recover looks like, in words: whether it could have recovered at
//! all, and if so where it stands.

use std::collections::BTreeMap;

use crate::history::{History, RaftView, Told, What};

/// Why the members that must recover do not, by what is known of them last.
pub(super) fn describe(history: &History) -> String {
    let core = history.core();
    let majority = history.members().len() / 2 + 1;
    let last = last_views(history);
    let stopped = stopped(history);
    let up: Vec<u64> = core
        .iter()
        .copied()
        .filter(|member| !stopped.contains_key(member))
        .collect();
    let reasons: Vec<String> = core
        .iter()
        .filter_map(|member| Some(format!("n{member}: {}", stopped.get(member)?)))
        .collect();
    if up.len() < majority {
        return format!("no quorum: members have stopped, {}", reasons.join("; "));
    }
    let views = || {
        up.iter()
            .filter_map(|member| Some((*member, *last.get(member)?)))
    };
    let newest = views().map(|(_, view)| view.term).max().unwrap_or(0);
    let leader = views().find(|(_, view)| view.leads && view.term == newest);
    let outside = last
        .iter()
        .find(|(member, view)| view.leads && view.term == newest && !core.contains(member));
    let text = match (leader, outside) {
        (None, None) => format!("no leader: nobody leads in term {newest}, the newest one"),
        (None, Some((member, _))) => {
            format!("n{member} leads, which is broken for good, and nobody takes over")
        }
        (Some((member, view)), _) if view.committed < view.last() => format!(
            "no progress: n{member} leads in term {newest}, and of {} entries {} are committed",
            view.last(),
            view.committed
        ),
        (Some((member, view)), _) => {
            match views().find(|(_, other)| other.applied < view.applied) {
                Some((behind, other)) => format!(
                    "n{behind} lags: it has applied {} entries of {} that n{member} has, which leads",
                    other.applied, view.applied
                ),
                None => format!("members agree: n{member} leads in term {newest}"),
            }
        }
    };
    if reasons.is_empty() {
        text
    } else {
        format!("{text}; stopped: {}", reasons.join("; "))
    }
}

fn last_views(history: &History) -> BTreeMap<u64, &RaftView> {
    let told = history
        .records()
        .iter()
        .filter_map(|entry| match &entry.what {
            What::Told {
                member,
                told: Told::Raft(view),
            } => Some((*member, view)),
            _ => None,
        });
    told.collect()
}

/// The members that have ended by themselves and were not started again, with the reason.
fn stopped(history: &History) -> BTreeMap<u64, &str> {
    let mut stopped = BTreeMap::new();
    for entry in history.records() {
        let What::Fault { text } = &entry.what else {
            continue;
        };
        for member in history.members() {
            let name = format!("n{member} ");
            match text.strip_prefix(&name) {
                Some(rest) if rest.starts_with("halts: ") => {
                    stopped.insert(*member, rest);
                }
                Some("starts again") => {
                    stopped.remove(member);
                }
                _ => {}
            }
        }
    }
    stopped
}
