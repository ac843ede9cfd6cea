//! At one log position all members have the same state: term, revision and hash of everything
//! replicated. And all make the same of the entry there: its answer, its events, its changes of
//! leases. A member that applies a position again after a restart is held to it, too.

use std::collections::BTreeMap;

use super::{Finding, ledger::Ledger};
use crate::history::{History, Told, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let mut first: BTreeMap<u64, (&What, usize)> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        let index = match &entry.what {
            What::Applied { index, .. } => *index,
            What::Told {
                member,
                told: Told::Differs { index, text },
            } => {
                let text = format!("n{member} answers otherwise at log position {index}: {text}");
                let entry = position(history, *index);
                return Finding::err(text, entry.into_iter().chain([record]));
            }
            _ => continue,
        };
        let (other, other_record) = *first.entry(index).or_insert((&entry.what, record));
        if let Some(difference) = difference(other, &entry.what) {
            let text = format!("{difference} at log position {index}");
            return Finding::err(text, [other_record, record]);
        }
    }
    Ledger::of(history).map(drop)
}

/// What two members disagree about after the same position, in words.
fn difference(one: &What, other: &What) -> Option<String> {
    let (
        What::Applied {
            member: a,
            term,
            revision,
            state_hash,
            ..
        },
        What::Applied {
            member: b,
            term: other_term,
            revision: other_revision,
            state_hash: other_hash,
            ..
        },
    ) = (one, other)
    else {
        return None;
    };
    let what = if term != other_term {
        "entries of different terms"
    } else if revision != other_revision {
        "different revisions"
    } else if state_hash != other_hash {
        "different states"
    } else {
        return None;
    };
    Some(format!("n{a} and n{b} have {what}"))
}

/// The record of the entry at a log position.
fn position(history: &History, at: u64) -> Option<usize> {
    let is_entry = |what: &What| matches!(what, What::Committed { index, .. } if *index == at);
    let records = history.records().iter();
    records.into_iter().position(|entry| is_entry(&entry.what))
}
