//! From text to requests, answers and events.

use std::str::FromStr;

use super::{auth, queue, words::Words};
use crate::history::{
    Blob, Body, Compare, CompareTarget, Delete, Event, Keys, Kv, LeaseChange, Put, Range, Relation,
    Request, Txn, TxnOp,
};

pub(super) fn request(words: &mut Words<'_>) -> Result<Request, String> {
    Ok(match words.peek() {
        Some("put" | "delete" | "get") => match txn_op(words)? {
            TxnOp::Put(put) => Request::Put(put),
            TxnOp::Delete(delete) => Request::Delete(delete),
            TxnOp::Range(range) => Request::Range(range),
        },
        _ => match words.next("a request")? {
            "txn" => Request::Txn(txn(words)?),
            "compact" => Request::Compact(words.parse("a revision")?),
            "grant" => Request::LeaseGrant {
                lease: words.parse("a lease")?,
                ttl_s: words.prefixed("ttl=")?,
            },
            "revoke" => Request::LeaseRevoke(words.parse("a lease")?),
            "keepalive" => Request::LeaseKeepAlive(words.parse("a lease")?),
            "timetolive" => Request::LeaseTimeToLive(words.parse("a lease")?),
            "login" => Request::Login {
                user: words.next("a user")?.to_owned(),
                password: words.prefixed("password=")?,
            },
            "auth" => Request::Auth(auth::change(words)?),
            other => match queue::call(other, words)? {
                Some(call) => Request::Queue(call.into()),
                None => return Err(format!("`{other}` is no request")),
            },
        },
    })
}

fn txn_op(words: &mut Words<'_>) -> Result<TxnOp, String> {
    Ok(match words.next("an operation")? {
        "put" => TxnOp::Put(Put {
            key: words.parse("a key")?,
            value: words.parse("a value")?,
            lease: words.optional("lease=")?.unwrap_or(0),
            prev_kv: words.take("prev"),
        }),
        "delete" => TxnOp::Delete(Delete {
            keys: words.parse("keys")?,
            prev_kv: words.take("prev"),
        }),
        "get" => TxnOp::Range(Range {
            keys: words.parse("keys")?,
            revision: words.optional("rev=")?.unwrap_or(0),
            limit: words.optional("limit=")?.unwrap_or(0),
            serializable: words.take("serializable"),
        }),
        other => return Err(format!("`{other}` is no operation of a transaction")),
    })
}

fn txn(words: &mut Words<'_>) -> Result<Txn, String> {
    let mut txn = Txn::default();
    if !words.take("if") {
        return Err("`if` expected".into());
    }
    while !words.take("then") {
        txn.compares.push(words.next("`then`")?.parse()?);
    }
    txn.success = words.list("else", txn_op)?;
    if !words.take("else") {
        return Err("`else` expected".into());
    }
    txn.failure = words.list("", txn_op)?;
    Ok(txn)
}

pub(super) fn body(words: &mut Words<'_>) -> Result<Body, String> {
    Ok(match words.next("an answer")? {
        "put" => Body::Put {
            prev: at_most_one(was(words)?)?,
        },
        "delete" => Body::Delete {
            deleted: words.prefixed("deleted=")?,
            prevs: was(words)?,
        },
        "get" => Body::Range {
            count: words.prefixed("count=")?,
            more: words.take("more"),
            kvs: kvs(words)?,
        },
        "txn" => {
            let succeeded = words.take("then");
            if !succeeded && !words.take("else") {
                return Err("`then` or `else` expected".into());
            }
            Body::Txn {
                succeeded,
                responses: words.list("", body)?,
            }
        }
        "compact" => Body::Compact,
        "grant" => Body::LeaseGrant {
            lease: words.parse("a lease")?,
            ttl_s: words.prefixed("ttl=")?,
        },
        "revoke" => Body::LeaseRevoke,
        "keepalive" => Body::LeaseKeepAlive {
            ttl_s: words.prefixed("ttl=")?,
        },
        "timetolive" => Body::LeaseTimeToLive {
            ttl_s: words.prefixed("ttl=")?,
            granted_ttl_s: words.prefixed("granted=")?,
        },
        "login" => Body::Login {
            index: words.optional("index=")?,
        },
        "auth" => Body::Auth,
        other => match queue::answer(other, words)? {
            Some(answer) => Body::Queue(answer),
            None => return Err(format!("`{other}` is no answer")),
        },
    })
}

