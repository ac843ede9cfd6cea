//! No queue is longer than its limit, and when all is over nothing waits any more: no proposal, no
//! read, no renewal, no lease that a leader still keeps, no response to a watch; and there are no
//! more watchers than clients have watches.
//!
//! Only for runs that had their quiet: what waits then, waits for ever.

use std::collections::BTreeMap;

use super::Finding;
use crate::history::{Fill, History, Told, What};

/// How long a member may take to hear that a client has given a watch up.
const HEARD_NS: u64 = 2_000_000_000;

pub(super) fn check(history: &History) -> Result<(), Finding> {
    // The member of each watch, and when it ended.
    let mut watches: BTreeMap<u64, (u64, Option<u64>)> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        match &entry.what {
            What::WatchOpen(watch) => {
                watches.insert(watch.watch, (watch.member, None));
            }
            What::WatchEnd { watch, .. } => {
                if let Some((_, ended_ns)) = watches.get_mut(watch) {
                    *ended_ns = Some(entry.at_ns);
                }
            }
            What::Told {
                member,
                told: Told::Fill(fill),
            } => {
                watches.retain(|_, (_, ended_ns)| {
                    ended_ns.is_none_or(|ended_ns| entry.at_ns <= ended_ns + HEARD_NS)
                });
                let open = watches.values().filter(|(at, _)| at == member).count();
                check_fill(
                    *member,
                    fill,
                    open as u64,
                    history.quiet().is_some(),
                    record,
                )?;
            }
            _ => {}
        }
    }
    Ok(())
}

fn check_fill(
    member: u64,
    fill: &Fill,
    watches: u64,
    is_quiet: bool,
    record: usize,
) -> Result<(), Finding> {
    let Fill {
        name, now, most, ..
    } = fill;
    if let Some(limit) = fill.limit.filter(|limit| most > limit) {
        let text = format!("n{member} had {most} {name}, and {limit} is the limit");
        return Finding::err(text, [record]);
    }
    let may_stay = match name.as_str() {
        "watchers" | "watch-streams" => watches,
        _ => 0,
    };
    if is_quiet && *now > may_stay {
        let text = format!("n{member} still has {now} {name} in the end, {may_stay} have a reason");
        return Finding::err(text, [record]);
    }
    Ok(())
}
