//! Runs a scenario against the state machine and writes it down with what came out.

use std::fmt::Write as _;

use quorate_core::{
    Applied, Command, Entry, Error, LeaseChange, Response, Restore, StateMachine, Valid,
    command::Renewal,
    kv::{Event, KeyValue},
    response::{OpResponse, RangeResponse, TxnResponse},
};

use crate::script;

/// Replays a scenario: the same text, with the answers that come out now.
pub(crate) fn replay(scenario: &str) -> String {
    let mut run = Run {
        machine: StateMachine::new(),
        term: 1,
        time_ms: 0,
        max_ops: 128,
    };
    let mut replayed = String::new();
    let mut lines = scenario.lines().peekable();
    while let Some(line) = lines.next() {
        writeln!(replayed, "{line}").unwrap();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let mut under = Vec::new();
        while let Some(line) = lines.next_if(|line| *line != "----") {
            writeln!(replayed, "{line}").unwrap();
            under.push(line);
        }
        lines.next().expect("---- follows a command");
        while lines.next_if(|line| !line.is_empty()).is_some() {}
        let answer = run.command(line, &under);
        run.machine.validate();
        write!(replayed, "----\n{answer}").unwrap();
    }
    replayed
}

/// A state machine, and what the next entry is stamped with.
struct Run {
    machine: StateMachine,
    term: u64,
    time_ms: u64,
    max_ops: usize,
}

impl Run {
    fn command(&mut self, line: &str, under: &[&str]) -> String {
        let words: Vec<&str> = line.split_whitespace().collect();
        let result = match words[..] {
            ["get", ref words @ ..] => self.get(words),
            ["txn"] => self.txn(under),
            ["history", from] => self.history(script::number(from)),
            ["lease", id] => Ok(self.lease(id)),
            ["size"] => Ok(format!("{} bytes\n", self.machine.size_bytes())),
            ["term", term] => Ok(self.set(|run| run.term = script::number(term) as u64)),
            ["time_ms", time] => Ok(self.set(|run| run.time_ms = script::number(time) as u64)),
            ["max_ops", max] => Ok(self.set(|run| run.max_ops = script::number(max) as usize)),
            ["sweep"] => Ok(self.set(|run| while run.machine.compact_step(1) {})),
            ["restore"] => Ok(self.set(Self::restore)),
            _ => write_command(&words).map(|command| self.apply(command)),
        };
        result.unwrap_or_else(|error| format!("error: {error}\n"))
    }

    fn set(&mut self, change: impl FnOnce(&mut Self)) -> String {
        change(self);
        "ok\n".to_owned()
    }

    /// Carries on with what a checkpoint says of the machine.
    fn restore(&mut self) {
        let mut restore = Restore::new();
        for chunk in self.machine.checkpoint() {
            restore.feed(&chunk).unwrap();
        }
        let restored = restore.finish().unwrap();
        assert_eq!(restored.state_hash(), self.machine.state_hash());
        self.machine = restored;
    }

    fn get(&self, words: &[&str]) -> Result<String, Error> {
        let request = Valid::<quorate_core::request::RangeRequest>::check(script::range(words))?;
        Ok(show_range(&self.machine.range(&request)?, 0))
    }

    fn txn(&mut self, under: &[&str]) -> Result<String, Error> {
        type TxnRequest = quorate_core::request::TxnRequest;
        let request = Valid::<TxnRequest>::check(script::txn(under), self.max_ops)?;
        if request.is_read_only() {
            return Ok(show_txn(&self.machine.read_txn(&request)?, 0));
        }
        Ok(self.apply(Command::Txn(request)))
    }

    fn history(&self, from: i64) -> Result<String, Error> {
        let history = self.machine.history(from)?;
        Ok(history
            .map(|(main, events)| format!("{main}:\n{}", show_events(&events)))
            .collect())
    }

    fn lease(&self, id: &str) -> String {
        match self.machine.lease(script::lease(id)) {
            None => "none\n".to_owned(),
            Some(lease) => {
                let keys: Vec<_> = lease.keys.iter().map(|key| show(key)).collect();
                let keys = keys.join(" ");
                format!(
                    "ttl_s={} renewed_at_ms={} keys: {keys}\n",
                    lease.ttl_s, lease.renewed_at_ms
                )
            }
        }
    }

    fn apply(&mut self, command: Command) -> String {
        let index = self.machine.applied_index() + 1;
        let entry = Entry {
            index,
            term: self.term,
            time_ms: self.time_ms,
            author: quorate_core::auth::Author::Anonymous,
            command,
        };
        show_applied(&self.machine.apply(entry))
    }
}

