//! A watch delivers every event of its keys once, in order, whole revisions, nothing that is not
//! yet committed; with the state before where that was asked for. What it reports as progress has
//! all been delivered.
//!
//! etcd's nine guarantees, by the names that its own checks have, and what is more than these:
//!
//! | guarantee | where |
//! |---|---|
//! | filter: only what was asked for | `wrong`, `check_prev` (no state before that nobody wants) |
//! | ordered, unique | `deliver` compares with what is due next; `wrong` says which of the two is hurt |
//! | atomic: a revision comes in one response | `deliver`: all of its last revision is due |
//! | bookmarkable: progress has all been delivered | `progress` |
//! | resumable: all from the start revision on | `created`, then as for reliable |
//! | reliable: no event is left out | `deliver`, at the end [`convergence`](super::convergence) |
//! | isCreate: version and revisions of each event | `deliver` compares whole events |
//! | prevKV: exactly the state before | `check_prev` |
//! | progress never runs ahead, or before the start | `progress`, `check_time` |
//! | fragments are parts of one response | `collect`, `created`, `progress` |
//! | a watch ends for a compaction only, and says which | `compacted`, `cancelled` |
//! | nothing before it is committed | `check_time` |

use std::collections::BTreeMap;

use super::{Finding, ledger::Ledger, seconds};
use crate::history::{Event, History, Kv, Request, WatchEnd, WatchOpen, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let ledger = Ledger::of(history)?;
    let compactions = Compactions::of(history);
    let mut watches: BTreeMap<u64, Watch<'_>> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        let at = At {
            ns: entry.at_ns,
            record,
        };
        let number = match &entry.what {
            What::WatchOpen(open) => {
                watches.insert(open.watch, Watch::new(open, record));
                continue;
            }
            What::WatchCreated { watch, .. }
            | What::WatchEvents { watch, .. }
            | What::WatchProgress { watch, .. }
            | What::WatchEnd { watch, .. } => watch,
            _ => continue,
        };
        let Some(watch) = watches.get_mut(number) else {
            continue;
        };
        match &entry.what {
            What::WatchCreated { revision, .. } => watch.created(*revision, at)?,
            What::WatchEvents {
                revision,
                fragment,
                events,
                ..
            } => {
                watch.collect(*revision, events, at)?;
                if !fragment {
                    watch.deliver(&ledger, &compactions, at)?;
                }
            }
            What::WatchProgress { revision, .. } => watch.progress(*revision, &ledger, at)?,
            What::WatchEnd {
                why: WatchEnd::Compacted(revision),
                ..
            } => {
                watch.compacted(*revision, &compactions, at)?;
            }
            What::WatchEnd {
                why: WatchEnd::Cancelled(reason),
                ..
            } => {
                let text = format!("was cancelled, for no good reason: {reason}");
                return watch.broken(text, at);
            }
            _ => {}
        }
    }
    Ok(())
}

/// The record that is looked at.
#[derive(Clone, Copy)]
struct At {
    ns: u64,
    record: usize,
}

/// One watch on its way.
struct Watch<'a> {
    open: &'a WatchOpen,
    open_record: usize,
    /// The first revision that it has not delivered; `None` until it is created.
    next: Option<i64>,
    /// Events of a response that is not complete, and the revision of its header.
    part: Vec<&'a Event>,
    part_revision: i64,
    /// The last response.
    last_record: usize,
}

impl<'a> Watch<'a> {
    fn new(open: &'a WatchOpen, open_record: usize) -> Self {
        Self {
            open,
            open_record,
            next: None,
            part: Vec::new(),
            part_revision: 0,
            last_record: open_record,
        }
    }

    fn created(&mut self, revision: i64, at: At) -> Result<(), Finding> {
        if self.next.is_some() {
            return self.broken("was created twice".into(), at);
        }
        self.next = Some(match self.open.start_revision {
            0 => revision + 1,
            start => start,
        });
        Ok(())
    }

    fn collect(&mut self, revision: i64, events: &'a [Event], at: At) -> Result<(), Finding> {
        if self.next.is_none() {
            return self.broken("delivered events before it was created".into(), at);
        }
        match events.last() {
            None => return self.broken("delivered a response without events".into(), at),
            Some(event) if event.mod_revision() > revision => {
                let text = format!(
                    "delivered revision {} in a response of revision {revision}",
                    event.mod_revision()
                );
                return self.broken(text, at);
            }
            Some(_) => {}
        }
        if !self.part.is_empty() && self.part_revision != revision {
            let text = format!(
                "delivered a part of a response of revision {revision} behind one of revision {}",
                self.part_revision
            );
            return self.broken(text, at);
        }
        self.part_revision = revision;
        self.part.extend(events);
        Ok(())
    }

    /// Compares a complete response with what had to come next.
    fn deliver(
        &mut self,
        ledger: &Ledger<'_>,
        compactions: &Compactions,
        at: At,
    ) -> Result<(), Finding> {
        let events = std::mem::take(&mut self.part);
        let next = self
            .next
            .expect("events are collected only after the creation");
        let last = events.iter().map(|event| event.mod_revision()).max();
        let last = last.expect("a response with events was collected");
        let mut expected = ledger
            .between(next, last)
            .flat_map(|revision| &revision.events)
            .filter(|event| self.open.wants(event));
        for event in events {
            let told = event.without_prev();
            match expected.next() {
                Some(due) if due.without_prev() == told => {
                    self.check_prev(event, due.prev(), compactions, at)?;
                }
                due => return self.wrong(&told, due, next, ledger, at),
            }
        }
        if let Some(due) = expected.next() {
            return self.broken(format!("left out `{}`", due.without_prev()), at);
        }
        self.check_time(last, ledger, at)?;
        self.next = Some(last + 1);
        self.last_record = at.record;
        Ok(())
    }

