//! Votes and logs keep raft's invariants. Election safety, at most one leader to a term, is
//! [`leadership`](super::leadership)'s, and that equal entries leave equal states is
//! [`replica_equality`](super::replica_equality)'s. Here, each in a function of its name:
//!
//! * `vote_is_kept`: a member's term never goes back, and within a term it votes once; restarts
//!   and power failures change nothing about that.
//! * `progress`: within a process, what is committed and applied never goes back.
//! * `order`: no member applies what is not committed, and all that is committed is in its log, or
//!   was until a checkpoint took its place. (What is purged may be told earlier than that it is committed.)
//! * `committed_once`: a log position is committed in one term only.
//! * `log_matching`: two logs with an entry of the same term at the same position are the same up
//!   to there. That is so if the entries of each term begin at the same position, behind entries
//!   of the same term, in every log that has them.
//! * `leader_only_appends`: while a member leads, its log only grows.
//! * `leader_completeness`: a leader's log has everything that was committed in earlier terms.
//! * `committed_on_quorum`: what somebody has applied is, from then on, in the logs of a majority.
//!
//! Looks at members as often as they were recorded, so it may miss what lasts for less. A majority
//! is one of the members that the run began with.

use std::collections::BTreeMap;

use super::{Finding, seconds};
use crate::history::{History, RaftView, Told, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let looks = looks(history);
    let committed = committed_once(history)?;
    let mut last: BTreeMap<u64, &Look<'_>> = BTreeMap::new();
    for look in &looks {
        order(look)?;
        if let Some(before) = last.insert(look.member, look) {
            vote_is_kept(before, look)?;
            progress(before, look)?;
            leader_only_appends(before, look)?;
        }
    }
    log_matching(&looks)?;
    let runs = Runs::of(&committed);
    leader_completeness(&looks, &committed, &runs)?;
    committed_on_quorum(history, &looks, &committed, &runs)
}

/// A member as it was found at one time.
struct Look<'a> {
    member: u64,
    view: &'a RaftView,
    at_ns: u64,
    record: usize,
}

/// Term, time and record of what was applied first at each log position.
type Committed = BTreeMap<u64, (u64, u64, usize)>;

fn looks(history: &History) -> Vec<Look<'_>> {
    let records = history.records().iter().enumerate();
    records
        .filter_map(|(record, entry)| look(record, entry))
        .collect()
}

fn look(record: usize, entry: &crate::history::Record) -> Option<Look<'_>> {
    match &entry.what {
        What::Told {
            member,
            told: Told::Raft(view),
        } => Some(Look {
            member: *member,
            view,
            at_ns: entry.at_ns,
            record,
        }),
        _ => None,
    }
}

fn vote_is_kept(before: &Look<'_>, now: &Look<'_>) -> Result<(), Finding> {
    let (old, new) = (before.view, now.view);
    let what = if new.term < old.term {
        format!("term {} after term {}", new.term, old.term)
    } else if new.term > old.term {
        return Ok(());
    } else if old.is_granted && !new.is_granted {
        format!("a leader of term {} and then none", old.term)
    } else if old.voted_for.is_some() && old.voted_for != new.voted_for && !new_leader(old, new) {
        format!("two votes in term {}", old.term)
    } else {
        return Ok(());
    };
    broken(now, &format!("has {what}"), [before.record])
}

/// Whether a vote that lost was given up for the leader that the majority has elected.
fn new_leader(old: &RaftView, new: &RaftView) -> bool {
    !old.is_granted && new.is_granted && new.voted_for.is_some()
}

fn progress(before: &Look<'_>, now: &Look<'_>) -> Result<(), Finding> {
    let (old, new) = (before.view, now.view);
    if old.process != new.process {
        return Ok(());
    }
    for (name, old, new) in [
        ("committed", old.committed, new.committed),
        ("applied", old.applied, new.applied),
        ("purged", old.purged, new.purged),
    ] {
        if new < old {
            let text = format!("has {name} up to {old} and then to {new}");
            return broken(now, &text, [before.record]);
        }
    }
    Ok(())
}

fn order(look: &Look<'_>) -> Result<(), Finding> {
    let view = look.view;
    for (name, less, other, more) in [
        ("applied", view.applied, "committed", view.committed),
        ("committed", view.committed, "in its log", view.last()),
    ] {
        if less > more {
            let text = format!("has {name} up to {less}, but {other} only up to {more}");
            return broken(look, &text, []);
        }
    }
    Ok(())
}

fn committed_once(history: &History) -> Result<Committed, Finding> {
    let mut committed = Committed::new();
    for (record, entry) in history.records().iter().enumerate() {
        let (What::Committed { index, term, .. } | What::Applied { index, term, .. }) = &entry.what
        else {
            continue;
        };
        let first = *committed
            .entry(*index)
            .or_insert((*term, entry.at_ns, record));
        if first.0 != *term {
            let text = format!(
                "log position {index} is committed in term {} and in term {term}",
                first.0
            );
            return Finding::err(text, [first.2, record]);
        }
    }
    Ok(committed)
}

