//! Every entry does what the reference model says: its answer, its events, its changes of leases.
//! The comparison is made where an entry is applied, since only there its command is at hand.

use super::Finding;
use crate::history::{History, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    for (record, entry) in history.records().iter().enumerate() {
        if let What::Disputed { index, text } = &entry.what {
            let text = format!("by the model the entry at log position {index} has {text}");
            return Finding::err(text, [record]);
        }
    }
    Ok(())
}