pub(super) fn event(words: &mut Words<'_>) -> Result<Event, String> {
    Ok(match words.next("an event")? {
        "put" => Event::Put {
            kv: words.next("a key")?.parse()?,
            prev: at_most_one(was(words)?)?,
        },
        "delete" => {
            let word = words.next("a key")?;
            let (key, revision) = word
                .split_once('@')
                .ok_or_else(|| format!("`{word}` is no deleted key"))?;
            Event::Delete {
                key: key.parse()?,
                mod_revision: number(revision)?,
                prev: at_most_one(was(words)?)?,
            }
        }
        other => return Err(format!("`{other}` is no event")),
    })
}

pub(super) fn lease_change(words: &mut Words<'_>) -> Result<LeaseChange, String> {
    let kind = words.next("a change of a lease")?;
    let lease = words.parse("a lease")?;
    Ok(match kind {
        "grant" => LeaseChange::Granted {
            lease,
            ttl_s: words.prefixed("ttl=")?,
        },
        "renew" => LeaseChange::Renewed { lease },
        "end" => LeaseChange::Ended { lease },
        other => return Err(format!("`{other}` is no change of a key or lease")),
    })
}

/// `was a b`, or nothing.
fn was(words: &mut Words<'_>) -> Result<Vec<Kv>, String> {
    if words.take("was") {
        kvs(words)
    } else {
        Ok(Vec::new())
    }
}

fn kvs(words: &mut Words<'_>) -> Result<Vec<Kv>, String> {
    let mut kvs = Vec::new();
    while words.peek().is_some_and(|word| word.contains('@')) {
        kvs.push(words.next("a key")?.parse()?);
    }
    Ok(kvs)
}

fn at_most_one(mut kvs: Vec<Kv>) -> Result<Option<Kv>, String> {
    if kvs.len() > 1 {
        Err("one earlier state at most".into())
    } else {
        Ok(kvs.pop())
    }
}

fn number(word: &str) -> Result<i64, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

impl FromStr for Keys {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let Some(inner) = word
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(')'))
        else {
            return Ok(Self::One(word.parse()?));
        };
        let (start, end) = inner
            .split_once(',')
            .ok_or_else(|| format!("`{word}` is no interval"))?;
        Ok(match end {
            "" => Self::From(start.parse()?),
            end => Self::Span(start.parse()?, end.parse()?),
        })
    }
}

impl FromStr for Kv {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let refuse = || format!("`{word}` is no key=value@revision");
        let (key, rest) = word.split_once('=').ok_or_else(refuse)?;
        let (value, revisions) = rest.split_once('@').ok_or_else(refuse)?;
        let numbers: Vec<i64> = revisions.split('/').map(number).collect::<Result<_, _>>()?;
        let (mod_revision, create_revision, version, lease) = match numbers[..] {
            [revision] => (revision, revision, 1, 0),
            [revision, create, version, lease] => (revision, create, version, lease),
            _ => return Err(refuse()),
        };
        Ok(Self {
            key: key.parse()?,
            value: value.parse()?,
            mod_revision,
            create_revision,
            version,
            lease,
        })
    }
}

impl FromStr for Compare {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let refuse = || format!("`{word}` is no compare");
        let (field, rest) = word.split_once('(').ok_or_else(refuse)?;
        let (key, rest) = rest.split_once(')').ok_or_else(refuse)?;
        let (relation, operand) = [
            ("!=", Relation::NotEqual),
            ("=", Relation::Equal),
            (">", Relation::Greater),
            ("<", Relation::Less),
        ]
        .into_iter()
        .find_map(|(sign, relation)| Some((relation, rest.strip_prefix(sign)?)))
        .ok_or_else(refuse)?;
        let target = match field {
            "version" => CompareTarget::Version(number(operand)?),
            "create" => CompareTarget::Create(number(operand)?),
            "mod" => CompareTarget::Mod(number(operand)?),
            "lease" => CompareTarget::Lease(number(operand)?),
            "value" => CompareTarget::Value(Blob::from_str(operand)?),
            _ => return Err(refuse()),
        };
        Ok(Self {
            key: key.parse()?,
            relation,
            target,
        })
    }
}
