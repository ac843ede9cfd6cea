//! The order that answers state and the order that a search finds: either both explain a history
//! or neither does. A disagreement is a fault of an oracle's, whatever the cluster did.

use super::{
    Finding, linearizability,
    search::{self, Found},
};
use crate::history::History;

pub(super) fn agree(history: &History) -> Result<(), Finding> {
    compare(&linearizability::check(history), &search::search(history))
}

/// What is wrong if these are the verdicts on one history.
fn compare(by_witness: &Result<(), Finding>, by_search: &Found) -> Result<(), Finding> {
    match (by_witness, by_search) {
        (Ok(()), Found::Nothing(reason, records)) => {
            let text = format!("linearizability accepts what no order explains: {reason}");
            Finding::err(text, records.iter().copied())
        }
        (Err(finding), Found::Order) => {
            let reason = &finding.explanation;
            let text = format!("an order explains what linearizability rejects: {reason}");
            Finding::err(text, finding.records.iter().copied())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_that_differ_are_a_finding() {
        let nothing = || Found::Nothing("op2 does not fit".into(), vec![1]);
        let rejected = || Finding::err("op2 is wrong", [1]);
        assert!(compare(&Ok(()), &Found::Order).is_ok());
        assert!(compare(&rejected(), &nothing()).is_ok());
        assert!(compare(&rejected(), &Found::GaveUp).is_ok());
        for finding in [
            compare(&Ok(()), &nothing()),
            compare(&rejected(), &Found::Order),
        ] {
            let finding = finding.unwrap_err();
            assert!(finding.explanation.contains("op2"));
            assert_eq!(finding.records, [1]);
        }
    }
}
