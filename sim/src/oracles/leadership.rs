//! A term has at most one leader. (Raft's election safety.)

use std::collections::BTreeMap;

use super::Finding;
use crate::history::{History, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let mut leaders: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        let What::Leader { member, term } = entry.what else {
            continue;
        };
        let (first, first_record) = *leaders.entry(term).or_insert((member, record));
        if first != member {
            let text = format!("n{first} and n{member} both lead in term {term}");
            return Finding::err(text, [first_record, record]);
        }
    }
    Ok(())
}
