//! Members warn of nothing, and report no error, without a reason.
//!
//! What an operator is told must be worth reading, so everything that members log at the levels
//! `warn` and `error` has to be in the table below, with the fault that explains it. There is no
//! entry for everything: a line that nobody thought of is a finding.

use super::{Finding, seconds};
use crate::history::{History, Severity, Told, What};

/// How long after a fault has begun, or ended, members may still talk of it: connections are tried
/// again, elections go on. The beginning of a run counts as a fault.
const ECHO_NS: u64 = 15_000_000_000;

/// What members may log, and why.
const EXPECTED: [Expected; 16] = [
    // A member that is down or cut off cannot be reached.
    warning(
        "quorate_server::wire::channel",
        "cannot connect to ",
        Reason::Trouble,
    ),
    // It was the leader, or too few are left.
    warning(
        "quorate_server::node::upkeep",
        "there is no leader",
        Reason::Trouble,
    ),
    // A member that has just been installed waits for the others.
    warning(
        "quorate_server::admission",
        "this member does not take part yet",
        Reason::Trouble,
    ),
    // What was being written when the power failed is cut off.
    warning(
        "quorate_server::storage::log::recovery",
        "log-",
        Reason::Own(&["loses its power", WRITE]),
    ),
    // The cluster is told not to grow while a member's disk is full.
    warning(
        "quorate_server::node::space",
        "NOSPACE alarm raised",
        Reason::Any(&[FULL]),
    ),
    error(
        "quorate_server::storage::space",
        "write ",
        Reason::Own(&[FULL]),
    ),
    // Files that no longer fit their checksums are named.
    error(
        "quorate_server::storage::checkpoint",
        "checkpoint-",
        Reason::Own(&[ROT]),
    ),
    error(
        "quorate_server::raft::snapshot::send",
        "cannot read the checkpoint",
        Reason::Own(&[ROT]),
    ),
    // A failed write ends the member: raft reports that it has failed, and that it has stopped.
    error(
        "openraft::storage::callback",
        "io_completed: IOFlushed error",
        Reason::Own(&[WRITE, SYNC]),
    ),
    error(
        "openraft::core::raft_core",
        "RaftCore::main error",
        Reason::Own(&[WRITE, SYNC]),
    ),
    error(
        "openraft::core::heartbeat::worker",
        "HeartbeatWorker(",
        Reason::Own(&[WRITE, SYNC]),
    ),
    error(
        "openraft::raft::raft_inner",
        "openraft::raft::raft_inner::RaftInner<_>::recv_msg: error",
        Reason::Own(&[WRITE, SYNC]),
    ),
    error(
        "openraft::raft::raft_inner",
        "failed to send RaftMsg",
        Reason::Own(&[WRITE, SYNC]),
    ),
    error(
        "quorate_server::raft::snapshot::receive",
        "cannot keep the snapshot",
        Reason::Own(&[WRITE, SYNC, FULL]),
    ),
    warning(
        "quorate_server::storage::checkpoint",
        "cannot remove ",
        Reason::Own(&[WRITE, SYNC]),
    ),
    warning(
        "quorate_server::storage::log::preparer",
        "cannot remove ",
        Reason::Own(&[WRITE, SYNC]),
    ),
];

const WRITE: &str = "the next write fails";
const SYNC: &str = "the next sync fails";
const FULL: &str = "bytes are left";
const ROT: &str = "flips at";

/// One row of the table.
struct Expected {
    severity: Severity,
    target: &'static str,
    /// How the line begins.
    begins: &'static str,
    reason: Reason,
}

/// What must have happened before.
enum Reason {
    /// Some fault, not long ago.
    Trouble,
    /// A fault of this member, told with any of these words.
    Own(&'static [&'static str]),
    /// Such a fault of any member.
    Any(&'static [&'static str]),
}

const fn warning(target: &'static str, begins: &'static str, reason: Reason) -> Expected {
    Expected {
        severity: Severity::Warning,
        target,
        begins,
        reason,
    }
}

const fn error(target: &'static str, begins: &'static str, reason: Reason) -> Expected {
    Expected {
        severity: Severity::Error,
        target,
        begins,
        reason,
    }
}

pub(super) fn check(history: &History) -> Result<(), Finding> {
    // Where members are lost for good, the others may speak of it at any time.
    let lasts = history.core().len() < history.members().len();
    // Time and words of the faults so far.
    let mut faults: Vec<(u64, &str)> = vec![(0, "the run begins")];
    for (record, entry) in history.records().iter().enumerate() {
        if let What::Fault { text } = &entry.what {
            faults.push((entry.at_ns, text));
        }
        let What::Told { member, told } = &entry.what else {
            continue;
        };
        if let Told::Logs { .. } = told
            && let Err(why) = explain(*member, told, entry.at_ns, &faults, lasts)
        {
            let text = format!("n{member} logs at {} what {why}", seconds(entry.at_ns));
            return Finding::err(text, [record]);
        }
    }
    Ok(())
}

/// Whether a line is in the table and its reason is there.
fn explain(
    member: u64,
    told: &Told,
    at_ns: u64,
    faults: &[(u64, &str)],
    lasts: bool,
) -> Result<(), &'static str> {
    let row = EXPECTED.iter().find(|row| row.is_about(told));
    let row = row.ok_or("nobody expects")?;
    let is_there = match row.reason {
        Reason::Trouble if lasts => true,
        Reason::Trouble => faults.last().is_some_and(|last| at_ns <= last.0 + ECHO_NS),
        Reason::Own(words) => {
            let own = faults.iter().filter(|(_, text)| names(text, member));
            own.into_iter().any(|(_, text)| has_any(text, words))
        }
        Reason::Any(words) => faults.iter().any(|(_, text)| has_any(text, words)),
    };
    if is_there {
        Ok(())
    } else {
        Err("no fault explains")
    }
}

impl Expected {
    fn is_about(&self, told: &Told) -> bool {
        matches!(told, Told::Logs { severity, target, text }
            if *severity == self.severity && target == self.target && text.starts_with(self.begins))
    }
}

fn has_any(text: &str, words: &[&str]) -> bool {
    words.iter().any(|words| text.contains(words))
}

/// Whether a fault's words name this member.
fn names(text: &str, member: u64) -> bool {
    let name = format!("n{member}");
    text.split(' ')
        .any(|word| word.trim_end_matches(':') == name)
}
