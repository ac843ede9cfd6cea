//! Long random histories that are right by construction: all oracles accept them, and after one
//! small lie in any of them, one rejects them.

use super::copy::{Copy, ORDINARY};
use crate::{
    history::{Blob, Body, Event, History, Kv, Outcome, Record, Response, What},
    oracles::judge,
    plan::Stream,
};

#[test]
fn all_oracles_accept_what_one_copy_does() {
    for seed in 0..15 {
        let history = Copy::run(seed, ORDINARY);
        assert!(history.operations().len() as u64 >= ORDINARY.ops);
        assert_eq!(history.validate(), Ok(()));
        let reports: Vec<_> = judge(&history).iter().map(|v| v.report(&history)).collect();
        assert!(reports.is_empty(), "seed {seed}\n{}", reports.join("\n"));
        assert_eq!(history.to_string().parse(), Ok(history));
    }
}

#[test]
fn every_lie_is_found() {
    for (name, lie) in LIES {
        for seed in 0..5 {
            let history = tell(&Copy::run(seed, ORDINARY), seed, lie);
            let history = history.expect("some record can be lied about");
            assert!(!judge(&history).is_empty(), "{name}, seed {seed}");
        }
    }
}

/// Lies, and what each one says.
pub(super) const LIES: [(&str, Lie); 8] = [
    ("a watch leaves an event out", leave_event_out),
    ("a watch delivers an event twice", deliver_twice),
    ("a read finds another value", read_other_value),
    ("a read leaves a key out", read_without_key),
    ("a member applies something else", apply_other_value),
    ("a write claims another revision", claim_revision),
    ("a write is done but said to be refused", refuse),
    ("a state differs", differ),
];

/// Changes a record, where it is of the right kind; `None` where it is not.
pub(super) type Lie = fn(&mut Record) -> Option<()>;

/// `history` with one record changed by `lie`; `None` where none can be.
pub(super) fn tell(history: &History, seed: u64, lie: Lie) -> Option<History> {
    let mut records = history.records().to_vec();
    let start = Stream::new(seed, "lie").between(0, records.len() as u64 / 2) as usize;
    records[start..].iter_mut().find_map(lie)?;
    let mut changed = History::new();
    records
        .into_iter()
        .for_each(|record| changed.push(record.at_ns, record.what));
    Some(changed)
}

fn leave_event_out(record: &mut Record) -> Option<()> {
    let events = delivered(record)?;
    if events.len() < 2 {
        return None;
    }
    // Not the last one: a client that had never seen it might have resumed behind it.
    events.remove(0);
    Some(())
}

fn deliver_twice(record: &mut Record) -> Option<()> {
    let events = delivered(record)?;
    events.push(events.last()?.clone());
    Some(())
}

fn read_other_value(record: &mut Record) -> Option<()> {
    found(record)?.first_mut()?.value = Blob::from("lie");
    Some(())
}

fn read_without_key(record: &mut Record) -> Option<()> {
    found(record)?.pop().map(drop)
}

fn apply_other_value(record: &mut Record) -> Option<()> {
    let What::Committed { events, .. } = &mut record.what else {
        return None;
    };
    let Some(Event::Put { kv, .. }) = events.first_mut() else {
        return None;
    };
    kv.value = Blob::from("lie");
    Some(())
}

fn claim_revision(record: &mut Record) -> Option<()> {
    let response = acknowledged(record).filter(|response| response.body.wrote())?;
    response.revision += 1;
    Some(())
}

fn refuse(record: &mut Record) -> Option<()> {
    acknowledged(record).filter(|response| response.body.wrote())?;
    let What::Return { outcome, .. } = &mut record.what else {
        return None;
    };
    *outcome = Outcome::Failed("no".into());
    Some(())
}

fn differ(record: &mut Record) -> Option<()> {
    let What::Applied { state_hash, .. } = &mut record.what else {
        return None;
    };
    *state_hash ^= 1;
    Some(())
}

fn delivered(record: &mut Record) -> Option<&mut Vec<Event>> {
    match &mut record.what {
        What::WatchEvents { events, .. } => Some(events),
        _ => None,
    }
}

fn acknowledged(record: &mut Record) -> Option<&mut Response> {
    match &mut record.what {
        What::Return {
            outcome: Outcome::Ok(response),
            ..
        } => Some(response),
        _ => None,
    }
}

fn found(record: &mut Record) -> Option<&mut Vec<Kv>> {
    match &mut acknowledged(record)?.body {
        Body::Range { kvs, .. } => Some(kvs),
        _ => None,
    }
}
