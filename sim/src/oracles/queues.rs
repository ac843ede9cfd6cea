//! No queue is longer than its limit, and when all is over nothing waits any more: no proposal, no
//! read, no renewal, no lease that a leader still keeps, no response to a watch; and there are no
//! more watchers than clients have watches, or calls that wait with one.
//!
//! Only for runs that had their quiet: what waits then, waits for ever.

use super::Finding;
use crate::history::{Fill, History, Observation, Record, Request, Told, What};

/// How long a member may take to hear that a client has given a watch up.
const HEARD_NS: u64 = 2_000_000_000;

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let mut open = Vec::new();
    for (record, entry) in history.records().iter().enumerate() {
        note(&mut open, entry);
        if let What::Told {
            member,
            told: Told::Fill(fill),
        } = &entry.what
        {
            open.retain(|watcher| watcher.may_be_there(entry.at_ns));
            let open = open.iter().filter(|watcher| watcher.member == *member);
            let is_quiet = history.quiet().is_some();
            check_fill(*member, fill, open.count() as u64, is_quiet, record)?;
        }
    }
    Ok(())
}

/// A watcher that a client has at a member, or had.
struct Open {
    whose: Watcher,
    member: u64,
    ended_ns: Option<u64>,
}

impl Open {
    fn may_be_there(&self, at_ns: u64) -> bool {
        self.ended_ns
            .is_none_or(|ended_ns| at_ns <= ended_ns + HEARD_NS)
    }
}

fn note(open: &mut Vec<Open>, entry: &Record) {
    match watcher(&entry.what) {
        None => {}
        Some((whose, Some(member))) => open.push(Open {
            whose,
            member,
            ended_ns: None,
        }),
        Some((whose, None)) => {
            let ended = open.iter_mut().filter(|known| known.whose == whose);
            ended.for_each(|known| _ = known.ended_ns.get_or_insert(entry.at_ns));
            open.retain(|known| known.may_be_there(entry.at_ns));
        }
    }
}

/// Whoever may have a watcher at a member, by number.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Watcher {
    /// A watch.
    Watch(u64),
    /// A client that observes.
    Observer(u64),
    /// A call that waits for its turn.
    Call(u64),
}

/// The watcher of whose beginning, and at which member, or end a record tells.
fn watcher(what: &What) -> Option<(Watcher, Option<u64>)> {
    Some(match what {
        What::WatchOpen(watch) => (Watcher::Watch(watch.watch), Some(watch.member)),
        What::WatchEnd { watch, .. } => (Watcher::Watch(*watch), None),
        What::Observes { client, seen } => match seen {
            Observation::Begins { member, .. } => (Watcher::Observer(*client), Some(*member)),
            Observation::Stops { .. } => (Watcher::Observer(*client), None),
            Observation::Hears { .. } => return None,
        },
        What::Invoke {
            op,
            member,
            request: Request::Queue(_),
            ..
        } => (Watcher::Call(*op), Some(*member)),
        What::Return { op, .. } => (Watcher::Call(*op), None),
        _ => return None,
    })
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
