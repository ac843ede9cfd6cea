//! From text to records.

use super::{
    auth,
    parse_op::{body, event, lease_change, request},
    queue,
    words::{Words, number_after},
};
use crate::history::{
    Event, LeaseChange, Outcome, Record, Response, Told, WatchEnd, WatchOpen, What,
};

/// Reads one line.
pub(super) fn record(line: &str) -> Result<Record, String> {
    let mut words = Words::new(line);
    let at_ns = time_ns(words.next("a time")?)?;
    let subject = words.next("a subject")?;
    let what = if subject == "cluster" {
        cluster(&mut words)?
    } else if subject == "log" {
        committed(&mut words)?
    } else if subject == "auth" {
        What::AuthChanged {
            index: words.parse("a log position")?,
            change: auth::change(&mut words)?,
        }
    } else if subject == "disputed" {
        What::Disputed {
            index: words.parse("a log position")?,
            text: words.remaining("a difference")?,
        }
    } else if subject == "panic" {
        What::Panic {
            text: words.remaining("what it said")?,
        }
    } else if subject == "fault" {
        What::Fault {
            text: words.remaining("a fault")?,
        }
    } else if subject == "passed" {
        What::Passed {
            point: words.next("a point")?.to_owned(),
            times: words.prefixed("times=")?,
        }
    } else if subject == "quiet" {
        What::Quiet {
            bound_ms: words.prefixed("bound_ms=")?,
            lost: if words.take("lost") {
                members(&mut words)?
            } else {
                Vec::new()
            },
        }
    } else if let Some(op) = number_after(subject, "op") {
        operation(op, &mut words)?
    } else if let Some(watch) = number_after(subject, "watch") {
        watch_record(watch, &mut words)?
    } else if let Some(message) = number_after(subject, "message") {
        message_record(message, &mut words)?
    } else if let Some(client) = number_after(subject, "c") {
        client_record(client, &mut words)?
    } else if let Some(member) = number_after(subject, "n") {
        member_record(member, &mut words)?
    } else {
        return Err(format!("`{subject}` is no subject of a record"));
    };
    words.end()?;
    Ok(Record { at_ns, what })
}

/// Seconds with up to nine decimals, as nanoseconds.
fn time_ns(word: &str) -> Result<u64, String> {
    let refuse = || format!("`{word}` is no time in seconds");
    let (seconds, decimals) = word.split_once('.').unwrap_or((word, ""));
    let seconds: u64 = seconds.parse().map_err(|_| refuse())?;
    if decimals.len() > 9 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    let nanos: u64 = format!("{decimals:0<9}").parse().map_err(|_| refuse())?;
    seconds
        .checked_mul(1_000_000_000)
        .and_then(|ns| ns.checked_add(nanos))
        .ok_or_else(refuse)
}

fn cluster(words: &mut Words<'_>) -> Result<What, String> {
    Ok(What::Cluster {
        members: members(words)?,
    })
}

/// `n1 n2 …` up to the end of the line.
fn members(words: &mut Words<'_>) -> Result<Vec<u64>, String> {
    let mut members = Vec::new();
    while words.peek().is_some() {
        members.push(words.prefixed("n")?);
    }
    Ok(members)
}

fn operation(op: u64, words: &mut Words<'_>) -> Result<What, String> {
    let outcome = match words.peek() {
        Some("ok") => {
            words.take("ok");
            Outcome::Ok(Response {
                revision: words.prefixed("@")?,
                body: body(words)?,
            })
        }
        Some("failed") => {
            words.take("failed");
            Outcome::Failed(words.remaining("a reason")?)
        }
        Some("unknown") => {
            words.take("unknown");
            Outcome::Unknown(words.remaining("a reason")?)
        }
        _ => {
            let (client, member) = (words.prefixed("c")?, words.prefixed("n")?);
            return Ok(What::Invoke {
                op,
                client,
                member,
                request: request(words)?,
            });
        }
    };
    Ok(What::Return { op, outcome })
}

