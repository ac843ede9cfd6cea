//! What every history must satisfy before an oracle looks at it.

use std::collections::{BTreeMap, BTreeSet};

use super::{History, Outcome, Request, TxnOp, What};

/// A history that contradicts itself: the recorder or the text is at fault, not the cluster.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("record {record}: {reason}")]
pub struct Malformed {
    /// The record, counted from 0.
    pub record: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl History {
    /// Checks that time does not go back, that numbers are unique, that returns and watch records
    /// belong to something, that answers are of their request's kind, and that nothing is asked
    /// that the oracles' model cannot answer.
    pub fn validate(&self) -> Result<(), Malformed> {
        let mut known = Known::default();
        let mut last_ns = 0;
        for (record, entry) in self.records().iter().enumerate() {
            let refuse = |reason: String| Malformed { record, reason };
            if entry.at_ns < last_ns {
                return Err(refuse("time goes back".into()));
            }
            last_ns = entry.at_ns;
            known.check(&entry.what).map_err(refuse)?;
        }
        Ok(())
    }
}

/// What the records so far have introduced.
#[derive(Default)]
struct Known<'a> {
    /// Operations that have not returned.
    open: BTreeMap<u64, &'a Request>,
    ops: BTreeSet<u64>,
    watches: BTreeSet<u64>,
    ended: BTreeSet<u64>,
    messages: BTreeSet<u64>,
    on_their_way: BTreeSet<u64>,
}

impl<'a> Known<'a> {
    fn check(&mut self, what: &'a What) -> Result<(), String> {
        match what {
            What::Invoke { op, request, .. } => {
                if !self.ops.insert(*op) {
                    return Err(format!("op{op} is invoked twice"));
                }
                if reads_history_in_txn(request) {
                    return Err(format!("op{op} reads an old revision inside a transaction"));
                }
                self.open.insert(*op, request);
            }
            What::Return { op, outcome } => {
                let request = self.open.remove(op);
                let request = request.ok_or_else(|| format!("op{op} returns but is not open"))?;
                if matches!(outcome, Outcome::Ok(response) if !response.body.answers(request)) {
                    return Err(format!("op{op} got the answer of another kind of request"));
                }
            }
            What::Sent { message, .. } => {
                if !self.messages.insert(*message) {
                    return Err(format!("message{message} is sent twice"));
                }
                self.on_their_way.insert(*message);
            }
            What::Arrived { message } if !self.on_their_way.remove(message) => {
                return Err(format!("message{message} is not on its way"));
            }
            What::WatchOpen(open) if !self.watches.insert(open.watch) => {
                return Err(format!("watch{} is opened twice", open.watch));
            }
            What::WatchCreated { watch, .. }
            | What::WatchEvents { watch, .. }
            | What::WatchProgress { watch, .. } => self.check_watch(*watch)?,
            What::WatchEnd { watch, .. } => {
                self.check_watch(*watch)?;
                self.ended.insert(*watch);
            }
            _ => {}
        }
        Ok(())
    }

    fn check_watch(&self, watch: u64) -> Result<(), String> {
        if !self.watches.contains(&watch) || self.ended.contains(&watch) {
            return Err(format!("watch{watch} is not open"));
        }
        Ok(())
    }
}

fn reads_history_in_txn(request: &Request) -> bool {
    let Request::Txn(txn) = request else {
        return false;
    };
    txn.ops()
        .any(|op| matches!(op, TxnOp::Range(range) if range.revision != 0))
}
