//! What the page draws, as rows of numbers. Records are named by their position in the history.

use serde::Serialize;

use super::{
    About,
    bands::{Band, bands},
    keys::KeyIndex,
    rows::{Lease, Rows},
};
use crate::{
    history::{History, Operation, Outcome, Request, Stats, Txn, What},
    oracles::ORACLES,
};

/// Characters of a record that the page shows; values may be long.
const TEXT_CHARS_MAX: usize = 800;

/// Kinds of records. Their numbers are positions in this list.
const KINDS: [&str; 12] = [
    "request", "answer", "watch", "delivery", "log", "applied", "leader", "clock", "fault",
    "message", "run", "told",
];

/// The whole content of a page.
#[derive(Debug, Serialize)]
pub struct Data {
    title: String,
    seed: Option<u64>,
    command: String,
    versions: Vec<(&'static str, String)>,
    figures: String,
    /// Number of oracles that have judged.
    judges: usize,
    violations: Vec<Violation>,
    kinds: [&'static str; KINDS.len()],
    clients: Vec<u64>,
    members: Vec<u64>,
    records: Columns,
    /// Request, answer or -1, client, member, sort (see [`sort`]), outcome: 0 carried out,
    /// 1 refused, 2 unknown.
    operations: Vec<[i64; 6]>,
    /// Opening, end or -1, client, member, number.
    watches: Vec<[i64; 5]>,
    /// Position in `watches`, record, number of events.
    deliveries: Vec<[i64; 3]>,
    /// Sending, arrival or -1, sender, receiver, position in `message_kinds`.
    messages: Vec<[i64; 5]>,
    message_kinds: Vec<String>,
    leases: Vec<Lease>,
    /// Member, record, term.
    leaders: Vec<[i64; 3]>,
    bands: Vec<Band>,
    /// Record, revision: each time that the key space's revision grew.
    revisions: Vec<[i64; 2]>,
    /// Where the faults ended, if they did.
    quiet: Option<usize>,
    keys: KeyIndex,
}

/// One entry for each record.
#[derive(Debug, Default, Serialize)]
struct Columns {
    /// Nanoseconds since the record before.
    time: Vec<u64>,
    kind: Vec<usize>,
    /// The client, where it is one's record; else 0.
    client: Vec<u64>,
    /// The member, where it is one's record; else 0.
    member: Vec<u64>,
    text: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Violation {
    oracle: &'static str,
    promise: &'static str,
    explanation: String,
    records: Vec<usize>,
}

impl Data {
    /// What is to be drawn of `history`; the oracles judge it now.
    pub fn of(about: &About, history: &History) -> Self {
        let mut rows = Rows::default();
        for (record, entry) in history.records().iter().enumerate() {
            rows.add(record, &entry.what);
        }
        Self {
            title: about.title.clone(),
            seed: about.seed,
            command: about.command.clone(),
            versions: vec![
                ("Quorate", env!("CARGO_PKG_VERSION").into()),
                ("trace", format!("{:016x}", history.trace_hash())),
            ],
            figures: Stats::of(history).to_string(),
            judges: ORACLES.len(),
            violations: violations(about, history),
            kinds: KINDS,
            records: columns(history, &rows),
            operations: history.operations().iter().map(operation).collect(),
            clients: rows.clients.into_iter().collect(),
            members: rows.members.into_iter().collect(),
            watches: rows.watches,
            deliveries: rows.deliveries,
            messages: rows.messages,
            message_kinds: rows.message_kinds,
            leases: rows.leases,
            leaders: rows.leaders,
            bands: bands(history),
            revisions: rows.revisions,
            quiet: rows.quiet,
            keys: KeyIndex::of(history),
        }
    }
}

fn violations(about: &About, history: &History) -> Vec<Violation> {
    let mut violations = Vec::new();
    let mut add = |oracle, promise, explanation, records| {
        violations.push(Violation {
            oracle,
            promise,
            explanation,
            records,
        });
    };
    if let Some(panic) = &about.panic {
        let last = history.records().len().checked_sub(1);
        let promise = "A run comes to its end.";
        let records = last.into_iter().collect();
        add("panic", promise, panic.clone(), records);
        return violations;
    }
    if let Err(malformed) = history.validate() {
        let promise = "The record of a run does not contradict itself.";
        let records = vec![malformed.record];
        add("malformed", promise, malformed.reason, records);
        return violations;
    }
    for oracle in &ORACLES {
        if let Err(mut violation) = oracle.judge(history) {
            violation.records.sort_unstable();
            violation.records.dedup();
            let explanation = violation.explanation;
            add(oracle.name, oracle.promise, explanation, violation.records);
        }
    }
    violations
}

fn columns(history: &History, rows: &Rows) -> Columns {
    let mut columns = Columns::default();
    let mut last_ns = 0;
    for (entry, place) in history.records().iter().zip(&rows.places) {
        columns.time.push(entry.at_ns - last_ns);
        last_ns = entry.at_ns;
        columns.kind.push(kind(&entry.what));
        columns.client.push(place.client);
        columns.member.push(place.member);
        columns.text.push(shortened(entry.what.to_string()));
    }
    columns
}

fn shortened(mut text: String) -> String {
    if let Some((cut, _)) = text.char_indices().nth(TEXT_CHARS_MAX) {
        let left = text.len() - cut;
        text.truncate(cut);
        text += &format!("… ({left} more bytes in the trace)");
    }
    text
}

fn kind(what: &What) -> usize {
    let name = match what {
        What::Invoke { .. } | What::Token { .. } => "request",
        What::Return { .. } => "answer",
        What::WatchOpen(_)
        | What::WatchCreated { .. }
        | What::WatchEnd { .. }
        | What::Observes { .. } => "watch",
        What::WatchEvents { .. } | What::WatchProgress { .. } => "delivery",
        What::Committed { .. } | What::AuthChanged { .. } | What::Disputed { .. } => "log",
        What::Applied { .. } => "applied",
        What::Leader { .. } | What::Started { .. } => "leader",
        What::Clock { .. } | What::ClockSkip { .. } => "clock",
        What::Fault { .. } => "fault",
        What::Sent { .. } | What::Arrived { .. } => "message",
        What::Cluster { .. } | What::Quiet { .. } | What::Panic { .. } | What::Passed { .. } => {
            "run"
        }
        What::Told { .. } => "told",
    };
    KINDS
        .iter()
        .position(|known| *known == name)
        .expect("all kinds are in the list")
}

fn operation(operation: &Operation<'_>) -> [i64; 6] {
    let (answer, outcome) = match operation.end {
        Some((_, record, Outcome::Ok(_))) => (record as i64, 0),
        Some((_, record, Outcome::Failed(_))) => (record as i64, 1),
        Some((_, record, Outcome::Unknown(_))) => (record as i64, 2),
        None => (-1, 2),
    };
    [
        operation.invoke_record as i64,
        answer,
        operation.client as i64,
        operation.member as i64,
        sort(operation.request),
        outcome,
    ]
}

/// 0 reads, 1 writes, 2 concerns leases.
fn sort(request: &Request) -> i64 {
    match request {
        Request::Range(_) | Request::Login { .. } => 0,
        Request::Txn(txn) => i64::from(Txn::may_write(txn)),
        Request::Queue(queueing) => i64::from(queueing.call().key().is_some()),
        Request::Put(_) | Request::Delete(_) | Request::Compact(_) | Request::Auth(_) => 1,
        Request::LeaseGrant { .. }
        | Request::LeaseRevoke(_)
        | Request::LeaseKeepAlive(_)
        | Request::LeaseTimeToLive(_) => 2,
    }
}