fn watch_record(watch: u64, words: &mut Words<'_>) -> Result<What, String> {
    Ok(match words.next("what the watch saw")? {
        "created" => What::WatchCreated {
            watch,
            revision: words.prefixed("@")?,
        },
        "progress" => What::WatchProgress {
            watch,
            revision: words.prefixed("@")?,
        },
        "events" => What::WatchEvents {
            watch,
            revision: words.prefixed("@")?,
            fragment: words.take("part"),
            events: words.list("", event)?,
        },
        "closed" => What::WatchEnd {
            watch,
            why: WatchEnd::Closed,
        },
        "denied" => What::WatchEnd {
            watch,
            why: WatchEnd::Denied,
        },
        "broken" => What::WatchEnd {
            watch,
            why: WatchEnd::Broken,
        },
        "compacted" => What::WatchEnd {
            watch,
            why: WatchEnd::Compacted(words.prefixed("@")?),
        },
        "cancelled" => What::WatchEnd {
            watch,
            why: WatchEnd::Cancelled(words.remaining("a reason")?),
        },
        client => {
            let client = number_after(client, "c");
            let client = client.ok_or("a client or what the watch saw expected")?;
            let member = words.prefixed("n")?;
            if !words.take("open") {
                return Err("`open` expected".into());
            }
            What::WatchOpen(WatchOpen {
                watch,
                client,
                member,
                keys: words.parse("keys")?,
                start_revision: words.optional("from=")?.unwrap_or(0),
                prev_kv: words.take("prev"),
                no_put: words.take("no_put"),
                no_delete: words.take("no_delete"),
            })
        }
    })
}

fn message_record(message: u64, words: &mut Words<'_>) -> Result<What, String> {
    if words.take("arrived") {
        return Ok(What::Arrived { message });
    }
    let link = words.next("a link")?;
    let ends = link.split_once('>').and_then(|(from, to)| {
        let from = number_after(from, "n")?;
        Some((from, number_after(to, "n")?))
    });
    let (from, to) = ends.ok_or_else(|| format!("`n…>n…` expected, not `{link}`"))?;
    Ok(What::Sent {
        message,
        from,
        to,
        text: words.remaining("a message")?,
    })
}

fn client_record(client: u64, words: &mut Words<'_>) -> Result<What, String> {
    let does = words.next("what it does")?;
    if does != "token" {
        let seen = queue::observation(does, words)?;
        return Ok(What::Observes { client, seen });
    }
    let login = match words.take("none") {
        true => None,
        false => Some(words.prefixed("op")?),
    };
    Ok(What::Token { client, login })
}

fn committed(words: &mut Words<'_>) -> Result<What, String> {
    enum Change {
        Key(Event),
        Lease(LeaseChange),
    }
    let index = words.parse("a log position")?;
    let term = words.prefixed("term=")?;
    let revision = words.prefixed("@")?;
    let changes = words.list("", |words| match words.peek() {
        Some("put" | "delete") => event(words).map(Change::Key),
        _ => lease_change(words).map(Change::Lease),
    })?;
    let (mut events, mut leases) = (Vec::new(), Vec::new());
    for change in changes {
        match change {
            Change::Key(_) if !leases.is_empty() => {
                return Err("changes of keys come before changes of leases".into());
            }
            Change::Key(event) => events.push(event),
            Change::Lease(lease) => leases.push(lease),
        }
    }
    Ok(What::Committed {
        index,
        term,
        revision,
        events,
        leases,
    })
}

fn member_record(member: u64, words: &mut Words<'_>) -> Result<What, String> {
    Ok(match words.next("what the member did")? {
        "starts" => What::Started { member },
        "leads" => What::Leader {
            member,
            term: words.prefixed("term=")?,
        },
        "clock" => What::Clock {
            member,
            rate_ppm: words.prefixed("ppm=")?,
        },
        "skips" => What::ClockSkip {
            member,
            by_ms: words.prefixed("ms=")?,
        },
        "applied" => What::Applied {
            member,
            index: words.parse("a log position")?,
            term: words.prefixed("term=")?,
            revision: words.prefixed("@")?,
            state_hash: {
                let word = words.next("hash=")?;
                word.strip_prefix("hash=")
                    .and_then(|digits| u64::from_str_radix(digits, 16).ok())
                    .ok_or_else(|| format!("`hash=…` expected, not `{word}`"))?
            },
        },
        other => What::Told {
            member,
            told: Told::parse(other, words)?,
        },
    })
}