fn log_matching(looks: &[Look<'_>]) -> Result<(), Finding> {
    // Of each term: the position before its first entry, the term of the entry there.
    let mut begins: BTreeMap<u64, ((u64, u64), &Look<'_>)> = BTreeMap::new();
    for look in looks {
        // Where the rest is purged nobody knows whether the first entry is of the term before.
        let mut before = (look.view.purged == 0).then_some((0, 0));
        for &(term, last) in &look.view.log {
            if let Some(before) = before {
                let (known, other) = *begins.entry(term).or_insert((before, look));
                if known != before {
                    let text = format!(
                        "has entries of term {term} behind position {} of term {}, n{} behind \
                         position {} of term {}",
                        before.0, before.1, other.member, known.0, known.1
                    );
                    return broken(look, &text, [other.record]);
                }
            }
            before = Some((last, term));
        }
    }
    Ok(())
}

fn leader_only_appends(before: &Look<'_>, now: &Look<'_>) -> Result<(), Finding> {
    let (old, new) = (before.view, now.view);
    let leads_on = old.leads && new.leads && (old.process, old.term) == (new.process, new.term);
    let changed = new.last() < old.last()
        || old.log.iter().any(|&(term, last)| {
            last > new.purged && new.term_at(last).is_some_and(|now| now != term)
        });
    if leads_on && changed {
        let text = format!("changed its log while it led in term {}", new.term);
        return broken(now, &text, [before.record]);
    }
    Ok(())
}

fn leader_completeness(
    looks: &[Look<'_>],
    committed: &Committed,
    runs: &Runs,
) -> Result<(), Finding> {
    // What was known to be committed by members in this term: a leader of it, or of an earlier one,
    // had committed it. A member may have a checkpoint of a later term than its vote, where its
    // power failed in between.
    let mut known: BTreeMap<u64, &Look<'_>> = BTreeMap::new();
    for look in looks {
        let last = committed.range(..=look.view.committed).next_back();
        let term = last.map_or(0, |(_, (term, ..))| *term).max(look.view.term);
        let best = known.entry(term).or_insert(look);
        if best.view.committed < look.view.committed {
            *best = look;
        }
    }
    for leader in looks.iter().filter(|look| look.view.leads) {
        let earlier = known.range(..leader.view.term);
        let Some((term, other)) = earlier.max_by_key(|(_, look)| look.view.committed) else {
            continue;
        };
        let needed = other.view.committed;
        let complete = runs.agreed(leader.view);
        if complete < needed {
            let text = format!(
                "leads in term {} without position {}, and n{} knew in term {term} that up to {needed} \
                 all is committed",
                leader.view.term,
                complete + 1,
                other.member,
            );
            return broken(leader, &text, [other.record]);
        }
    }
    Ok(())
}

/// What was committed, as first and last position of each term.
struct Runs(Vec<(u64, u64, u64)>);

impl Runs {
    fn of(committed: &Committed) -> Self {
        let mut runs: Vec<(u64, u64, u64)> = Vec::new();
        for (&index, &(term, ..)) in committed {
            match runs.last_mut() {
                Some(run) if run.2 == term => run.1 = index,
                _ => runs.push((index, index, term)),
            }
        }
        Self(runs)
    }

    /// The greatest position up to which a log has what was committed.
    fn agreed(&self, view: &RaftView) -> u64 {
        let mut agreed = view.purged;
        for &(term, last) in &view.log {
            let from = self.0.partition_point(|run| run.1 <= agreed);
            let mut inside = self.0[from..].iter().take_while(|run| run.0 <= last);
            if let Some(run) = inside.find(|run| run.2 != term) {
                return run.0.max(agreed + 1) - 1;
            }
            agreed = last;
        }
        agreed
    }
}

fn committed_on_quorum(
    history: &History,
    looks: &[Look<'_>],
    committed: &Committed,
    runs: &Runs,
) -> Result<(), Finding> {
    let majority = history.members().len() / 2 + 1;
    let may_lack = history.members().len().saturating_sub(majority);
    // From the end: what each member's log has from here on, at the least.
    let mut has: BTreeMap<u64, (u64, &Look<'_>)> = BTreeMap::new();
    let mut later = looks.iter().rev().peekable();
    let mut by_time: Vec<(&u64, &(u64, u64, usize))> = committed.iter().collect();
    by_time.sort_by_key(|(_, (_, at_ns, record))| (*at_ns, *record));
    for (&index, &(_, at_ns, record)) in by_time.into_iter().rev() {
        while let Some(look) = later.next_if(|look| look.at_ns > at_ns) {
            let agreed = runs.agreed(look.view);
            let least = has.entry(look.member).or_insert((agreed, look));
            if agreed <= least.0 {
                *least = (agreed, look);
            }
        }
        let lacking: Vec<&Look<'_>> = has
            .values()
            .filter(|(least, _)| *least < index)
            .map(|(_, look)| *look)
            .collect();
        if lacking.len() > may_lack && majority > 0 && !history.members().is_empty() {
            let names: Vec<String> = lacking
                .iter()
                .map(|look| format!("n{} at {}", look.member, seconds(look.at_ns)))
                .collect();
            let text = format!(
                "log position {index} was applied at {}, and is not in the logs of {}: a majority \
                 never had it, or lost it",
                seconds(at_ns),
                names.join(" and of ")
            );
            let records = lacking.iter().map(|look| look.record);
            return Finding::err(text, records.chain([record]));
        }
    }
    Ok(())
}

fn broken(
    look: &Look<'_>,
    text: &str,
    others: impl IntoIterator<Item = usize>,
) -> Result<(), Finding> {
    let text = format!("n{} {text}, at {}", look.member, seconds(look.at_ns));
    Finding::err(text, others.into_iter().chain([look.record]))
}