/// Everything but transactions.
fn write_command(words: &[&str]) -> Result<Command, Error> {
    Ok(match words {
        ["put", words @ ..] => Command::Put(Valid::<quorate_core::request::PutRequest>::check(
            script::put(words),
        )?),
        ["del", words @ ..] => {
            type DeleteRangeRequest = quorate_core::request::DeleteRangeRequest;
            Command::DeleteRange(Valid::<DeleteRangeRequest>::check(script::delete_range(
                words,
            ))?)
        }
        ["compact", revision] => Command::Compact {
            revision: script::number(revision),
        },
        ["grant", id, ttl] => Command::LeaseGrant {
            id: script::lease(id),
            ttl_s: script::number(ttl),
        },
        ["revoke", id] => Command::LeaseRevoke {
            id: script::lease(id),
        },
        ["renew", id, at] => Command::LeaseRenew {
            renewals: vec![Renewal {
                id: script::lease(id),
                renewed_at_ms: script::number(at) as u64,
            }],
        },
        ["expire", term, ids @ ..] => Command::LeaseExpire {
            term: script::number(term) as u64,
            ids: ids.iter().map(|id| script::lease(id)).collect(),
        },
        _ => panic!("unknown command {words:?}"),
    })
}

fn show_applied(applied: &Applied) -> String {
    let mut out = match &applied.result {
        Err(error) => format!("error: {error}\n"),
        Ok(Response::Put(response)) => {
            let prev = response
                .prev_kv
                .iter()
                .map(|kv| format!("  prev {}\n", show_kv(kv)));
            format!(
                "revision={}\n{}",
                response.revision,
                prev.collect::<String>()
            )
        }
        Ok(Response::DeleteRange(response)) => {
            let prev = response
                .prev_kvs
                .iter()
                .map(|kv| format!("  prev {}\n", show_kv(kv)));
            let prev: String = prev.collect();
            format!(
                "revision={} deleted={}\n{prev}",
                response.revision, response.deleted
            )
        }
        Ok(Response::Txn(response)) => show_txn(response, 0),
        Ok(Response::LeaseExpire { expired }) => format!("expired={expired}\n"),
        Ok(_) => format!("revision={}\n", applied.revision),
    };
    out += &show_events(&applied.events);
    for change in &applied.lease_changes {
        match change {
            LeaseChange::Granted { id, ttl_s, at_ms } => {
                writeln!(
                    out,
                    "  lease {} granted: ttl_s={ttl_s} at_ms={at_ms}",
                    id.get()
                )
            }
            LeaseChange::Renewed { id, renewed_at_ms } => {
                writeln!(
                    out,
                    "  lease {} renewed: renewed_at_ms={renewed_at_ms}",
                    id.get()
                )
            }
            LeaseChange::Ended { id } => writeln!(out, "  lease {} ended", id.get()),
        }
        .unwrap();
    }
    out
}

fn show_txn(response: &TxnResponse, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let mut out = format!(
        "{pad}revision={} succeeded={}\n",
        response.revision, response.succeeded
    );
    for response in &response.responses {
        out += &match response {
            OpResponse::Range(response) => show_range(response, depth + 1),
            OpResponse::Put(response) => format!("{pad}  put revision={}\n", response.revision),
            OpResponse::DeleteRange(response) => {
                format!(
                    "{pad}  del revision={} deleted={}\n",
                    response.revision, response.deleted
                )
            }
            OpResponse::Txn(response) => show_txn(response, depth + 1),
        };
    }
    out
}

fn show_range(response: &RangeResponse, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    let more = if response.more { " more" } else { "" };
    let mut out = format!(
        "{pad}revision={} count={}{more}\n",
        response.revision, response.count
    );
    for kv in &response.kvs {
        writeln!(out, "{pad}  {}", show_kv(kv)).unwrap();
    }
    out
}

fn show_events(events: &[Event]) -> String {
    let mut out = String::new();
    for event in events {
        let (what, prev) = match event {
            Event::Put { kv, prev } => (format!("PUT {}", show_kv(kv)), prev),
            Event::Delete {
                key,
                mod_revision,
                prev,
            } => (format!("DELETE {} mod={mod_revision}", show(key)), prev),
        };
        let prev = prev.as_ref().map(|kv| format!(" after {}", show_kv(kv)));
        writeln!(out, "  {what}{}", prev.unwrap_or_default()).unwrap();
    }
    out
}

fn show_kv(kv: &KeyValue) -> String {
    let lease = kv
        .lease
        .map(|id| format!(" lease={}", id.get()))
        .unwrap_or_default();
    let KeyValue {
        create_revision,
        mod_revision,
        version,
        ..
    } = kv;
    let (key, value) = (show(&kv.key), show(&kv.value));
    format!("{key}={value} create={create_revision} mod={mod_revision} version={version}{lease}")
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
