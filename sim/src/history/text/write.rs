//! From records to text.

use std::fmt::{self, Display, Formatter};

use crate::history::{
    Body, Compare, CompareTarget, Delete, Event, History, Keys, Kv, LeaseChange, Outcome, Put,
    Range, Record, Relation, Request, Txn, TxnOp, WatchEnd, WatchOpen, What,
};

impl Display for History {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.records()
            .iter()
            .try_for_each(|record| writeln!(f, "{record}"))
    }
}

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (seconds, rest) = (self.at_ns / 1_000_000_000, self.at_ns % 1_000_000_000);
        write!(f, "{seconds}.{rest:09} {}", self.what)
    }
}

impl Display for What {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster { members } => {
                let names: String = members.iter().map(|member| format!(" n{member}")).collect();
                write!(f, "cluster{names}")
            }
            Self::Invoke {
                op,
                client,
                member,
                request,
            } => {
                write!(f, "op{op} c{client} n{member} {request}")
            }
            Self::Return { op, outcome } => write!(f, "op{op} {outcome}"),
            Self::Token { client, login } => write_token(f, *client, *login),
            Self::Observes { client, seen } => {
                write_words(f, &format!("c{client}"), &seen.to_string())
            }
            Self::WatchOpen(open) => write!(f, "{open}"),
            Self::WatchCreated { watch, revision } => write!(f, "watch{watch} created @{revision}"),
            Self::WatchEvents {
                watch,
                revision,
                fragment,
                events,
            } => {
                let part = word(*fragment, " part");
                write!(f, "watch{watch} events @{revision}{part}")?;
                write_list(f, events)
            }
            Self::WatchProgress { watch, revision } => {
                write!(f, "watch{watch} progress @{revision}")
            }
            Self::WatchEnd { watch, why } => write!(f, "watch{watch} {why}"),
            Self::Committed {
                index,
                term,
                revision,
                events,
                leases,
            } => {
                write!(f, "log {index} term={term} @{revision}")?;
                write_changes(f, events, leases)
            }
            Self::Applied { member, .. } => write_applied(f, *member, self),
            Self::Started { member } => write!(f, "n{member} starts"),
            Self::Leader { member, term } => write!(f, "n{member} leads term={term}"),
            Self::Sent {
                message,
                from,
                to,
                text,
            } => write_words(f, &format!("message{message} n{from}>n{to}"), text),
            Self::Arrived { message } => write!(f, "message{message} arrived"),
            Self::Clock { member, rate_ppm } => write!(f, "n{member} clock ppm={rate_ppm}"),
            Self::Told { member, told } => write_words(f, &format!("n{member}"), &told.to_string()),
            Self::AuthChanged { index, change } => write!(f, "auth {index} {change}"),
            Self::ClockSkip { member, by_ms } => write!(f, "n{member} skips ms={by_ms}"),
            Self::Disputed { index, text } => write_words(f, &format!("disputed {index}"), text),
            Self::Panic { text } => write_words(f, "panic", text),
            Self::Fault { text } => write_words(f, "fault", text),
            Self::Passed { point, times } => write!(f, "passed {point} times={times}"),
            Self::Quiet { bound_ms, lost } => {
                write!(f, "quiet bound_ms={bound_ms}")?;
                f.write_str(word(!lost.is_empty(), " lost"))?;
                lost.iter().try_for_each(|member| write!(f, " n{member}"))
            }
        }
    }
}

fn write_token(f: &mut Formatter<'_>, client: u64, login: Option<u64>) -> fmt::Result {
    match login {
        Some(op) => write!(f, "c{client} token op{op}"),
        None => write!(f, "c{client} token none"),
    }
}

