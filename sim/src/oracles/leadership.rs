//! A term has at most one leader. (Raft's election safety.) By what members say when they take
//! office, and by what is found when they are looked at.

use std::collections::BTreeMap;

use super::Finding;
use crate::history::{History, Told, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let mut leaders: BTreeMap<u64, (u64, usize)> = BTreeMap::new();
    for (record, entry) in history.records().iter().enumerate() {
        let (member, term) = match &entry.what {
            What::Leader { member, term } => (*member, *term),
            What::Told {
                member,
                told: Told::Raft(view),
            } if view.leads => (*member, view.term),
            _ => continue,
        };
        let (first, first_record) = *leaders.entry(term).or_insert((member, record));
        if first != member {
            let text = format!("n{first} and n{member} both lead in term {term}");
            return Finding::err(text, [first_record, record]);
        }
    }
    Ok(())
}
