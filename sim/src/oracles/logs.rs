//! Members warn of nothing, and report no error, without a reason.
//!
//! What an operator is told must be worth reading, so everything that members log at the levels
//! `warn` and `error` has to be in the table below, with the fault that explains it. There is no
//! entry for everything: a line that nobody thought of is a finding.

use std::collections::BTreeMap;

use super::{Finding, seconds};
use crate::history::{History, Outcome, Record, Request, Severity, Told, What};

/// How long after a fault has begun, or ended, members may still talk of it: connections are tried
/// again, elections go on. The beginning of a run counts as a fault.
const ECHO_NS: u64 = 15_000_000_000;

/// What members may log, and why.
const EXPECTED: [Expected; 19] = [
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
    // Somebody has tried a wrong password, or one that was changed meanwhile.
    warning(
        "quorate_server::api::login",
        "invalid authentication was requested",
        Reason::Login,
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
        "openraft::raft::raft_inner",
        "failed to receive from RaftCore",
        Reason::Own(&[WRITE, SYNC]),
    ),
    error(
        "openraft::raft",
        "openraft::raft::Raft<_, _>::with_raft_state",
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
    /// A client's attempt to log in at this member, which goes on or whose outcome nobody knows.
    Login,
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
    let mut past = Past {
        lasts: history.core().len() < history.members().len(),
        faults: vec![(0, "the run begins")],
        logins: BTreeMap::new(),
    };
    for (record, entry) in history.records().iter().enumerate() {
        past.note(entry);
        if let What::Told { member, told } = &entry.what
            && let Told::Logs { .. } = told
            && let Err(why) = past.explain(*member, told, entry.at_ns)
        {
            let text = format!("n{member} logs at {} what {why}", seconds(entry.at_ns));
            return Finding::err(text, [record]);
        }
    }
    Ok(())
}

/// What may explain a line.
struct Past<'a> {
    /// Members are lost for good, so that the others may speak of it at any time.
    lasts: bool,
    /// Time and words of the faults so far.
    faults: Vec<(u64, &'a str)>,
    /// Operations that are attempts to log in and are not known to be over, and where.
    logins: BTreeMap<u64, u64>,
}

impl<'a> Past<'a> {
    fn note(&mut self, entry: &'a Record) {
        match &entry.what {
            What::Fault { text } => self.faults.push((entry.at_ns, text)),
            What::Invoke {
                op,
                member,
                request: Request::Login { .. },
                ..
            } => _ = self.logins.insert(*op, *member),
            What::Return {
                op,
                outcome: Outcome::Ok(_) | Outcome::Failed(_),
            } => _ = self.logins.remove(op),
            _ => {}
        }
    }

    /// Whether a line is in the table and its reason is there.
    fn explain(&self, member: u64, told: &Told, at_ns: u64) -> Result<(), &'static str> {
        let row = EXPECTED.iter().find(|row| row.is_about(told));
        let row = row.ok_or("nobody expects")?;
        let mut faults = self.faults.iter();
        let is_there = match row.reason {
            Reason::Trouble if self.lasts => true,
            Reason::Trouble => faults.last().is_some_and(|last| at_ns <= last.0 + ECHO_NS),
            Reason::Own(words) => {
                faults.any(|(_, text)| names(text, member) && has_any(text, words))
            }
            Reason::Any(words) => faults.any(|(_, text)| has_any(text, words)),
            Reason::Login => self.logins.values().any(|at| *at == member),
        };
        if is_there {
            Ok(())
        } else {
            Err("no fault explains")
        }
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