fn write_changes(f: &mut Formatter<'_>, events: &[Event], leases: &[LeaseChange]) -> fmt::Result {
    write_list(f, events)?;
    f.write_str(word(!events.is_empty() && !leases.is_empty(), " ;"))?;
    write_list(f, leases)
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok(response) => write!(f, "ok @{} {}", response.revision, response.body),
            Self::Failed(reason) => write_words(f, "failed", reason),
            Self::Unknown(reason) => write_words(f, "unknown", reason),
        }
    }
}

impl Display for WatchOpen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "watch{} c{} n{} open {}",
            self.watch, self.client, self.member, self.keys
        )?;
        if self.start_revision != 0 {
            write!(f, " from={}", self.start_revision)?;
        }
        f.write_str(word(self.prev_kv, " prev"))?;
        f.write_str(word(self.no_put, " no_put"))?;
        f.write_str(word(self.no_delete, " no_delete"))
    }
}

impl Display for WatchEnd {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Broken => f.write_str("broken"),
            Self::Compacted(revision) => write!(f, "compacted @{revision}"),
            Self::Cancelled(reason) => write_words(f, "cancelled", reason),
            Self::Denied => f.write_str("denied"),
        }
    }
}

impl Display for Request {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(put) => write!(f, "{put}"),
            Self::Delete(delete) => write!(f, "{delete}"),
            Self::Range(range) => write!(f, "{range}"),
            Self::Txn(txn) => write!(f, "{txn}"),
            Self::Compact(revision) => write!(f, "compact {revision}"),
            Self::LeaseGrant { lease, ttl_s } => write!(f, "grant {lease} ttl={ttl_s}"),
            Self::LeaseRevoke(lease) => write!(f, "revoke {lease}"),
            Self::LeaseKeepAlive(lease) => write!(f, "keepalive {lease}"),
            Self::LeaseTimeToLive(lease) => write!(f, "timetolive {lease}"),
            Self::Login { user, password } => write!(f, "login {user} password={password}"),
            Self::Auth(change) => write!(f, "auth {change}"),
            Self::Queue(queueing) => write!(f, "{}", queueing.call()),
        }
    }
}

impl Display for Put {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "put {} {}", self.key, self.value)?;
        if self.lease != 0 {
            write!(f, " lease={}", self.lease)?;
        }
        f.write_str(word(self.prev_kv, " prev"))
    }
}

impl Display for Delete {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "delete {}{}", self.keys, word(self.prev_kv, " prev"))
    }
}

impl Display for Range {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "get {}", self.keys)?;
        if self.revision != 0 {
            write!(f, " rev={}", self.revision)?;
        }
        if self.limit != 0 {
            write!(f, " limit={}", self.limit)?;
        }
        f.write_str(word(self.serializable, " serializable"))
    }
}

impl Display for Txn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("txn if")?;
        self.compares
            .iter()
            .try_for_each(|compare| write!(f, " {compare}"))?;
        f.write_str(" then")?;
        write_list(f, &self.success)?;
        f.write_str(" else")?;
        write_list(f, &self.failure)
    }
}

impl Display for TxnOp {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(put) => write!(f, "{put}"),
            Self::Delete(delete) => write!(f, "{delete}"),
            Self::Range(range) => write!(f, "{range}"),
        }
    }
}

impl Display for Compare {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let relation = match self.relation {
            Relation::Equal => "=",
            Relation::NotEqual => "!=",
            Relation::Greater => ">",
            Relation::Less => "<",
        };
        let key = &self.key;
        match &self.target {
            CompareTarget::Version(n) => write!(f, "version({key}){relation}{n}"),
            CompareTarget::Create(n) => write!(f, "create({key}){relation}{n}"),
            CompareTarget::Mod(n) => write!(f, "mod({key}){relation}{n}"),
            CompareTarget::Lease(n) => write!(f, "lease({key}){relation}{n}"),
            CompareTarget::Value(value) => write!(f, "value({key}){relation}{value}"),
        }
    }
}

impl Display for Keys {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(key) => write!(f, "{key}"),
            Self::Span(start, end) => write!(f, "[{start},{end})"),
            Self::From(start) => write!(f, "[{start},)"),
        }
    }
}