    /// Says what is wrong with an event that is not the one that was due.
    fn wrong(
        &self,
        told: &Event,
        due: Option<&Event>,
        next: i64,
        ledger: &Ledger<'_>,
        at: At,
    ) -> Result<(), Finding> {
        let revision = told.mod_revision();
        let happened = ledger.get(revision).is_some_and(|entry| {
            entry
                .events
                .iter()
                .any(|event| event.without_prev() == *told)
        });
        let text = if !happened {
            format!("delivered `{told}`, which never happened")
        } else if !self.open.wants(told) {
            format!("delivered `{told}`, which it had not asked for")
        } else if self.open.start_revision > revision {
            format!("delivered `{told}`, which is before its start revision")
        } else if revision < next {
            format!("delivered `{told}` again, or late: revision {next} was the next one")
        } else if let Some(due) = due {
            format!("delivered `{told}` where `{}` was due", due.without_prev())
        } else {
            format!("delivered `{told}` once too often")
        };
        self.broken(text, at)
    }

    /// The state before: none where it was not asked for, else the right one; none also where
    /// compaction may have removed it.
    fn check_prev(
        &self,
        event: &Event,
        before: Option<&Kv>,
        compactions: &Compactions,
        at: At,
    ) -> Result<(), Finding> {
        let told = event.prev();
        let right = match (self.open.prev_kv, told, before) {
            (false, told, _) => told.is_none(),
            (true, None, Some(_)) => compactions.may_cover(event.mod_revision(), at.ns),
            (true, told, before) => told == before,
        };
        if right {
            return Ok(());
        }
        let before = match before {
            Some(kv) if self.open.prev_kv => kv.to_string(),
            _ => "nothing".into(),
        };
        self.broken(
            format!("told a wrong state before `{event}`: it is {before}"),
            at,
        )
    }

    fn progress(&mut self, revision: i64, ledger: &Ledger<'_>, at: At) -> Result<(), Finding> {
        let Some(next) = self.next else {
            return self.broken("reported progress before it was created".into(), at);
        };
        if !self.part.is_empty() {
            return self.broken("reported progress between parts of a response".into(), at);
        }
        if revision < self.open.start_revision {
            let text = format!("reported revision {revision}, which is before its start revision");
            return self.broken(text, at);
        }
        if revision < next - 1 {
            let text = format!("reported revision {revision} after delivering {}", next - 1);
            return self.broken(text, at);
        }
        let mut events = ledger
            .between(next, revision)
            .flat_map(|revision| &revision.events);
        if let Some(due) = events.find(|event| self.open.wants(event)) {
            let text = format!(
                "reported revision {revision} without having delivered `{}`",
                due.without_prev()
            );
            return self.broken(text, at);
        }
        self.check_time(revision, ledger, at)?;
        self.next = Some(revision + 1);
        self.last_record = at.record;
        Ok(())
    }

    /// A watch may give up only where it needs what was compacted.
    fn compacted(&self, up_to: i64, compactions: &Compactions, at: At) -> Result<(), Finding> {
        let next = self.next.unwrap_or(self.open.start_revision);
        if next >= up_to {
            let text = format!("gave up for a compaction at {up_to}, but {next} was its next one");
            return self.broken(text, at);
        }
        if !compactions.has(up_to, at.ns) {
            let text = format!("gave up for a compaction at {up_to} that nobody had asked for");
            return self.broken(text, at);
        }
        Ok(())
    }

    /// Nothing is delivered or reported before it is committed.
    fn check_time(&self, revision: i64, ledger: &Ledger<'_>, at: At) -> Result<(), Finding> {
        if !ledger.knows_commit_times() {
            return Ok(());
        }
        let text = match ledger.get(revision) {
            Some(entry) if entry.seen_ns > at.ns => {
                format!(
                    "knew revision {revision} before it was committed, at {}",
                    seconds(at.ns)
                )
            }
            None if revision > ledger.last() => {
                format!("knew revision {revision}, which was never committed")
            }
            _ => return Ok(()),
        };
        self.broken(text, at)
    }

    fn broken(&self, text: String, at: At) -> Result<(), Finding> {
        let text = format!("watch{} {text}", self.open.watch);
        Finding::err(text, [self.open_record, self.last_record, at.record])
    }
}

/// The compactions that anybody asked for.
struct Compactions {
    /// When, nanoseconds, and up to which revision.
    asked: Vec<(u64, i64)>,
}

impl Compactions {
    fn of(history: &History) -> Self {
        let asked = history
            .operations()
            .iter()
            .filter(|operation| operation.may_have_happened())
            .filter_map(|operation| match operation.request {
                Request::Compact(revision) => Some((operation.invoke_ns, *revision)),
                _ => None,
            })
            .collect();
        Self { asked }
    }

    /// Whether there may have been a compaction at just this revision.
    fn has(&self, revision: i64, at_ns: u64) -> bool {
        let asked = self.asked.iter();
        asked
            .into_iter()
            .any(|ask| ask.0 <= at_ns && ask.1 == revision)
    }

    /// Whether history below `revision` may be gone at `at_ns`.
    fn may_cover(&self, revision: i64, at_ns: u64) -> bool {
        self.asked
            .iter()
            .any(|(asked_ns, up_to)| *asked_ns <= at_ns && *up_to >= revision)
    }
}
