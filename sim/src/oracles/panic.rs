//! A run comes to its end: nothing in the members, or in the simulator, finds itself at fault.

use super::Finding;
use crate::history::{History, What};

pub(super) fn check(history: &History) -> Result<(), Finding> {
    let records = history.records().iter().enumerate();
    for (record, entry) in records {
        if let What::Panic { text } = &entry.what {
            return Finding::err(text, [record]);
        }
    }
    Ok(())
}