impl Display for Kv {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}@{}", self.key, self.value, self.mod_revision)?;
        if self.create_revision == self.mod_revision && self.version == 1 && self.lease == 0 {
            return Ok(());
        }
        write!(
            f,
            "/{}/{}/{}",
            self.create_revision, self.version, self.lease
        )
    }
}

impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { kv, .. } => write!(f, "put {kv}")?,
            Self::Delete {
                key, mod_revision, ..
            } => write!(f, "delete {key}@{mod_revision}")?,
        }
        write_was(f, self.prev())
    }
}

impl Display for LeaseChange {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Granted { lease, ttl_s } => write!(f, "grant {lease} ttl={ttl_s}"),
            Self::Renewed { lease } => write!(f, "renew {lease}"),
            Self::Ended { lease } => write!(f, "end {lease}"),
        }
    }
}

impl Display for Body {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put { prev } => {
                f.write_str("put")?;
                write_was(f, prev)
            }
            Self::Delete { deleted, prevs } => {
                write!(f, "delete deleted={deleted}")?;
                write_was(f, prevs)
            }
            Self::Range { count, more, kvs } => {
                write!(f, "get count={count}{}", word(*more, " more"))?;
                kvs.iter().try_for_each(|kv| write!(f, " {kv}"))
            }
            Self::Txn {
                succeeded,
                responses,
            } => {
                write!(f, "txn {}", if *succeeded { "then" } else { "else" })?;
                write_list(f, responses)
            }
            Self::Compact => f.write_str("compact"),
            Self::LeaseGrant { lease, ttl_s } => write!(f, "grant {lease} ttl={ttl_s}"),
            Self::LeaseRevoke => f.write_str("revoke"),
            Self::LeaseKeepAlive { ttl_s } => write!(f, "keepalive ttl={ttl_s}"),
            Self::LeaseTimeToLive {
                ttl_s,
                granted_ttl_s,
            } => {
                write!(f, "timetolive ttl={ttl_s} granted={granted_ttl_s}")
            }
            Self::Login { index: Some(index) } => write!(f, "login index={index}"),
            Self::Login { index: None } => f.write_str("login"),
            Self::Auth => f.write_str("auth"),
            Self::Queue(answer) => write!(f, "{answer}"),
        }
    }
}

/// What a member's state is after an entry.
fn write_applied(f: &mut Formatter<'_>, member: u64, what: &What) -> fmt::Result {
    let What::Applied {
        index,
        term,
        revision,
        state_hash,
        ..
    } = what
    else {
        return Ok(());
    };
    write!(f, "n{member} applied {index} term={term} @{revision} ")?;
    write!(f, "hash={state_hash:016x}")
}

/// `text` where `present`, else nothing.
fn word(present: bool, text: &'static str) -> &'static str {
    if present { text } else { "" }
}

/// ` a ; b ; c`.
fn write_list<T: Display>(f: &mut Formatter<'_>, items: &[T]) -> fmt::Result {
    items
        .iter()
        .enumerate()
        .try_for_each(|(at, item)| write!(f, "{}{item}", if at == 0 { " " } else { " ; " }))
}

/// ` was a b`, or nothing.
fn write_was<'a>(f: &mut Formatter<'_>, kvs: impl IntoIterator<Item = &'a Kv>) -> fmt::Result {
    let mut kvs = kvs.into_iter().peekable();
    f.write_str(word(kvs.peek().is_some(), " was"))?;
    kvs.try_for_each(|kv| write!(f, " {kv}"))
}

/// `kind` and the words of `text`, on one line whatever white space is between them.
fn write_words(f: &mut Formatter<'_>, kind: &str, text: &str) -> fmt::Result {
    f.write_str(kind)?;
    text.split_whitespace()
        .try_for_each(|word| write!(f, " {word}"))
}
