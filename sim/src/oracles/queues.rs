//! No queue is longer than its limit, and when all is over nothing waits any more: no proposal, no
//! read, no renewal, no lease that a leader still keeps, no response to a watch; and there are no
//! more watchers than clients have watches.
//!
//! Only for runs that had their quiet: what waits then, waits for ever.

use std::collections::BTreeMap;

use super::Finding;
use crate::history::{Fill, History, Told, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let mut open: BTreeMap<u64, u64> = BTreeMap::new();
    let mut member_of: BTreeMap<u64, u64> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        match &entry.what {
            What::WatchOpen(watch) => {
                member_of.insert(watch.watch, watch.member);
                *open.entry(watch.member).or_default() += 1;
            }
            What::WatchEnd { watch, .. } => {
                let of = member_of.get(watch).and_then(|member| open.get_mut(member));
                if let Some(open) = of {
                    *open -= 1;
                }
            }
            What::Told {
                member,
                told: Told::Fill(fill),
            } => {
                let watches = open.get(member).copied().unwrap_or(0);
                check_fill(*member, fill, watches, history.quiet().is_some(), record)?;
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
