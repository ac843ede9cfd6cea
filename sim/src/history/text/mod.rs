//! The text form of a history: one line per record, read back exactly.
//!
//! ```text
//! # comment
//! 0.000000000 cluster n1 n2 n3
//! 1.000000000 op7 c1 n2 put k1 v1 lease=9 prev
//! 1.002500000 op7 ok @5 put was k1=v0@4/3/2/0
//! 1.100000000 op8 c1 n2 txn if mod(k1)=5 then put k1 v2 ; get k2 else get k1
//! 1.200000000 op8 unknown deadline
//! 1.300000000 watch3 c1 n2 open [a,b) from=5 prev
//! 1.300000000 watch3 events @5 put k1=v1@5 ; delete k2@5
//! 1.300000000 log 12 term=2 @5 put k1=v1@5 ; end 9
//! 1.300000000 auth 13 user-grant u1 r2
//! 1.300000000 op9 c1 n2 login u1 password=3
//! 1.301000000 op9 ok @5 login index=14
//! 1.301000000 c1 token op9
//! 1.300000000 n1 applied 12 term=2 @5 hash=00000000000000ab
//! 1.350000000 n1 raft process=1 term=2 vote=n1 granted leads purged=0 committed=12 applied=12 1:4 2:12
//! 1.400000000 message4 n1>n2 append term=2 after=12 entries=13..14 commit=12
//! 1.401000000 message4 arrived
//! ```
//!
//! A line begins with the time in seconds. `@5` is a revision, `[a,b)` an interval, `[a,)` one
//! without end, `key=value@mod/create/version/lease` a key at a revision, with everything from
//! the first slash on left out where the key was just created and has no lease.

mod auth;
mod parse;
mod parse_op;
mod queue;
mod words;
mod write;

use std::str::FromStr;

pub(super) use words::Words;

use super::History;

/// Text that is no history.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ParseError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for History {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut history = Self::new();
        let mut lines = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let content = content.trim();
            if content.is_empty() || content.starts_with('#') {
                continue;
            }
            let refuse = |reason| ParseError { line, reason };
            let record = parse::record(content).map_err(refuse)?;
            if record.at_ns < history.end_ns() {
                return Err(refuse("time goes back".into()));
            }
            history.push(record.at_ns, record.what);
            lines.push(line);
        }
        history.validate().map_err(|bad| ParseError {
            line: lines[bad.record],
            reason: bad.reason,
        })?;
        Ok(history)
    }
}

#[cfg(test)]
mod tests;
